"""Deadlines as data: a heap without a greenlet inside, so that it is tested without one.

Nearly every deadline is cancelled before it comes (a Timeout around something that works). So cancelling
only marks; the heap drops its dead heads before it names the next deadline (a killed five-second sleep must
not hold the loop for five seconds), and is rebuilt when the dead outnumber the living, so memory stays flat.
Deadlines that are equal come in the order in which they were set.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from operator import itemgetter
from typing import Any, Final

# Below this many dead entries a rebuild costs more than it frees.
_PRUNE_AT = 256
# After each this many pops, a sample decides whether sorting the heap is cheaper than popping on.
_MANY = 64

_when = itemgetter(0)


class _TimedOut:
    """What a bounded wait returns when its time is over."""

    def __repr__(self) -> str:
        return "TIMED_OUT"

    def __bool__(self) -> bool:
        return False


TIMED_OUT: Final = _TimedOut()


class Timer:
    """One deadline. ``cancel()`` may be called at any time, any number of times."""

    __slots__ = ("_timers", "args", "callback", "when")

    when: float
    callback: Callable[..., object] | None
    args: tuple[Any, ...]
    _timers: Timers | None  # None once taken out of the heap

    #: See ``Wait``: a sleep waits on its timer, and no other thread ends it.
    shared = False

    def __repr__(self) -> str:
        return f"<Timer for {self.when:.3f}{'' if self.active else ', over'}>"

    @property
    def active(self) -> bool:
        """True until it fired or was cancelled."""
        return self.callback is not None

    def cancel(self) -> None:
        """Make it never fire; nothing happens if it fired or was cancelled before."""
        if self.callback is not None:
            self.callback = None
            self.args = ()
            timers = self._timers
            if timers is not None:
                timers.dead += 1
                if timers.dead > _PRUNE_AT and timers.dead * 2 > len(timers.heap):
                    timers.prune()

    def give_up(self, waiter: object) -> bool:
        """See ``Wait``: the end of a sleep by a kill."""
        self.cancel()
        return True

    def fire(self) -> None:
        """Call back, unless it was cancelled since it came due."""
        callback = self.callback
        if callback is not None:
            self.callback = None
            args, self.args = self.args, ()
            callback(*args)


class LooseTimer(Timer):
    """A deadline that does not hold the loop: if nothing else is left that could wake anyone, it never comes."""

    __slots__ = ("_all",)

    _all: Timers

    def cancel(self) -> None:
        """See ``Timer.cancel``."""
        if self.callback is not None:
            self._all.loose -= 1
            super().cancel()

    def fire(self) -> None:
        """See ``Timer.fire``."""
        if self.callback is not None:
            self._all.loose -= 1
            super().fire()


class Timers:
    """The heap of one hub's deadlines. Not thread-safe: only the hub's own thread may touch it."""

    __slots__ = ("_sequence", "dead", "due", "heap", "loose")

    def __init__(self) -> None:
        self.heap: list[tuple[float, int, Timer]] = []
        self.dead: int = 0
        #: Taken out of the heap and not yet all fired: the caller of ``expire`` clears it.
        self.due: list[Timer] = []
        #: How many of those to come do not hold the loop.
        self.loose: int = 0
        self._sequence = 0

    def __len__(self) -> int:
        """How many deadlines are still to come."""
        return len(self.heap) - self.dead

    def add(self, when: float, callback: Callable[..., object], args: tuple[Any, ...] = ()) -> Timer:
        """Call ``callback(*args)`` when the hub's clock reaches ``when`` (seconds). ValueError for not a number."""
        if when != when:  # noqa: PLR0124  (NaN: it would be neither before nor after the others, and spoil the heap)
            raise ValueError("a time must be a number of seconds, not NaN")
        timer = Timer()
        timer.when = when
        timer.callback = callback
        timer.args = args
        timer._timers = self
        self._sequence = sequence = self._sequence + 1
        heappush(self.heap, (when, sequence, timer))
        return timer

    def add_loose(self, when: float, callback: Callable[..., object], args: tuple[Any, ...] = ()) -> LooseTimer:
        """As ``add``, but the loop does not stay for it."""
        timer = LooseTimer()
        timer._all = self
        timer.when = when
        timer.callback = callback
        timer.args = args
        timer._timers = self
        self._sequence = sequence = self._sequence + 1
        heappush(self.heap, (when, sequence, timer))
        self.loose += 1
        return timer

    @staticmethod
    def make(when: float, callback: Callable[..., object], args: tuple[Any, ...] = ()) -> Timer:
        """A deadline that stands in no heap: its maker fires it."""
        timer = Timer()
        timer.when = when
        timer.callback = callback
        timer.args = args
        timer._timers = None
        return timer

    def next_deadline(self) -> float | None:
        """The nearest living deadline, or None; the dead ones before it are dropped."""
        heap = self.heap
        while heap:
            when, _, timer = heap[0]
            if timer.callback is not None:
                return when
            if timer._timers is not None:
                timer._timers = None
                self.dead -= 1
            heappop(heap)
        return None

    def expire(self, now: float) -> list[Timer]:
        """Take out all that are due at ``now``, in order, for the caller to fire and to clear from ``due``.

        All are taken out before one fires: a timer that a callback sets, even for now, waits for the next turn.
        A signal handler may raise anywhere in here: a timer is noted before it leaves the heap, and fires only once.
        """
        heap = self.heap
        due = self.due
        taken = 0
        while heap and heap[0][0] <= now:
            taken += 1
            if taken % _MANY == 0 and self._many_are_due(now):
                self._take_out(now)
                break
            timer = heap[0][2]
            if timer.callback is None:
                if timer._timers is not None:
                    timer._timers = None
                    self.dead -= 1
            else:
                timer._timers = None
                due.append(timer)
            heappop(heap)
        return due

    def _many_are_due(self, now: float) -> bool:
        heap = self.heap
        sample = heap[:: max(len(heap) // 16, 1)]
        return sum(entry[0] <= now for entry in sample) * 4 > len(sample)

    def _take_out(self, now: float) -> None:
        # Very many are due at once: sorted, a heap is still a heap, and they go in one piece.
        heap = self.heap
        heap.sort()
        count = bisect_right(heap, now, key=_when)
        for _, _, timer in heap[:count]:
            if timer.callback is not None:
                timer._timers = None
                self.due.append(timer)
            elif timer._timers is not None:
                timer._timers = None
                self.dead -= 1
        del heap[:count]

    def prune(self) -> None:
        """Rebuild the heap without the dead."""
        self.heap = [entry for entry in self.heap if entry[2].callback is not None]
        heapify(self.heap)
        self.dead = 0

    def clear(self) -> None:
        """Forget every deadline (a forked child does), also those that the loop is about to fire."""
        for timer in (*(entry[2] for entry in self.heap), *self.due):
            timer.callback = None
        self.heap = []
        self.due = []
        self.dead = self.loose = 0
