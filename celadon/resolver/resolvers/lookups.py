"""Lookups as generators: all that a StubResolver does except waiting for its servers.

A plan (``policy/plan.py``) is a generator that yields what it needs to know and is sent the answer. Here source
addresses, the cache, the memo and the engine of the place are added, and what is left to do is yielded: ``Asked``,
questions for an engine, whose outcomes are sent back, or ``OtherCall``, for another resolver. So there is one
place that waits for each kind of loop: ``stub`` parks a greenlet, ``aio`` awaits.
"""

from __future__ import annotations

import _socket
from collections.abc import Callable, Generator
from typing import Any, NamedTuple, Protocol, TypeVar

from ...hub import Hub
from ..answers.cache import Cache, Entry, Key, Packed, aged, asked_as, key_of, unpacked
from ..answers.single_flight import Flights
from ..errors import Kind, ResolveError
from ..events import ResolverStats
from ..model import CLASS_IN, AddrInfo, Answer, Config, QueryOptions, Question, SockAddr, new_tuple
from ..policy import getaddrinfo
from ..policy.libc_or_engine import Choice
from ..policy.plan import Ask, Plan, Sources
from ..policy.sources import TYPE_OF
from ..protocols import Cancel, Done, Engine, FullResolver, Observer, Outcome, Place, counts_of
from ..system.world import World
from .calls import Call

T = TypeVar("T")

_NEVER = float("inf")
# A result depends on the system's files, which are not looked at for what is kept, and on the kernel's routes and the
# services file, whose changes we do not see.
_MEMO_SECONDS = 1.0
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

#: Questions to be asked side by side, by when they must be answered. The reply is their outcomes, in order.
Asked = tuple[Flights, tuple[Question, ...], "float | None"]


class OtherCall(NamedTuple):
    """A call that another resolver makes, in at most ``seconds``. The reply is its result."""

    resolver: FullResolver
    call: Call
    seconds: float | None = None


Steps = Generator[Asked | OtherCall, Any, T]


def over(question: Question) -> ResolveError:
    """The error of a lookup whose time has come before the answer to this question."""
    return ResolveError(Kind.TIMEOUT, question.name, detail="no answer before the lookup's deadline")


class SideBySide:
    """Several questions at once: ``done`` is called with their outcomes, in order, when all are there.

    ``submit`` raises what the engine's raises, and has cancelled the others then.
    """

    __slots__ = ("_cancels", "_done", "_left", "_outcomes")

    def __init__(
        self, engine: Engine | Flights, questions: tuple[Question, ...], done: Callable[[Any], object]
    ) -> None:
        self._done = done
        self._left = len(questions)
        self._outcomes: list[Any] = [None] * self._left
        self._cancels: list[Cancel] = []
        try:
            for index, question in enumerate(questions):
                self._cancels.append(engine.submit(question, self._at(index)))
        except BaseException:
            self.cancel()
            raise

    def _at(self, index: int) -> Done:
        def done(outcome: Outcome) -> None:
            self._outcomes[index] = outcome
            self._left -= 1
            if not self._left:
                self._done(self._outcomes)

        return done

    def cancel(self) -> None:
        """Cancel what is not answered."""
        for cancel, outcome in zip(self._cancels, self._outcomes, strict=False):
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


class Seat:
    """An engine in one hub, with the configuration it was made from and how many lookups run on it."""

    __slots__ = ("config", "flights", "retired", "users")

    def __init__(self, flights: Flights, config: Config) -> None:
        self.flights: Flights = flights
        self.config: Config = config
        self.users: int = 0
        self.retired: bool = False

    def leave(self) -> None:
        """One lookup less. The last lookup of a retired engine closes it."""
        self.users -= 1
        self.left()

    def left(self) -> None:
        """See ``leave``: a lookup has left."""
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


#: A lookup that ``Lookups._wait`` waits for: the engine that it uses, its question's key, the question, when it ends,
#: and a ``getaddrinfo``'s arguments. A tuple, which is made at a fifth of an object's price.
Waited = tuple[Seat, Key, Question, "float | None", World, tuple[Any, ...]]
Arguments = tuple[Any, ...]


class Lookup:
    """One call under way: when it ends, the engine that it uses, and how long its result may be kept."""

    __slots__ = ("asked", "ends", "expires", "seat")

    seat: Any  # a Seat, None before there is one

    def __init__(self, ends: float | None) -> None:
        self.asked: bool = False  # whether anything was not in the cache
        self.ends: float | None = ends
        self.expires: float = _NEVER
        self.seat = None


class Elsewhere(Protocol):
    """Says which lookups are another resolver's: called with a host or address, it gives that resolver, or None."""

    def __call__(self, name: Any, reverse: bool = False) -> FullResolver | None: ...

    def choice(self, name: str, reverse: bool = False) -> Choice: ...

    def close(self) -> None: ...


