"""Many questions, lazily: names in, outcomes out as they come, bounded in memory, without a greenlet per name.

Exactly one outcome for each question, whatever happens to it; what is asked twice at a time goes out once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from functools import partial
from itertools import chain, islice
from typing import Any, TypeVar

from ..hub import get_hub, getcurrent, park, sleep
from . import registry
from .dns.exchange import Tuning
from .errors import Kind, ResolveError, ResolverConfigError
from .model import Config, Question, asking
from .names.domain import to_ascii
from .names.record_type import parse_type
from .protocols import Cancel, Engine, Outcome
from .system.reload import System
from .system.servers import parse_server

K = TypeVar("K")

_PATIENCE = 2.0  # seconds per try
_TRIES = 4
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
    ready: deque[tuple[K, Outcome]] = deque()
    flight: dict[Question, Cancel] = {}
    twins: dict[Question, list[K]] = {}  # who else asked what is in flight
    hub = get_hub()
    me = getcurrent()
    waiting = False
    count = 0  # asked and not yet yielded

    def wake() -> None:
        nonlocal waiting
        if waiting:
            waiting = False
            hub.unpark(me)

    def gave_up() -> None:  # a kill or a Timeout was first
        nonlocal waiting
        waiting = False

    def done(key: K, question: Question, outcome: Outcome) -> None:
        del flight[question]
        ready.append((key, outcome))
        if twins:
            for other in twins.pop(question, ()):
                ready.append((other, outcome.fresh() if isinstance(outcome, ResolveError) else outcome))
        if waiting:
            wake()

    source = chain(asked, (None,))  # with a mark at its end
    submit = engine.submit
    order: deque[list[Any]] = deque()  # what was asked, with its outcome once there is one; used when ordered
    exhausted = dry = False
    try:
        while True:
            dry = False
            for item in islice(source, min(concurrency - count, _RUN)):
                if item is None:
                    exhausted = True
                    break
                if item is later:
                    dry = True
                    break
                count += 1
                key: Any
                key, question = item
                if ordered:
                    key = [key, None]
                    order.append(key)
                if isinstance(question, ResolveError):
                    ready.append((key, question))
                elif question in flight:
                    twins.setdefault(question, []).append(key)
                else:
                    try:
                        flight[question] = submit(question, partial(done, key, question))
                    except ResolveError as error:
                        ready.append((key, error))
            if ready:
                for _ in range(min(len(ready), _RUN)):
                    if not ordered:
                        count -= 1
                        yield ready.popleft()
                        continue
                    place: Any
                    place, outcome = ready.popleft()
                    place[1] = (place[0], outcome)
                    while order and order[0][1] is not None:
                        count -= 1
                        yield order.popleft()[1]
                if ready:
                    sleep(0)
            elif not exhausted and not dry and count < concurrency:
                sleep(0)
            elif flight or dry:
                waiting = True
                me = getcurrent()
                if dry and pending is not None:
                    pending(wake)
                park(gave_up)
            elif exhausted:
                return
    finally:
        for cancel in list(flight.values()):
            cancel()
        flight.clear()


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
    timeout: float = _PATIENCE,
    attempts: int = _TRIES,
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
    kinds = tuple(parse_type(one) for one in types)
    made: Engine | None = None
    if isinstance(engine, str):
        if (rate or rate_per_server) and engine not in registry.TUNED:
            raise ResolverConfigError(f"a rate needs an engine that keeps it: {', '.join(registry.TUNED)}")
        base = System().world().config
        config = config_for(base, servers, timeout, attempts)
        tuning = Tuning(in_flight=concurrency, rate=rate, rate_per_server=rate_per_server, adaptive=adaptive)
        made = engine = registry.make_engine(engine, config, tuning)
    pairs = ((Question(name, kind), question_for(name, kind)) for name in names for kind in kinds)
    return _paired(pairs, engine, concurrency, ordered, made)


def _paired(
    pairs: Iterable[tuple[Question, Question | ResolveError]],
    engine: Engine,
    concurrency: int,
    ordered: bool,
    own: Engine | None,
) -> Generator[tuple[Question, Outcome], None, None]:
    try:
        yield from run(pairs, engine, concurrency, ordered=ordered)
    finally:
        if own is not None:
            own.close()


def config_for(base: Config, servers: Iterable[str] | None, timeout: float, attempts: int) -> Config:
    """A configuration for many names: every server gets its share."""
    given = base.servers if servers is None else tuple(parse_server(one) for one in servers)
    return Config(servers=given, timeout=timeout, attempts=attempts, rotate=len(given) > 1)
