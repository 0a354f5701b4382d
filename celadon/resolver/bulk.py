"""Many questions, lazily: names in, outcomes out as they come, bounded in memory, without a greenlet per name."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from ..hub import WaitQueue
from .errors import Kind, ResolveError
from .model import Question, RRType
from .names import to_ascii
from .protocols import Cancel, Engine, Outcome


def bulk(
    names: Iterable[str], types: Iterable[int] = (RRType.A,), *, engine: Engine, concurrency: int = 500
) -> Iterator[tuple[Question, Outcome]]:
    """Exactly one (question, outcome) per name and type, in the order in which the answers come.

    ``names`` is read only as fast as answers are taken, at most ``concurrency`` questions ahead. Parks the calling
    greenlet. Closing the generator cancels what is in flight. A name that cannot be asked gives Kind.ILLEGAL.
    """
    kinds = tuple(types)
    ready: deque[tuple[Question, Outcome]] = deque()
    flight: dict[int, Cancel] = {}
    some = WaitQueue("the next answer of a bulk run")
    questions = ((name, kind) for name in names for kind in kinds)
    number = 0
    more = True

    def submit(name: str, kind: int) -> None:
        nonlocal number
        number += 1
        key = number
        question = Question(name, kind)  # as it was given, for who matches it with the input

        def done(outcome: Outcome) -> None:
            del flight[key]
            ready.append((question, outcome))
            some.wake()

        try:
            if not name:
                raise ResolveError(Kind.ILLEGAL, name, detail="an empty name")
            flight[key] = engine.submit(Question(to_ascii(name).removesuffix("."), kind), done)
        except ResolveError as error:
            ready.append((question, error))

    try:
        while more or flight or ready:
            while more and len(flight) + len(ready) < concurrency:
                item = next(questions, None)
                if item is None:
                    more = False
                else:
                    submit(*item)
            if ready:
                yield ready.popleft()
            elif flight:
                some.wait()
    finally:
        for cancel in list(flight.values()):
            cancel()
        flight.clear()
