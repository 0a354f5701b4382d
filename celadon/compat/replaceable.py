"""Queues whose subclasses may replace how items are kept, as those of the standard library may."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any, TypeVar

from celadon.hub import SimpleQueue

_Item = TypeVar("_Item")
_OURS = f"{__package__}."


class _Kept:
    """What a subclass keeps by itself, in place of the items."""

    __slots__ = ("_queue",)

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    def __len__(self) -> int:
        return int(self._queue._qsize())


class Replaceable(SimpleQueue[_Item]):
    """Calls what a subclass has replaced: each item is kept by ``_put``, and each getter takes its own by ``_get``.

    Where nothing is replaced this is Celadon's queue, which hands an item over without keeping it.
    """

    _replaced = False

    def _begin(self, items: Iterable[_Item]) -> None:
        kind = type(self)
        if all(getattr(kind, name).__module__.startswith(_OURS) for name in ("_init", "_qsize", "_put", "_get")):
            super()._begin(items)
            return
        self._replaced, self._open = True, False
        #: By the id of an item what ``_put`` raised for it.
        self._failed: dict[int, BaseException] = {}
        self._items = _Kept(self)  # unless ``_init`` sets ``queue``
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
        SimpleQueue.maxsize.fset(self, maxsize)  # type: ignore[attr-defined]
        self._open = self._open and not self._replaced

    def __len__(self) -> int:
        return self._qsize()

    def qsize(self) -> int:
        """How many items are in the queue."""
        return self._qsize()


class LastFirst:
    """Before a Replaceable queue: last in, first out."""

    _items: Any

    def _get(self) -> Any:
        return self._items.pop()


class SmallestFirst:
    """Before a Replaceable queue: a heap."""

    _items: Any

    def _put(self, item: Any) -> None:
        heappush(self._items, item)

    def _get(self) -> Any:
        return heappop(self._items)


__all__ = ["LastFirst", "Replaceable", "SmallestFirst"]