class Lookups:
    """libc's answers over any engine, for one kind of Place: a subclass says which, and waits; see the module.

    One object serves all places of that kind; each gets its own engine at its first question. ``make`` makes an engine:
    for the calling thread's hub it is called with a Config, for other loops with that and a Runtime. ``world`` gives
    what the system's files say now. When the configuration changes, new lookups get a new engine, and those in flight
    end on the old one. ``cache`` is shared by all places, None for none; ``deadline`` bounds each lookup as a whole, in
    seconds. ``asking`` is what ``query`` asks with where a question has no options; ``elsewhere`` says which names are
    another resolver's; ``observer`` is told of each step.
    """

    cache: Cache | None = None
    #: Gives the Place of the caller.
    place: Callable[[], Any]

    def __init__(
        self,
        name: str,
        make: Callable[..., Engine],
        world: Callable[[], World],
        *,
        cache: Cache | None = None,
        deadline: float | None = None,
        asking: QueryOptions | None = None,
        elsewhere: Elsewhere | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.name = name
        self._place: Callable[[], Any] = self.place  # of the instance, since that is found faster
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
        self._memo: dict[object, tuple[list[AddrInfo], object, int, float]] = {}
        self._memo_of: World | None = None

    @property
    def idna(self) -> int:
        """The year of the standard that names are encoded by."""
        return self._world().ways.idna

    def _seat(self, place: Place, config: Config) -> Seat:
        seat: Seat | None = place.vars.get(self)
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
        now = lambda: place.now()  # noqa: E731, PLW0108  (a test may put another clock in the hub)
        engine = self._make(config) if isinstance(place, Hub) else self._make(config, place)
        made = place.vars[self] = Seat(Flights(engine, self.cache, now, place.call_later), config)
        place.on_close(made.end)
        return made

    def _take_seat(self, place: Place, config: Config, lookup: Lookup) -> Seat:
        """The engine that the lookup runs on from now to its end."""
        seat: Seat | None = lookup.seat
        if seat is None:
            seat = place.vars.get(self)
            if seat is None or seat.config is not config:
                seat = self._seat(place, config)
            lookup.seat = seat
            seat.users += 1
        return seat

    def _lookup(self, place: Place, deadline: float | None = None) -> Lookup:
        deadline = deadline or self.deadline
        return Lookup(None if deadline is None else place.now() + deadline)

    def _count(self, error: ResolveError) -> None:
        self._errors[error.kind.value] = self._errors.get(error.kind.value, 0) + 1

    def _read(self, questions: tuple[Question, ...], seat: Seat, lookup: Lookup, now: float) -> list[Entry | None]:
        """What the cache has for each question, empty if it has nothing. Renews what is near its end.

        Only this and ``_short`` read the cache.
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

    def _play(self, place: Place, lookup: Lookup, plan: Plan[T], config: Config) -> Steps[T]:
        """A plan, with whatever it wants to know."""
        try:
            request = next(plan)
            while True:
                if isinstance(request, Ask):
                    questions = request.questions
                    seat = self._take_seat(place, config, lookup)
                    entries = self._read(questions, seat, lookup, place.now())
                    missing = questions
                    if entries:
                        missing = tuple([one for one, entry in zip(questions, entries, strict=True) if entry is None])
                    came: list[Outcome] = []
                    if missing:
                        lookup.asked = True
                        came = yield seat.flights, missing, lookup.ends
                        if self._observer is not None:
                            self._observer.came(came)
                    request = plan.send(came if not entries else _together(questions, entries, came))
                elif isinstance(request, Sources):
                    request = plan.send([source_of(one) for one in request.destinations])
                else:
                    lookup.asked = True  # the function may return something else next time
                    request = plan.send(request.function(request.name))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # a plan's value is its T

    def _run(self, place: Place, lookup: Lookup, plan: Plan[T], config: Config) -> Steps[T]:
        """A plan from its beginning to its end."""
        self._lookups += 1
        if self._observer is not None:
            self._observer.planned()
        return (yield from self._ended(place, lookup, plan, config))

    def _ended(self, place: Place, lookup: Lookup, plan: Plan[T], config: Config) -> Steps[T]:
        """A plan to its end."""
        try:
            return (yield from self._play(place, lookup, plan, config))
        except ResolveError as error:
            self._count(error)
            raise
        finally:
            if lookup.seat is not None:
                lookup.seat.leave()

    def _here(self) -> Place | None:
        """The Place of the caller if it has one already."""
        try:
            place: Place = self._place()
        except RuntimeError:
            return None  # no loop runs
        return place

    # -- what a subclass does -----------------------------------------------------------------------------------

    def _drive(self, place: Any, steps: Steps[T]) -> Any:
        """Take these steps: ask what they yield, and send them the outcomes."""
        raise NotImplementedError

    def _wait(self, place: Any, waited: Waited, then: Callable[[Any, Waited, Outcome], Any]) -> Any:
        """Ask the question of ``waited`` on its engine, and call ``then`` with the outcome, or ``_failed``.

        What ``then`` returns is the result, or a generator of steps to it. For lookups that begin with one question and
        mostly need no plan: to have no generator there saves a third of what such a lookup costs in Python.
        """
        raise NotImplementedError

    # -- the calls ----------------------------------------------------------------------------------------------

    def getaddrinfo(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        """See ``socket.getaddrinfo``: its result if it is kept, else what ``_drive`` or ``_wait`` gives."""
        cache = self.cache
        call = (host, port, family, type, proto, flags)
        place_of = self._place  # two steps, as the call of an instance's attribute is slower in 3.11
        place: Place = place_of()
        try:
            kept = self._memo.get(call)
            if kept is not None:
                found, port_class, generation, expires = kept
                if port_class is port.__class__ and expires > place.now():
                    family | type | proto | flags
                    if cache is None or generation == cache.generation:
                        return found.copy()
        except TypeError:
            pass  # a list, or 2.0, which is equal to 2: refused below
        world = self._world()
        if world is not self._memo_of:
            self._memo.clear()
            self._memo_of = world
        if self._elsewhere is not None and (other := self._elsewhere(host)) is not None:
            return self._drive(place, _by(other, Call("getaddrinfo", call), self.deadline))
        key = getaddrinfo.first_key(world, host, port, family, type, proto, flags)
        if key is None or self._observer is not None:
            return self._drive(place, self._planned(place, world, call))
        self._lookups += 1
        seat: Seat | None = place.vars.get(self)  # as `_take_seat`, without the call
        if seat is None or seat.config is not world.config:
            try:
                seat = self._seat(place, world.config)
            except ResolveError as error:
                self._count(error)
                raise
        seat.users += 1
        question = new_tuple(Question, (host, TYPE_OF[family], CLASS_IN, None))  # as ``asking``, without a call
        ends = None if self.deadline is None else place.now() + self.deadline
        waited = seat, key, question, ends, world, call
        if cache is not None:
            now = place.now()
            hit = cache.find(key, now)
            if hit is not None:
                return self._hit(place, waited, cache, hit, now)
        return self._wait(place, waited, self._answered)

    def _planned(self, place: Place, world: World, call: Arguments) -> Steps[list[AddrInfo]]:
        """The steps of a ``getaddrinfo`` from the beginning."""
        lookup = self._lookup(place)
        plan = getaddrinfo.getaddrinfo(world, *call)
        return self._remember(place, lookup, world, call, self._run(place, lookup, plan, world.config))

    def _hit(self, place: Place, waited: Waited, cache: Cache, hit: Entry | Packed, now: float) -> Any:
        """The result of a ``getaddrinfo`` whose question the cache has, or what ``_drive`` gives for steps to it."""
        seat, _, question, _, world, call = waited
        if hit.__class__ is tuple and not cache.policy.prefetch:
            return self._kept(place, waited, hit[6:8], hit[9])
        entry = unpacked(question, hit)
        if cache.policy.prefetch and cache.wants_refresh(entry, now):
            seat.flights.refresh(question)
        if (one := entry.answer.one) is not None:
            return self._kept(place, waited, one, entry.expires)
        lookup = self._lookup(place)
        lookup.seat, lookup.expires = seat, entry.expires
        outcomes: list[Outcome] = [asked_as(question, entry.answer)]
        plan = getaddrinfo.answered(world, *call[:4], (question,), outcomes)  # type: ignore[call-arg]  # four
        steps = self._ended(place, lookup, plan, world.config)
        return self._drive(place, self._remember(place, lookup, world, call, steps))

    def _kept(self, place: Place, waited: Waited, one: tuple[int, str], expires: float) -> list[AddrInfo]:
        """The result of a ``getaddrinfo`` for which the cache has one address."""
        seat, _, _, _, world, call = waited
        seat.leave()
        result = getaddrinfo.of_one(one, call[1], call[3])
        self._keep(place, world, call, self.cache.generation, expires, result)  # type: ignore[union-attr]
        return result

    def _answered(self, place: Place, waited: Waited, outcome: Outcome) -> list[AddrInfo] | Steps[list[AddrInfo]]:
        """The result of a lookup given to ``_wait``, or the steps to it, by the outcome of its question."""
        one = outcome.one
        if one is not None:
            seat, _, _, _, _, call = waited
            seat.users -= 1  # as ``leave``, without a call
            if seat.retired:
                seat.left()
            return getaddrinfo.of_one(one, call[1], call[3])
        seat, _, question, ends, world, call = waited
        lookup = Lookup(ends)
        lookup.asked, lookup.seat = True, seat
        plan = getaddrinfo.answered(world, *call[:4], (question,), [outcome])  # type: ignore[call-arg]  # four
        return self._ended(place, lookup, plan, world.config)

    def _failed(self, waited: Waited, error: BaseException) -> None:
        """A lookup given to ``_wait`` ends without an outcome: its waiter was killed, or its time is over."""
        waited[0].leave()
        if isinstance(error, ResolveError):
            self._count(error)

    def _remember(
        self, place: Place, lookup: Lookup, world: World, call: Arguments, steps: Steps[list[AddrInfo]]
    ) -> Steps[list[AddrInfo]]:
        """The steps of a ``getaddrinfo``, whose result is kept if it came from the cache."""
        generation = self.cache.generation if self.cache is not None else 0
        result = yield from steps
        if not lookup.asked:  # kept from the second time on: most names of a crawl come once only
            self._keep(place, world, call, generation, lookup.expires, result)
        return result

    def _keep(
        self, place: Place, world: World, call: Arguments, generation: int, expires: float, result: list[AddrInfo]
    ) -> None:
        """Have the memo give this result for a while."""
        expires = min(expires, place.now() + _MEMO_SECONDS)
        if world is self._memo_of and expires > 0 and isinstance(call[0], _STRINGS) and call[1].__class__ in _PORTS:
            if len(self._memo) >= _MEMO_ENTRIES:
                self._memo.clear()
            self._memo[call] = (result.copy(), call[1].__class__, generation, expires)

    def call(self, call: Call) -> Any:
        """Any of the standard library's calls but ``getaddrinfo``; see CallResolver."""
        place = self._place()
        if self._elsewhere is not None and (other := self._elsewhere(call.subject, call.reverse)) is not None:
            return self._drive(place, _by(other, call, self.deadline))
        world = self._world()
        plan = _PLANS[call.name](world, *call.args)
        return self._drive(place, self._run(place, self._lookup(place), plan, world.config))

    def query(self, question: Question, deadline: float | None = None) -> Any:
        """Ask one question as it stands, without hosts file and search list. Raises ResolveError when no reply came.

        ``deadline`` is in seconds, in place of the resolver's own.
        """
        if question.options is None and self._asking is not None:
            question = question._replace(options=self._asking)
        self._lookups += 1
        place: Place = self._place()
        lookup = self._lookup(place, deadline)
        world = self._world()
        seat = self._take_seat(place, world.config, lookup)
        waited: Waited = seat, key_of(question), question, lookup.ends, world, ()
        if self.cache is None and self._observer is None:
            return self._wait(place, waited, self._came)
        now = place.now()
        for entry in self._read((question,), seat, lookup, now):
            if entry is not None and self.cache is not None:
                seat.leave()
                return asked_as(question, aged(entry, now, self.cache.policy))
        return self._wait(place, waited, self._came)

    def _came(self, place: Place, waited: Waited, outcome: Outcome) -> Answer:
        """The result of a query."""
        waited[0].leave()
        if self._observer is not None:
            self._observer.came([outcome])
        if isinstance(outcome, ResolveError):
            self._count(outcome)
            raise outcome.fresh()
        return outcome

    def stats(self) -> ResolverStats:
        """See FullResolver. What is counted by place is the caller's."""
        seat: Seat | None = self._place().vars.get(self)
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

    def close(self) -> None:
        """Take no more lookups, and close this place's engine once the lookups under way have ended.

        The engines of other places close with them.
        """
        self._closed = True
        if self._elsewhere is not None:
            self._elsewhere.close()
        here = self._here()
        seat: Seat | None = here.vars.pop(self, None) if here is not None else None
        if seat is not None:
            seat.retire()


def _by(resolver: FullResolver, call: Call, seconds: float | None) -> Steps[Any]:
    return (yield OtherCall(resolver, call, seconds))


def asked(resolver: FullResolver, call: Call) -> Steps[Any]:
    """The result of a call on a resolver, whose calls may give steps to it."""
    found = call.on(resolver)
    return (yield from found) if isinstance(found, Generator) else found


def played(steps: Steps[T]) -> T:
    """The result of steps that ask nobody outside: those of calls on a resolver that waits by itself."""
    try:
        next(steps)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise AssertionError("there is nobody to wait for an answer")


def _together(questions: tuple[Question, ...], entries: list[Entry | None], came: list[Outcome]) -> list[Outcome]:
    """What the cache had and what the servers said, in the order of the questions."""
    came.reverse()
    return [
        came.pop() if entry is None else asked_as(question, entry.answer)
        for question, entry in zip(questions, entries, strict=True)
    ]
