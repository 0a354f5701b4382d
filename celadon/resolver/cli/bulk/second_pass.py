"""A second pass: what got no answer is asked again when all else is done, at a tenth of the rate."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

from ....hub import get_hub
from ...bulk_lookup import run
from ...dns.pace import Pace
from ...protocols import Engine, Outcome
from .files import PENDING
from .names_in import Asked, Key
from .outcome_words import unanswered
from .tally import Tally

_MOST = 100_000  # names that are kept for it; what fails after that many has had its chance
_PART = 10  # of the rate, and of what is in flight


def twice(
    asked: Iterable[Asked],
    engine: Engine,
    concurrency: int,
    rate: float,
    pending: Callable[[Callable[[], None]], None] | None,
    tally: Tally,
) -> Generator[tuple[Key, Outcome], None, None]:
    """As ``run``, with one more try for what got no answer.

    ``rate`` is the first pass' questions a second, 0: as it came out.
    """
    now = get_hub().now
    began = now()
    held: list[Asked] = []
    count = 0
    first: Any = run(_keyed(asked), engine, concurrency, pending=pending, later=PENDING)
    try:
        for item, outcome in first:
            count += 1
            if unanswered(outcome) and len(held) < _MOST:
                held.append(item)
            else:
                yield item[0], outcome
    finally:
        first.close()
    tally.more["second_pass"] = len(held)
    slower = _Slower(held, max((rate or count / max(now() - began, 1e-3)) / _PART, 1.0))
    again = run(slower, engine, max(concurrency // _PART, 1), pending=slower.pending, later=PENDING)
    try:
        for key, outcome in again:
            if not unanswered(outcome):
                tally.more["second_pass_answered"] = tally.more.get("second_pass_answered", 0) + 1
            yield key, outcome
    finally:
        again.close()


def _keyed(asked: Iterable[Asked]) -> Iterator[Any]:
    """Each question with itself in its key, so that it is there with its outcome."""
    for item in asked:
        yield item if item is PENDING else (item, item[1])


class _Slower:
    """The questions, as fast as a pace allows; PENDING where one has to wait."""

    def __init__(self, held: list[Asked], rate: float) -> None:
        self._held = held
        self._hub = get_hub()
        self._pace = Pace(rate, self._hub.now())

    def __iter__(self) -> Iterator[Any]:
        for item in self._held:
            while self._pace.wait(self._hub.now()):
                yield PENDING
            self._pace.take()
            yield item

    def pending(self, wake: Callable[[], None]) -> None:
        """Call ``wake`` when the next one may go."""
        self._hub.call_later(max(self._pace.wait(self._hub.now()), 0.001), wake)
