"""StubResolver: runs the policy's plans on the hub, with an engine and the system's files.

A plan (``policy/plan.py``) is a generator that yields what it needs to know and is sent the answer. Questions go to the
engine, and the greenlet parks once for all of them; source addresses come from connected UDP sockets, which send
nothing. So a kill or a Timeout is raised at one place, where the questions are cancelled.
"""

from __future__ import annotations

import _socket
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar

from ...hub import Hub, get_hub, getcurrent
from ...hub.lowlevel import TIMED_OUT, park, park_for
from ..answers.cache import Cache, Entry, aged, asked_as
from ..answers.single_flight import Flights
from ..errors import Kind, ResolveError
from ..events import ResolverStats
from ..model import AddrInfo, Answer, Config, QueryOptions, Question, SockAddr
from ..names.domain import to_ascii as _ascii
from ..policy import getaddrinfo
from ..policy.explain import Explanation, steps
from ..policy.libc_or_engine import Choice
from ..policy.plan import Ask, Plan, Sources
from ..policy.search import candidates
from ..protocols import Cancel, Engine, FullResolver, Observer, Outcome, counts_of
from ..system.world import World
from .calls import Call, CallResolver

T = TypeVar("T")

_NEVER = float("inf")
_MEMO_SECONDS = 2.0  # a result depends on the kernel's routes and the services file, whose changes we do not see
_MEMO_ENTRIES = 10_000
_STRINGS = (str, bytes, type(None))
_PORTS = (int, str, bytes, type(None))
# getaddrinfo has a method of its own: see there.
_PLANS: dict[str, Callable[..., Plan[Any]]] = {
    "getnameinfo": getaddrinfo.getnameinfo,
    "gethostbyname": getaddrinfo.gethostbyname,
    "gethostbyname_ex": getaddrinfo.gethostbyname_ex,
    "gethostbyaddr": getaddrinfo.gethostbyaddr,
}


def ask(engine: Engine | Flights, questions: tuple[Question, ...], ends: float | None = None) -> list[Outcome]:
    """Ask all at once and park until all are answered; returns the outcomes in order.

    A kill or a Timeout cancels what is still unanswered. ResolveError for a question that cannot be sent, and with
    Kind.TIMEOUT when the hub's clock reaches ``ends`` first.
    """
    hub = get_hub()
    if len(questions) == 1:
        return [ask_one(hub, engine, questions[0], ends)]
    left = None if ends is None else max(ends - hub.now(), 0)
    gather = _Gather(hub, len(questions))
    try:
        for index, question in enumerate(questions):
            gather.cancels.append(engine.submit(question, gather.at(index)))
    except BaseException:
        gather.cancel()
        raise
    if left is None:
        park(gather.cancel)
    elif park_for(gather.cancel, left) is TIMED_OUT:
        raise _over(questions[0])
    return gather.outcomes


def ask_one(hub: Hub, engine: Engine | Flights, question: Question, ends: float | None) -> Outcome:
    """As ``ask``, for one question."""
    left = None if ends is None else max(ends - hub.now(), 0)
    outcome: Any = park_for(engine.submit(question, partial(hub.unpark, getcurrent())), left)
    if outcome is TIMED_OUT:
        raise _over(question)
    return outcome  # type: ignore[no-any-return]


def _over(question: Question) -> ResolveError:
    return ResolveError(Kind.TIMEOUT, question.name, detail="no answer before the lookup's deadline")


class _Gather:
    """The outcomes of several questions, for one parked greenlet; the last one wakes it."""

    __slots__ = ("_hub", "_left", "_waiter", "cancels", "outcomes")

    def __init__(self, hub: Hub, count: int) -> None:
        self._hub = hub
        self._waiter = getcurrent()
        self._left = count
        self.outcomes: list[Any] = [None] * count
        self.cancels: list[Cancel] = []

    def at(self, index: int) -> Callable[[Outcome], None]:
        def done(outcome: Outcome) -> None:
            self.outcomes[index] = outcome
            self._left -= 1
            if not self._left:
                self._hub.unpark(self._waiter, True)

        return done

    def cancel(self) -> None:
        for cancel, outcome in zip(self.cancels, self.outcomes, strict=False):
            if outcome is None:
                cancel()


def source_of(destination: SockAddr) -> str | None:
    """The address that the kernel would send from to ``destination``; None if there is no route.

    Connects a UDP socket, which chooses a route and sends nothing (RFC 6724 §4 leaves the means open).
    """
    family = _socket.AF_INET6 if ":" in destination[0] else _socket.AF_INET
    try:
        probe = _socket.socket(family, _socket.SOCK_DGRAM)
    except OSError:
        return None
    try:
        probe.connect(destination)
        return str(probe.getsockname()[0])
    except OSError:
        return None
    finally:
        probe.close()


