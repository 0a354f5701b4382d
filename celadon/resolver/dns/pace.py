"""How fast questions may leave: a token bucket for rates, and a window of questions in flight that shrinks with loss.

The caller gives the time. Neither can stay slow for ever: time alone makes them fast again. What a name turned out to
be (NXDOMAIN, illegal) never counts as congestion.
"""

from __future__ import annotations

_CUT = 0.7
_CUT_EVERY = 1.0  # seconds; so one bad moment is one cut
_GROWTH = 1.2  # growth for each _STEP without a cut
_STEP = 0.25  # seconds
_SLICE = 0.5  # seconds over which loss is measured
_ENOUGH = 16  # fewer lost questions than this give no meaningful share
_LOSS = 0.15
_NEARLY = 1e-6  # what rounding may take from a whole token
_LOOK = 0.25  # seconds after which a rate of 0 is looked at again


class Pace:
    """At most ``rate`` a second, evenly, with a burst of a twentieth of a second's worth."""

    __slots__ = ("_at", "_burst", "_tokens", "rate")

    def __init__(self, rate: float, now: float) -> None:
        self.rate: float = rate
        self._burst = max(1.0, rate / 20)
        self._tokens = 1.0
        self._at = now

    def wait(self, now: float) -> float:
        """The seconds until a token may be taken; 0: now."""
        tokens = self._tokens = min(self._burst, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if not self.rate:
            return _LOOK
        return 0.0 if tokens > 1 - _NEARLY else (1 - tokens) / self.rate

    def change(self, rate: float, now: float) -> None:
        """Another rate from now on; 0: none may leave."""
        self.wait(now)  # what was earned by the old one
        self.rate = rate
        self._burst = max(1.0, rate / 20)
        self._tokens = min(self._tokens, self._burst)

    def take(self) -> None:
        """Take a token, after ``wait`` returned 0."""
        self._tokens -= 1


class Window:
    """How many questions may be in flight: ``most`` at first, fewer while many are lost, never below ``least``.

    It is cut at most once a second, and grows back at a fixed rate in time, with or without answers. So a steady loss
    that does not come from the pace (a bad line) costs little.
    """

    __slots__ = ("_grown", "_last_cut", "_lost", "_slice", "_slice_answers", "least", "most", "size")

    def __init__(self, most: int, adaptive: bool, least: int = 64) -> None:
        self.most: int = most
        self.least: int = min(least, most) if adaptive else most
        self.size: float = float(most)
        self._last_cut = self._slice = self._grown = float("-inf")
        self._slice_answers = 0
        self._lost = 0

    def lost(self, now: float, answers: int, in_flight: int) -> None:
        """A question got no reply in its time. ``answers`` is the count of all replies so far."""
        if now - self._slice > _SLICE:
            self._slice, self._slice_answers, self._lost = now, answers, 0
        self._lost += 1
        if (
            self._lost >= _ENOUGH
            and now - self._last_cut >= _CUT_EVERY
            and self._lost > _LOSS * (answers - self._slice_answers + self._lost)
        ):
            self.size = max(float(self.least), min(self.size, in_flight) * _CUT)
            self._last_cut = self._grown = now

    def room(self, now: float) -> int:
        """How many questions may be in flight now."""
        if self.size < self.most and now - self._grown >= _STEP:
            steps = min(int((now - self._grown) / _STEP), 1000)
            self.size = min(float(self.most), self.size * _GROWTH**steps)
            self._grown += steps * _STEP
        return int(self.size)

    def changes_at(self) -> float:
        """When ``room`` may be larger than now; infinity if it is at its largest."""
        return self._grown + _STEP if self.size < self.most else float("inf")
