"""What runs first in a loop that was held up: by very much ready work, or because the process was stopped.

Ready work that takes several turns would make every timer as late as all of it, and a reply that arrived meanwhile
would come after its own deadline. So such work runs in short turns, what is new before what has waited, and greenlets
that a timer wakes before both. What lies in the fds runs before a deadline that is late.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Protocol

from .clock import Now
from .shuffle import Ready

#: At most this many run in one turn: 100,000 lookups that start at once would hold the timers up for seconds.
LONG_TURN = 128
#: A timer that is later than this, in seconds, was held up.
LATE = 0.1
# At most this many greenlets that have just become ready run before those that were ready a turn ago.
_MANY_NEW = 2048
# At most this many that timers wake run before all others, so that half of a turn is left to the others.
_FEW_WOKEN = LONG_TURN // 2
# Late deadlines wait for the fds at most for so many polls and so many seconds: no stream of events holds them up.
_LOOKS, _PATIENT = 32, 0.2


class _Fires(Protocol):
    def fire(self, mask: int) -> None: ...


class HeldUp:
    """One hub's backlog: ``rest`` entries at the head of what is ready run before anything newer does.

    Behind the last of those that were ready a turn ago stands a mark, a call that does nothing. Counts would not do:
    entries are also put at the head, and a turn may be cut short.
    """

    __slots__ = ("_asked_at", "_looks_left", "_mark", "_until", "rest")

    def __init__(self) -> None:
        self.rest: int = 0
        self._mark: tuple[None, Any] | None = None
        #: When deadlines were last put off, how many polls may still do so, and until when.
        self._asked_at = self._until = 0.0
        self._looks_left = 0

    def new_first(self, ready: Ready, total: int) -> int:
        """Put what became ready lately before the rest of ``ready``; gives how many may run in this turn."""
        if self.rest <= 0:
            self.rest = LONG_TURN
            if self._mark is not None:
                for new, entry in enumerate(islice(reversed(ready), min(total, _MANY_NEW))):
                    if entry is self._mark:
                        ready.rotate(new)
                        ready.pop()
                        self.rest += new
                        break
            self._mark = (None, (self._passed, ()))
            ready.append(self._mark)
        count = min(self.rest, LONG_TURN)
        self.rest -= count
        return count

    def _passed(self) -> None:
        self._mark = None

    def clear(self) -> None:
        """Nothing is ready any more."""
        self.rest = 0
        self._mark = None

    def new_clock(self) -> None:
        """The hub has another clock: what was asked by the time of the old one does not count."""
        self._asked_at = self._until = 0.0

    def woken_first(self, ready: Ready, woken: list[Any]) -> None:
        """Make ready what timers woke: before all others, unless they are many."""
        if len(woken) <= _FEW_WOKEN:
            ready.extendleft(reversed(woken))
            self.rest += len(woken)
        else:
            ready.extend(woken)

    def others_first(
        self,
        deadline: float,
        clock: Now,
        ready: Ready,
        poll: Callable[[float | None], list[tuple[int, int]]],
        fds: Mapping[int, _Fires],
    ) -> bool:
        """Whether something came before the deadlines that are late now: then it runs, and they wait for a turn.

        ``deadline`` is the first of them. Each is put off once, however many blocks follow each other.
        """
        now = clock()
        if deadline > self._asked_at:
            self._asked_at, self._until = now, now + _PATIENT
            self._looks_left = _LOOKS
        while self._looks_left and now < self._until:
            self._looks_left -= 1
            if ready and self._mark is None:
                return True
            # Also the poll before this one may have seen nothing: a stop ends the kernel's wait without events.
            events = poll(0)
            if not events:
                break
            for fd, mask in events:
                entry = fds.get(fd)
                if entry is not None:
                    entry.fire(mask)
            now = clock()
        return False


__all__ = ["LATE", "LONG_TURN", "HeldUp"]