class _Seat:
    """An engine in one hub, with the configuration it was made from and how many lookups run on it."""

    __slots__ = ("config", "flights", "retired", "users")

    def __init__(self, flights: Flights, config: Config) -> None:
        self.flights = flights
        self.config = config
        self.users = 0
        self.retired = False

    def leave(self) -> None:
        """One lookup less. The last lookup of a retired engine closes it."""
        self.users -= 1
        if self.retired and not self.users:
            self.flights.close()

    def retire(self) -> None:
        """Take no new lookups; those under way end on this engine."""
        if not self.retired:
            self.retired = True
            if not self.users:
                self.flights.close()

    def end(self) -> None:
        """The hub ends: greenlets in a lookup never run again, and never leave."""
        self.retired = True
        self.flights.close()


class _Lookup:
    """One call under way: when it ends, the engine that it uses, and how long its result may be kept."""

    __slots__ = ("asked", "ends", "expires", "seat")

    def __init__(self, ends: float | None) -> None:
        self.asked = False  # whether anything was not in the cache
        self.ends = ends
        self.expires = _NEVER
        self.seat: _Seat | None = None


class Elsewhere(Protocol):
    """Says which lookups are another resolver's: called with a host or address, it gives that resolver, or None."""

    def __call__(self, name: Any, reverse: bool = False) -> FullResolver | None: ...

    def choice(self, name: str, reverse: bool = False) -> Choice: ...

    def close(self) -> None: ...


