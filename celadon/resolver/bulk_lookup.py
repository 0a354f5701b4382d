"""Many questions, lazily: names in, outcomes out as they come, bounded in memory, without a greenlet per name.

Exactly one outcome for each question, whatever happens to it; what is asked twice at a time goes out once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from itertools import chain, islice
from typing import Any, Generic, TypeVar

from ..hub import getcurrent, sleep
from ..hub.lowlevel import park, unpark
from . import registry
from .answers.cname import pruned
from .dns.exchange import Tuning
from .errors import Kind, ResolveError, ResolverConfigError
from .model import Answer, Config, Question, Server, asking
from .names.domain import to_ascii
from .names.record_type import parse_type
from .protocols import Cancel, Engine, Outcome, Runtime
from .system.reload import System
from .system.servers import parse_server

K = TypeVar("K")

PATIENCE = 2.0  # seconds per try
TRIES = 4
_RUN = 64  # questions asked, and outcomes given, before other greenlets get their turn


def run(
    asked: Iterable[tuple[K, Question | ResolveError]],
    engine: Engine,
    concurrency: int,
    *,
    ordered: bool = False,
    pending: Callable[[Callable[[], None]], None] | None = None,
    later: object = None,
) -> Generator[tuple[K, Outcome], None, None]:
    """One ``(key, outcome)`` for each ``(key, question)``, in the order of the answers or of the questions.

    ``asked`` is read only as fast as outcomes are taken, at most ``concurrency`` ahead. An error in place of a question
    comes through as its outcome. A source that may have nothing for now says so by the item ``later``, and calls what
    ``pending`` gives it once it has more. Parks the calling greenlet; closing the generator cancels what is in flight.
    """
    lookups = Batch(asked, engine, concurrency, ordered, later)
    try:
        while True:
            lookups.ask_more()
            if lookups.ready:
                yield from lookups.take()
                if lookups.ready:
                    sleep(0)
            elif not lookups.exhausted and not lookups.dry and lookups.count < concurrency:
                sleep(0)
            elif lookups.flight or lookups.dry:
                park(lookups.wake_by(partial(unpark, getcurrent()), pending))
            elif lookups.exhausted:
                return
    finally:
        lookups.cancel()


class Batch(Generic[K]):
    """The lookups of one run: what is still to be read, what is in flight, and what is ready to be taken.

    Its user asks for more, takes what is ready, and waits, on the hub or elsewhere, until ``wake_by``'s function is
    called.
    """

    __slots__ = (
        "_later",
        "_most",
        "_order",
        "_source",
        "_submit",
        "_twins",
        "_wake",
        "count",
        "dry",
        "exhausted",
        "flight",
        "ready",
    )

    dry: bool
    exhausted: bool

    def __init__(
        self,
        asked: Iterable[tuple[K, Question | ResolveError]],
        engine: Engine,
        most: int,
        ordered: bool,
        later: object,
    ) -> None:
        self._source = chain(asked, (None,))  # with a mark at its end
        self._submit = engine.submit
        self._most = most
        self._later = later
        self._wake: Callable[[], object] | None = None  # given by who waits
        #: Asked and not yet taken.
        self.count: int = 0
        self.ready: deque[tuple[Any, Outcome]] = deque()
        self.flight: dict[Question, Cancel] = {}
        #: Who else asked what is in flight.
        self._twins: dict[Question, list[Any]] = {}
        #: ``[key, (key, outcome) once there is one]`` in the order of the questions; None when the order is free.
        self._order: deque[list[Any]] | None = deque() if ordered else None
        self.exhausted = self.dry = False

    def ask_more(self) -> None:
        """Read and ask what there is room for, at most ``_RUN`` questions."""
        flight, order, done = self.flight, self._order, self._done
        self.dry = False
        for item in islice(self._source, min(self._most - self.count, _RUN)):
            if item is None:
                self.exhausted = True
                break
            if item is self._later:
                self.dry = True
                break
            self.count += 1
            key: Any
            key, question = item
            if order is not None:
                key = [key, None]
                order.append(key)
            if isinstance(question, ResolveError):
                self.ready.append((key, question))
            elif question in flight:
                self._twins.setdefault(question, []).append(key)
            else:
                try:
                    flight[question] = self._submit(question, partial(done, key, question))
                except ResolveError as error:
                    self.ready.append((key, error))

    def take(self) -> Iterator[tuple[K, Outcome]]:
        """What is ready, at most ``_RUN`` outcomes before other greenlets get their turn."""
        ready, order = self.ready, self._order
        for _ in range(min(len(ready), _RUN)):
            if order is None:
                self.count -= 1
                yield ready.popleft()
                continue
            place, outcome = ready.popleft()
            place[1] = (place[0], outcome)
            while order and order[0][1] is not None:
                self.count -= 1
                yield order.popleft()[1]

    def wake_by(
        self, wake: Callable[[], object], pending: Callable[[Callable[[], None]], None] | None = None
    ) -> Cancel:
        """Have ``wake()`` called once, when an outcome is there or the source has more. Returns what undoes that."""
        self._wake = wake
        if self.dry and pending is not None:
            pending(self._woken)
        return self._gave_up

    def cancel(self) -> None:
        """Cancel what is in flight."""
        for cancel in list(self.flight.values()):
            cancel()
        self.flight.clear()

    def _done(self, key: Any, question: Question, outcome: Outcome) -> None:
        del self.flight[question]
        if isinstance(outcome, Answer) and outcome.one is None:
            outcome = pruned(outcome)
        self.ready.append((key, outcome))
        if self._twins:
            for other in self._twins.pop(question, ()):
                self.ready.append((other, outcome.fresh() if isinstance(outcome, ResolveError) else outcome))
        if self._wake is not None:
            self._woken()

    def _woken(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None:
            wake()

    def _gave_up(self) -> None:  # a kill or a Timeout was first
        self._wake = None


def question_for(name: str, rdtype: int) -> Question | ResolveError:
    """The question that a name given by somebody means, or why it is none."""
    if not name:
        return ResolveError(Kind.ILLEGAL, name, detail="an empty name")
    try:
        return asking(name if name.isascii() and name[-1] != "." and "\0" not in name else _plain(name), rdtype)
    except ResolveError as error:
        return error


def _plain(name: str) -> str:
    return to_ascii(name).removesuffix(".") if name != "." else ""


def bulk(
    names: Iterable[str],
    types: Iterable[str | int] = ("A",),
    *,
    engine: str | Engine = "python",
    servers: Iterable[str] | None = None,
    timeout: float = PATIENCE,
    attempts: int = TRIES,
    concurrency: int = 1000,
    rate: float = 0.0,
    rate_per_server: float = 0.0,
    adaptive: bool = True,
    ordered: bool = False,
) -> Generator[tuple[Question, Outcome], None, None]:
    """Exactly one ``(question, outcome)`` for each name and type, lazily, in the order in which the answers come.

    The outcome is an Answer, whatever its rcode, or a ResolveError when no reply came or the name cannot be asked
    (Kind.ILLEGAL); the question carries the name as it was given. ``names`` is read only as fast as outcomes are taken,
    at most ``concurrency`` ahead, so a file of any length may be its source. ``rate`` and ``rate_per_server`` are
    questions a second, 0 for no bound; ``adaptive`` lets loss narrow what is in flight. ``ordered`` gives them in the
    order of the names. Parks the calling greenlet only; closing the generator cancels what is in flight. Raises
    ResolverConfigError for an engine, a server or a type that cannot be.
    """
    asked = pairs(names, types)
    made: Engine | None = None
    if isinstance(engine, str):
        tuning = Tuning(in_flight=concurrency, rate=rate, rate_per_server=rate_per_server, adaptive=adaptive)
        made = engine = engine_for(engine, servers, timeout, attempts, tuning)
    return _paired(asked, engine, concurrency, ordered, made)


def pairs(names: Iterable[str], types: Iterable[str | int]) -> Iterator[tuple[Question, Question | ResolveError]]:
    """Each name and type as it was given, and what is asked for it. ResolverConfigError for a type that cannot be."""
    kinds = tuple(parse_type(one) for one in types)
    return ((Question(name, kind), question_for(name, kind)) for name in names for kind in kinds)


def engine_for(
    engine: str,
    servers: Iterable[str | Server] | None,
    timeout: float,
    attempts: int,
    tuning: Tuning,
    runtime: Runtime | None = None,
) -> Engine:
    """The engine that ``bulk`` makes for itself. ResolverConfigError as there."""
    if (tuning.rate or tuning.rate_per_server) and engine not in registry.TUNED:
        raise ResolverConfigError(f"a rate needs an engine that keeps it: {', '.join(registry.TUNED)}")
    config = config_for(System().world().config, servers, timeout, attempts)
    return registry.make_engine(engine, config, tuning, runtime=runtime)


def _paired(
    asked: Iterable[tuple[Question, Question | ResolveError]],
    engine: Engine,
    concurrency: int,
    ordered: bool,
    own: Engine | None,
) -> Generator[tuple[Question, Outcome], None, None]:
    try:
        yield from run(asked, engine, concurrency, ordered=ordered)
    finally:
        if own is not None:
            own.close()


def config_for(base: Config, servers: Iterable[str | Server] | None, timeout: float, attempts: int) -> Config:
    """A configuration for many names: every server gets its share."""
    given = base.servers if servers is None else tuple(parse_server(one) for one in servers)
    return Config(servers=given, timeout=timeout, attempts=attempts, rotate=len(given) > 1)
