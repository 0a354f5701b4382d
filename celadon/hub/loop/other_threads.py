"""Whether another thread could still wake a hub that has nothing left to do: if not, the program is dead-locked.

Nobody can know what another thread is going to do. What can be known is that there is none, or only threads of this
library that have nothing to do (``resting``), or that no greenlet here waits for anything a thread could bring.
"""

from __future__ import annotations

import _thread
import os
import time
from collections.abc import Iterable
from typing import Protocol

from greenlet import greenlet

_sleep = time.sleep

#: How often a hub that only another thread could wake checks that there still is one, in seconds.
CHECK_EVERY = 0.2
#: The same while the main greenlet waits for a patched lock, in seconds: then there is only a report to make.
SELDOM = 5.0
#: How many checks a thread gets before the hub asks whether it could bring anything: it may be about to begin, or be
#: between claiming a waiter and making it ready.
PATIENCE = 3

# How often a busy loop lets other threads have the interpreter, in seconds: if there are any, and if `_thread` knows of
# none; and for how long at least. A thread needs up to 0.2 ms to wake; together it is 3 % of the loop's time.
_WAY_EVERY, _WAY_SELDOM, _WAY = 0.01, 0.1, 0.0002

#: Threads of this library that are alive but have nothing to do: none of them can wake anybody.
resting: set[int] = set()
# Threads that a forked child counts though they stayed in the parent.
_ghosts = 0


class Wait(Protocol):
    """What a parked greenlet waits on. Its repr stands in reports of who waits on what."""

    @property
    def shared(self) -> bool:
        """Whether another thread could end the wait."""

    def give_up(self, waiter: greenlet) -> bool:
        """Undo what would wake ``waiter``. False if another thread has claimed it already, and is going to wake it."""


class OtherThreads:
    """One hub's view of the other threads. Set ``patience`` to PATIENCE whenever something has become ready."""

    __slots__ = ("_next_way", "patience")

    def __init__(self) -> None:
        self.patience: int = PATIENCE
        self._next_way = 0.0

    def give_way(self, now: float) -> None:
        """While greenlets are ready: let threads that wait for the interpreter have it.

        The look at the kernel gives it up for a microsecond. No thread takes it in that time, but each begins its wait
        of 5 ms (``sys.setswitchinterval``) anew, after which it would be given to it: threads had it once a second.
        """
        if now >= self._next_way:
            some = _thread._count() - _ghosts > len(resting)
            self._next_way = now + (_WAY_EVERY if some else _WAY_SELDOM)
            if some or _count_others() > len(resting):  # one that has just been started has not had it yet
                _sleep(_WAY)

    def may_wake(self, waits: Iterable[Wait]) -> bool:
        """Whether a thread may still end one of ``waits``; each call uses up some patience."""
        if _count_others() <= len(resting):
            return False
        self.patience -= 1
        if self.patience >= 0:
            return True
        return _thread._count() - _ghosts - len(resting) > 0 and any(wait.shared for wait in waits)

    def check_every(self, seldom: bool) -> float:
        """How many seconds to sleep after ``may_wake`` was true; ``seldom``: once the patience is used up."""
        return SELDOM if seldom and self.patience < 0 else CHECK_EVERY


def _count_others() -> int:
    # `_thread._count` does not know a thread that was started a moment ago. Linux's list of tasks does.
    try:
        return len(os.listdir("/proc/self/task")) - 1
    except OSError:
        return 1 + _thread._count() - _ghosts


def count_ghosts() -> None:
    """In a forked child: the threads that stayed in the parent cannot wake anybody here."""
    global _ghosts
    _ghosts = _thread._count()
    resting.clear()


__all__ = ["CHECK_EVERY", "PATIENCE", "OtherThreads", "Wait", "count_ghosts", "resting"]