class StubResolver(CallResolver):
    """libc's answers over any engine. One object serves all hubs; each hub gets its own engine at its first question.

    ``make`` makes an engine for the calling thread's hub, ``world`` gives what the system's files say now. When the
    configuration changes, new lookups get a new engine, and those in flight end on the old one. ``cache`` is shared by
    all hubs, None for none; ``deadline`` bounds each lookup as a whole, in seconds. ``asking`` is what ``query`` asks
    with where a question has no options; ``elsewhere`` says which names are another resolver's; ``observer`` is told
    of each step.
    """

    cache: Cache | None = None

    def __init__(
        self,
        name: str,
        make: Callable[[Config], Engine],
        world: Callable[[], World],
        *,
        cache: Cache | None = None,
        deadline: float | None = None,
        asking: QueryOptions | None = None,
        elsewhere: Elsewhere | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.name = name
        self.cache = cache
        self.deadline = deadline
        self._asking = asking
        self._elsewhere = elsewhere
        self._observer = observer
        self._make = make
        self._world = world
        self._closed = False
        self._lookups = 0
        self._errors: dict[str, int] = {}
        self._config: Config | None = None
        self._memo: dict[object, tuple[list[AddrInfo], object, World, int, float]] = {}

    def __repr__(self) -> str:
        return f"<StubResolver over {self.name}>"

    @property
    def idna(self) -> int:
        """The year of the standard that names are encoded by."""
        return self._world().ways.idna

    def _seat(self, hub: Hub, config: Config) -> _Seat:
        seat: _Seat | None = hub.vars.get(self)
        if seat is not None:
            if seat.config is config:
                return seat
            if seat.config == config:
                seat.config = config  # the next comparison is one of identity
                return seat
        if self._closed:
            raise ResolveError(Kind.CANCELLED, "", detail=f"{self!r} is closed")
        if seat is not None:
            seat.retire()
        if self._config != config:
            if self._config is not None and self.cache is not None:
                self.cache.flush()  # what other servers said
            self._config = config
        now = lambda: hub.now()  # noqa: E731, PLW0108  (a test may put another clock in the hub)
        flights = Flights(self._make(config), self.cache, now, hub.call_later)
        made = hub.vars[self] = _Seat(flights, config)
        hub.on_close(made.end)
        return made

    def _run(self, lookup: _Lookup, plan: Plan[T], config: Config) -> T:
        """A plan from its beginning to its end."""
        self._lookups += 1
        if self._observer is not None:
            self._observer.planned()
        try:
            return self._play(lookup, plan, config)
        except ResolveError as error:
            self._count(error)
            raise
        finally:
            if lookup.seat is not None:
                lookup.seat.leave()

    def _count(self, error: ResolveError) -> None:
        self._errors[error.kind.value] = self._errors.get(error.kind.value, 0) + 1

    def _play(self, lookup: _Lookup, plan: Plan[T], config: Config) -> T:
        """A plan, with whatever it wants to know."""
        try:
            request = next(plan)
            while True:
                if isinstance(request, Ask):
                    request = plan.send(self._outcomes(request.questions, config, lookup))
                elif isinstance(request, Sources):
                    request = plan.send([source_of(one) for one in request.destinations])
                else:
                    lookup.asked = True  # the function may return something else next time
                    request = plan.send(request.function(request.name))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # a plan's value is its T

    def _short(
        self, lookup: _Lookup, question: Question, world: World, host: Any, port: Any, family: int, type: int
    ) -> list[AddrInfo]:
        """As ``_run`` with the plan of ``getaddrinfo`` for one family, which begins with this question.

        An IPv4 address needs no plan: that saves a third of what a lookup costs in Python. Nobody observes.
        """
        self._lookups += 1
        try:
            outcome = self._outcome(question, world.config, lookup)
            if outcome.__class__ is not ResolveError and (one := outcome.one) is not None:
                return getaddrinfo.of_one(one, port, type)
            plan = getaddrinfo.answered(world, host, port, family, type, (question,), [outcome])
            return self._play(lookup, plan, world.config)
        except ResolveError as error:
            self._count(error)
            raise
        finally:
            if lookup.seat is not None:
                lookup.seat.leave()

    def _outcome(self, question: Question, config: Config, lookup: _Lookup) -> Any:
        """As ``_outcomes`` of a lookup's first question, where nobody observes."""
        hub = get_hub()
        seat: _Seat | None = hub.vars.get(self)
        if seat is None or seat.config is not config:
            seat = self._seat(hub, config)
        lookup.seat = seat
        seat.users += 1
        cache = self.cache
        if cache is not None:
            now = hub.now()
            entry = cache.get(question, now)
            if entry is not None:
                lookup.expires = entry.expires
                if cache.policy.prefetch and cache.wants_refresh(entry, now):
                    seat.flights.refresh(question)
                answer = entry.answer
                return answer if answer.one is not None else asked_as(question, answer)
        lookup.asked = True
        return ask_one(hub, seat.flights, question, lookup.ends)

    def _lookup(self, deadline: float | None = None) -> _Lookup:
        deadline = deadline or self.deadline
        return _Lookup(None if deadline is None else get_hub().now() + deadline)

    def _take_seat(self, hub: Hub, config: Config, lookup: _Lookup) -> _Seat:
        """The engine that the lookup runs on from now to its end."""
        seat = lookup.seat
        if seat is None:
            seat = lookup.seat = self._seat(hub, config)
            seat.users += 1
        return seat

    def _read(self, questions: tuple[Question, ...], seat: _Seat, lookup: _Lookup, now: float) -> list[Entry | None]:
        """What the cache has for each question, empty if it has nothing. Renews what is near its end.

        Only this and ``_outcome`` read the cache.
        """
        cache = self.cache
        # A loop, as a comprehension's cells are objects that lie around while we wait: work for the garbage collector.
        entries: list[Entry | None] = []
        found = False
        for question in questions:
            entry = None if cache is None else cache.get(question, now)
            entries.append(entry)
            if entry is not None:
                found = True
                lookup.expires = min(lookup.expires, entry.expires)
        if self._observer is not None:
            self._observer.read(questions, entries, now)
        if not found or cache is None:
            return []
        if cache.policy.prefetch:
            for question, kept in zip(questions, entries, strict=True):
                if kept is not None and cache.wants_refresh(kept, now):
                    seat.flights.refresh(question)
        return entries

    def _outcomes(self, questions: tuple[Question, ...], config: Config, lookup: _Lookup) -> list[Outcome]:
        hub = get_hub()
        seat = self._take_seat(hub, config, lookup)
        entries = self._read(questions, seat, lookup, hub.now())
        missing = questions
        if entries:
            missing = tuple([one for one, entry in zip(questions, entries, strict=True) if entry is None])
        came: list[Outcome] = []
        if missing:
            lookup.asked = True
            came = ask(seat.flights, missing, lookup.ends)
            if self._observer is not None:
                self._observer.came(came)
            if not entries:
                return came
        came.reverse()
        return [
            came.pop() if entry is None else asked_as(question, entry.answer)
            for question, entry in zip(questions, entries, strict=True)
        ]

    def getaddrinfo(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[AddrInfo]:
        """See ``socket.getaddrinfo``; parks the calling greenlet only."""
        world = self._world()
        cache = self.cache
        key = (host, port, family, type, proto, flags)
        try:
            kept = self._memo.get(key)
            family | type | proto | flags
            numbers = True
        except TypeError:
            kept, numbers = None, False
        if (
            kept is not None
            and kept[1] is port.__class__
            and kept[2] is world
            and kept[4] > get_hub().now()
            and (cache is None or kept[3] == cache.generation)
        ):
            return kept[0].copy()
        if self._elsewhere is not None and (other := self._elsewhere(host)) is not None:
            return other.getaddrinfo(host, port, family, type, proto, flags)
        generation = cache.generation if cache is not None else 0
        lookup = _Lookup(None) if self.deadline is None else self._lookup()
        questions = None
        if numbers and family and self._observer is None:
            questions = getaddrinfo.first_questions(world, host, port, family, type, proto, flags)
        result: list[AddrInfo]
        if questions is not None and len(questions) == 1:
            result = self._short(lookup, questions[0], world, host, port, family, type)
        else:
            plan = getaddrinfo.getaddrinfo if numbers else getaddrinfo.checked
            result = self._run(lookup, plan(world, host, port, family, type, proto, flags), world.config)
        if lookup.asked:
            return result  # kept from the second time on: most names of a crawl come once only
        expires = min(lookup.expires, get_hub().now() + _MEMO_SECONDS)
        if expires > 0 and isinstance(host, _STRINGS) and port.__class__ in _PORTS:
            if len(self._memo) >= _MEMO_ENTRIES:
                self._memo.clear()
            self._memo[key] = (result.copy(), port.__class__, world, generation, expires)
        return result

    def call(self, call: Call) -> Any:
        """See CallResolver."""
        if self._elsewhere is not None and (other := self._elsewhere(call.subject, call.reverse)) is not None:
            return call.on(other)
        world = self._world()
        return self._run(self._lookup(), _PLANS[call.name](world, *call.args), world.config)

    def query(self, question: Question, deadline: float | None = None) -> Answer:
        """Ask one question as it stands, without hosts file and search list. Raises ResolveError when no reply came.

        ``deadline`` is in seconds, in place of the resolver's own.
        """
        if question.options is None and self._asking is not None:
            question = question._replace(options=self._asking)
        self._lookups += 1
        lookup = self._lookup(deadline)
        hub = get_hub()
        now = hub.now()
        seat = self._take_seat(hub, self._world().config, lookup)
        try:
            for entry in self._read((question,), seat, lookup, now):
                if entry is not None and self.cache is not None:
                    return asked_as(question, aged(entry, now, self.cache.policy))
            outcomes = ask(seat.flights, (question,), lookup.ends)
            if self._observer is not None:
                self._observer.came(outcomes)
        finally:
            seat.leave()
        outcome = outcomes[0]
        if isinstance(outcome, ResolveError):
            self._count(outcome)
            raise outcome.fresh()
        return outcome

    def stats(self) -> ResolverStats:
        """See FullResolver. What is counted by hub is the calling hub's."""
        seat: _Seat | None = get_hub().vars.get(self)
        cache = self.cache.stats() if self.cache is not None else None
        flights = seat.flights if seat is not None else None
        return ResolverStats(
            self.name,
            self._lookups,
            dict(self._errors),
            seat.users if seat is not None else 0,
            len(flights) if flights is not None else 0,
            len(self._memo),
            counts_of(flights.engine) if flights is not None else {},
            cache,
        )

    def explain(self, name: str) -> Explanation:
        """See FullResolver."""
        reason = "it was chosen"
        if self._elsewhere is not None:
            choice = self._elsewhere.choice(name)
            if choice.who == "thread":
                return Explanation(name, "thread, libc itself", choice.reason)
            reason = choice.reason
        return Explanation(name, self.name, reason, steps(self._world(), name, self.cache, get_hub().now()))

    def discard(self, host: str, address: str) -> bool:
        """See FullResolver. Every name that the search list makes of the host counts."""
        cache = self.cache
        if cache is None:
            return False
        world = self._world()
        names = candidates(_ascii(host), world.config, world.aliases)
        found = [cache.discard(one, address) for one in names]  # all of them: the address may be under several
        return any(found)

    def close(self) -> None:
        """Take no more lookups, and close this hub's engine once the lookups under way have ended.

        The engines of other hubs close with their threads.
        """
        self._closed = True
        if self._elsewhere is not None:
            self._elsewhere.close()
        seat: _Seat | None = get_hub().vars.pop(self, None)
        if seat is not None:
            seat.retire()
