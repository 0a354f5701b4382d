"""``eventlet.queue``: queues, of which one of size 0 is a channel: ``put`` waits until the item is taken."""

from __future__ import annotations

from typing import Any

from celadon.compat.replaceable import LastFirst, Replaceable, SmallestFirst
from celadon.hub import Empty, Full, JoinableQueue, sleep
from celadon.hub import LifoQueue as _LifoQueue
from celadon.hub import PriorityQueue as _PriorityQueue


class LightQueue(Replaceable[Any]):
    """A queue of ``maxsize`` items; None, or less than 0: any number; 0: none, a channel. From any thread."""

    def __init__(self, maxsize: int | None = None) -> None:
        super().__init__(maxsize)
        if maxsize == 0:
            self._become_channel()

    def _become_channel(self) -> None:
        self._bounded()
        self._maxsize = 0
        self._open = False

    def resize(self, size: int | None) -> None:
        """Have room for so many. What is in it already stays."""
        if size == 0:
            self._become_channel()
        else:
            self.maxsize = size

    def putting(self) -> int:
        """How many wait for room."""
        return len(self._putters) if self._putters is not None else 0

    def getting(self) -> int:
        """How many wait for an item."""
        return len(self._waiters) if self._waiters else 0

    def _put_bounded(self, item: Any, block: bool, timeout: Any) -> None:
        if self._maxsize == 0 and self._waiters and not self._putters and self.wake(item):
            if block:
                sleep(0)  # the getter goes on first, as with a put that has waited for it
            return
        super()._put_bounded(item, block, timeout)

    def get(self, block: bool = True, timeout: Any = None) -> Any:
        """Take an item; Empty if none came within ``timeout`` seconds, or at once when not ``block``."""
        if self._maxsize == 0 and not self._items:
            taken: list[Any] = []
            if self._putters and self._putters.take(taken.append):
                return taken[0]
        return super().get(block, timeout)

    def settle(self) -> None:
        """See ``Waiters``."""
        if self._maxsize != 0 or self._items:
            super().settle()
            return
        while self._waiters and self._putters:
            taken: list[Any] = []
            if self._putters.take(taken.append) and not self.wake(taken[0]):
                self._store(taken[0])  # another thread's getter has just gone: the next one has it


class Queue(LightQueue, JoinableQueue[Any]):
    """A LightQueue with ``task_done`` and ``join``."""


class PriorityQueue(SmallestFirst, LightQueue, _PriorityQueue[Any]):
    """Smallest first."""


class LifoQueue(LastFirst, LightQueue, _LifoQueue[Any]):
    """Last in, first out."""


__all__ = ["Empty", "Full", "LifoQueue", "LightQueue", "PriorityQueue", "Queue"]
