"""Queues between greenlets. An item goes from hand to hand: to the getter that has waited longest, if one waits.

So a getter cannot find the queue empty after it was woken, a killed one leaves nothing behind, and an item that
was handed over before the kill is still returned to its getter. For greenlets of one thread.
"""

from __future__ import annotations

from _queue import Empty
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from functools import partial
from heapq import heapify, heappop, heappush
from typing import Any, Generic, TypeVar

from greenlet import getcurrent, greenlet

from .loop import get_hub
from .park import TIMED_OUT, WaitQueue, park_for

T = TypeVar("T")


class Full(Exception):
    """``put`` found no place in time."""


class Queue(Generic[T]):
    """First in, first out; ``maxsize`` items (None, 0: as many as come)."""

    __slots__ = ("__weakref__", "_getters", "_items", "_putters", "maxsize")

    _items: Any

    def __init__(self, maxsize: int | None = None, items: Iterable[T] = ()) -> None:
        self.maxsize = maxsize if maxsize is not None and maxsize > 0 else None
        self._init(items)
        self._getters = WaitQueue(f"<{type(self).__name__} at {id(self):#x}>")
        self._putters: OrderedDict[greenlet, T] = OrderedDict()

    # -- what the kinds differ in ----------------------------------------------------------------------------

    def _init(self, items: Iterable[T]) -> None:
        self._items = deque(items)

    def _put(self, item: T) -> None:
        self._items.append(item)

    def _get(self) -> T:
        item: T = self._items.popleft()
        return item

    def _peek(self) -> T:
        item: T = self._items[0]
        return item

    # -- looking ---------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        limit = "" if self.maxsize is None else f" of {self.maxsize}"
        return f"<{type(self).__name__} at {id(self):#x}, {len(self._items)}{limit} items>"

    def __len__(self) -> int:
        return len(self._items)

    def __bool__(self) -> bool:
        return True  # a queue is not false for being empty, as in gevent

    def qsize(self) -> int:
        """How many items are in the queue."""
        return len(self._items)

    def empty(self) -> bool:
        """True if ``get`` would wait."""
        return not self._items

    def full(self) -> bool:
        """True if ``put`` would wait."""
        return self.maxsize is not None and len(self._items) >= self.maxsize

    # -- putting and getting ---------------------------------------------------------------------------------

    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:
        """Put ``item``; Full if there is no place within ``timeout`` seconds, or at once when not ``block``."""
        if self._getters and self._getters.wake(item):
            return
        if self.maxsize is None or len(self._items) < self.maxsize:
            self._put(item)
            return
        if not block or (timeout is not None and timeout <= 0):
            raise Full
        me = getcurrent()
        self._putters[me] = item
        abort = partial(self._give_up_putting, me)
        if park_for(abort, timeout) is TIMED_OUT:
            raise Full

    def _give_up_putting(self, waiter: greenlet) -> None:
        del self._putters[waiter]

    def put_nowait(self, item: T) -> None:
        """Put ``item`` if there is a place, else Full."""
        self.put(item, block=False)

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Take an item; Empty if none came within ``timeout`` seconds, or at once when not ``block``."""
        if self._items:
            item = self._get()
            if self._putters:
                self._let_in()
            return item
        if not block or (timeout is not None and timeout <= 0):
            raise Empty
        item = self._getters.wait(timeout)
        if item is TIMED_OUT:
            raise Empty
        return item

    def _let_in(self) -> None:
        waiter, item = self._putters.popitem(False)
        self._put(item)
        get_hub().unpark(waiter)

    def get_nowait(self) -> T:
        """Take an item if there is one, else Empty."""
        return self.get(block=False)

    def peek(self, block: bool = True, timeout: float | None = None) -> T:
        """The item that ``get`` would take, left where it is; Empty as there."""
        if not self._items:
            item = self.get(block, timeout)
            self._unget(item)
        return self._peek()

    def _unget(self, item: T) -> None:
        self._items.appendleft(item)

    def peek_nowait(self) -> T:
        """The item that ``get_nowait`` would take, left where it is, else Empty."""
        return self.peek(block=False)

    def __iter__(self) -> Iterator[T]:
        """Take items until one is StopIteration, as in gevent."""
        while (item := self.get()) is not StopIteration:
            yield item


class LifoQueue(Queue[T]):
    """Last in, first out."""

    __slots__ = ()

    def _init(self, items: Iterable[T]) -> None:
        self._items = list(items)

    def _get(self) -> T:
        item: T = self._items.pop()
        return item

    def _peek(self) -> T:
        item: T = self._items[-1]
        return item

    def _unget(self, item: T) -> None:
        self._items.append(item)


class PriorityQueue(Queue[T]):
    """Smallest first."""

    __slots__ = ()

    def _init(self, items: Iterable[T]) -> None:
        self._items = list(items)
        heapify(self._items)

    def _put(self, item: T) -> None:
        heappush(self._items, item)

    def _get(self) -> T:
        item: T = heappop(self._items)
        return item

    def _unget(self, item: T) -> None:
        heappush(self._items, item)


__all__ = ["Empty", "Full", "LifoQueue", "PriorityQueue", "Queue"]
