"""Queues. ``Queue`` has ``task_done`` and ``join``; ``SimpleQueue`` has no bound.

A subclass may replace what it may in the standard library: ``_init``, ``_qsize``, ``_put``, ``_get``, and the attribute
``queue``.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any, TypeVar

from celadon.hub import Channel as _Channel
from celadon.hub import Empty, Full, ShutDown
from celadon.hub import JoinableQueue as _JoinableQueue
from celadon.hub import LifoQueue as _LifoQueue
from celadon.hub import PriorityQueue as _PriorityQueue
from celadon.hub import SimpleQueue as _SimpleQueue

_Item = TypeVar("_Item")


class _Replaceable(_SimpleQueue[_Item]):
    """Calls what a subclass has replaced: each item is kept by ``_put``, and each getter takes its own by ``_get``.

    Where nothing is replaced this is Celadon's queue, which hands an item over without keeping it.
    """

    _replaced = False

    def _begin(self, items: Iterable[_Item]) -> None:
        kind = type(self)
        if all(getattr(kind, name).__module__ == __name__ for name in ("_init", "_qsize", "_put", "_get")):
            super()._begin(items)
            return
        self._replaced, self._open = True, False
        #: By the id of an item what ``_put`` raised for it.
        self._failed: dict[int, BaseException] = {}
        self._init(self._maxsize or 0)
        self._store, self._take = self._keep, self._get
        for item in items:
            self._put(item)

    # -- for subclasses

    def _init(self, maxsize: int, items: Iterable[_Item] = ()) -> None:
        super()._begin(items)

    def _qsize(self) -> int:
        return len(self._items)

    def _put(self, item: _Item) -> None:
        self._items.append(item)

    def _get(self) -> _Item:
        return self._items.popleft()  # type: ignore[no-any-return]

    @property
    def queue(self) -> Any:
        """The items, in the order in which they are kept."""
        return self._items

    @queue.setter
    def queue(self, items: Any) -> None:
        self._items = items

    # -- the way of an item if something is replaced

    def _keep(self, item: _Item) -> None:
        try:
            self._put(item)
        except BaseException as error:  # noqa: BLE001  (a getter may be here: it is for who puts)
            self._failed[id(item)] = error

    def _put_bounded(self, item: _Item, block: bool, timeout: Any) -> None:
        super()._put_bounded(item, block, timeout)
        if self._replaced and (error := self._failed.pop(id(item), None)) is not None:
            raise error

    def _hand_out(self) -> None:
        if not self._replaced:
            super()._hand_out()
            return
        for _ in range(len(self)):
            claimed = self._next_waiter()
            if claimed is None:
                return
            waiter, hub = claimed
            hub.deliver(waiter, self._again)

    @property
    def maxsize(self) -> int | None:
        """How many items have a place; None: any number. May be set."""
        return self._maxsize

    @maxsize.setter
    def maxsize(self, maxsize: int | None) -> None:
        _SimpleQueue.maxsize.fset(self, maxsize)  # type: ignore[attr-defined]
        self._open = self._open and not self._replaced

    def __len__(self) -> int:
        return self._qsize()

    def qsize(self) -> int:
        """How many items are in the queue."""
        return self._qsize()

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> _Item:
        """The next item, waited for; the end is an item that is StopIteration, or a queue that was shut down."""
        try:
            item = self.get()
        except ShutDown:
            raise StopIteration from None
        if item is StopIteration:
            raise item
        return item

    next = __next__


class Channel(_Channel[_Item]):
    """Whoever puts waits until somebody gets."""

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> _Item:
        """The next item, waited for; the end is an item that is StopIteration."""
        item = self.get()
        if item is StopIteration:
            raise item
        return item

    next = __next__


class SimpleQueue(_Replaceable[_Item]):
    """A queue; ``maxsize`` bounds it."""


class Queue(_Replaceable[_Item], _JoinableQueue[_Item]):
    """A queue with ``task_done`` and ``join``; ``maxsize`` bounds it."""


JoinableQueue = Queue


class LifoQueue(Queue[_Item], _LifoQueue[_Item]):
    """Last in, first out."""

    def _get(self) -> _Item:
        return self._items.pop()  # type: ignore[no-any-return]


class PriorityQueue(Queue[_Item], _PriorityQueue[_Item]):
    """Smallest first."""

    def _put(self, item: _Item) -> None:
        heappush(self._items, item)

    def _get(self) -> _Item:
        return heappop(self._items)  # type: ignore[no-any-return]


class UnboundQueue(SimpleQueue[Any]):
    """A queue without bound."""

    def __init__(self, maxsize: int | None = None, items: Any = ()) -> None:
        if maxsize is not None:
            raise ValueError("UnboundQueue has no maxsize")
        super().__init__(None, items)


__all__ = [
    "Channel",
    "Empty",
    "Full",
    "JoinableQueue",
    "LifoQueue",
    "PriorityQueue",
    "Queue",
    "ShutDown",
    "SimpleQueue",
]
