"""What runs first in a loop that was held up: by very much ready work, or because the process was stopped.

Ready work that takes several turns would make every timer as late as all of it, and a reply that arrived meanwhile
would come after its own deadline. So what is new runs before what has waited for a turn, and what lies in the fds
runs before a deadline that is late.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from .clock import Now
from .shuffle import Ready

#: At most this many run in one turn: 100,000 lookups that start at once would hold the timers up for seconds.
LONG_TURN = 256
#: A timer that is later than this, in seconds, was held up.
LATE = 0.1
# At most this many greenlets that have just become ready run before those that were ready a turn ago.
_MANY_NEW = 2048
# Late deadlines wait for the fds at most for so many polls and so many seconds: no stream of events holds them up.
_LOOKS, _PATIENT = 32, 0.2


class _Fires(Protocol):
    def fire(self, mask: int) -> None: ...


class HeldUp:
    """One hub's backlog. ``older``: how much of what is ready, at its head, has been ready for a turn."""

    __slots__ = ("_looks_left", "_turn", "_until", "older")

    def __init__(self) -> None:
        self.older = 0
        #: In which turn deadlines were last put off, how many polls may still do so, and until when.
        self._turn = self._looks_left = 0
        self._until = 0.0

    def new_first(self, ready: Ready, total: int) -> int:
        """Put what became ready since the last turn before the rest of ``ready``; gives how many may run now."""
        old = min(self.older, total)
        new = total - old
        count = LONG_TURN
        if old and new <= _MANY_NEW:
            ready.rotate(new)
            count += new
        self.older = max(total - count, 0)
        return count

    def others_first(
        self,
        turn: int,
        clock: Now,
        ready: Ready,
        poll: Callable[[float | None], list[tuple[int, int]]],
        fds: Mapping[int, _Fires],
    ) -> bool:
        """Whether something came before the deadlines that are late now: then it runs, and they wait for a turn."""
        now = clock()
        if turn > self._turn + 1:  # not the same delay as in the turn before
            self._looks_left, self._until = _LOOKS, now + _PATIENT
        self._turn = turn
        while self._looks_left and now < self._until:
            self._looks_left -= 1
            if ready and not self.older:
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
