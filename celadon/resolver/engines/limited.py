"""An engine around another one, with limits: questions in flight, questions sent per second.

It is below the cache and ``Flights``, so only what goes to a server counts. Questions wait in order. The deadline of a
lookup runs meanwhile, because it counts from the call. The caller gives clock and timer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import Kind, ResolveError
from ..frozen import frozen
from ..model import Question
from ..protocols import Cancel, Done, Engine, Outcome, counts_of


@frozen
class Limits:
    """At most ``concurrency`` questions in flight and ``rate`` sent per second; None: no limit. ValueError below 1.

    The engine itself keeps the limits per server, if it can. True if ``concurrency`` or ``rate`` is set.
    """

    concurrency: int | None = None
    rate: float | None = None
    in_flight_per_server: int | None = None
    rate_per_server: float | None = None

    def __post_init__(self) -> None:
        for name in ("concurrency", "rate", "in_flight_per_server", "rate_per_server"):
            value = getattr(self, name)
            if value is not None and not value >= 1:
                raise ValueError(f"{name}: {value!r} is less than 1")

    def __bool__(self) -> bool:
        return self.concurrency is not None or self.rate is not None

    @property
    def each_server(self) -> bool:
        """Whether a limit per server is set."""
        return self.in_flight_per_server is not None or self.rate_per_server is not None


class _Slot:
    """One question: waiting, in flight (``cancel`` is set), or over."""

    __slots__ = ("cancel", "done", "over", "question")

    def __init__(self, question: Question, done: Done) -> None:
        self.question = question
        self.done = done
        self.cancel: Cancel | None = None
        self.over = False


class Limited:
    """See the module; an Engine. ``call_later(seconds, function)`` returns a timer with ``cancel``."""

    def __init__(
        self, engine: Engine, limits: Limits, now: Callable[[], float], call_later: Callable[..., Any]
    ) -> None:
        self.name: str = engine.name
        self.engine = engine
        self._room = limits.concurrency
        self._interval = 1 / limits.rate if limits.rate else 0.0
        # The burst after a rest: a fiftieth of a second's worth, so that late timers do not lower the rate.
        self._burst = max(self._interval, 0.02)
        self._next = 0.0
        self._now = now
        self._call_later = call_later
        self._queue: deque[_Slot] = deque()
        self._flying = 0
        self._timer: Any = None

    def __repr__(self) -> str:
        return f"<{self._flying} in flight, {len(self._queue)} waiting for {self.engine!r}>"

    def counts(self) -> Mapping[str, int]:
        """What the engine counts."""
        return counts_of(self.engine)

    def submit(self, question: Question, done: Done) -> Cancel:
        """See ``Engine.submit``."""
        slot = _Slot(question, done)
        if self._queue or not self._may_send():
            self._queue.append(slot)
            self._pump()
        else:
            self._send(slot)

        def cancel() -> None:
            if not slot.over:
                slot.over = True
                if slot.cancel is not None:
                    slot.cancel()
                    self._flying -= 1
                    self._pump()

        return cancel

    def _may_send(self) -> bool:
        if self._room is not None and self._flying >= self._room:
            return False
        return not self._interval or self._next <= self._now()

    def _send(self, slot: _Slot) -> None:
        if self._interval:
            self._next = max(self._next, self._now() - self._burst) + self._interval

        def landed(outcome: Outcome) -> None:
            if not slot.over:
                slot.over = True
                self._flying -= 1
                slot.done(outcome)
                self._pump()

        slot.cancel = self.engine.submit(slot.question, landed)
        self._flying += 1

    def _pump(self) -> None:
        """Send what there is room for. If the rate forbids more, come back when it allows it."""
        queue = self._queue
        while queue and self._may_send():
            slot = queue.popleft()
            if slot.over:
                continue
            try:
                self._send(slot)
            except ResolveError as error:
                slot.over = True
                self._call_later(0.0, slot.done, error)  # never from inside ``submit``
        blocked_by_rate = queue and (self._room is None or self._flying < self._room)
        if blocked_by_rate and self._timer is None:
            self._timer = self._call_later(max(self._next - self._now(), 0.0), self._tick)
        elif not queue and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        self._pump()

    def close(self) -> None:
        """End the waiting questions as CANCELLED, and close the engine, which ends those in flight."""
        waiting, self._queue = self._queue, deque()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for slot in waiting:
            if not slot.over:
                slot.over = True
                slot.done(ResolveError(Kind.CANCELLED, slot.question.name, detail="the engine was closed"))
        self.engine.close()
