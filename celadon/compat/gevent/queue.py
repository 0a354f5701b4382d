"""Queues. ``Queue`` has ``task_done`` and ``join``; ``SimpleQueue`` has no bound.

A subclass may replace what it may in the standard library: ``_init``, ``_qsize``, ``_put``, ``_get``, and the attribute
``queue``.
"""

from __future__ import annotations

from typing import Any, TypeVar

from celadon.compat.replaceable import LastFirst, Replaceable, SmallestFirst
from celadon.hub import Channel as _Channel
from celadon.hub import Empty, Full, ShutDown
from celadon.hub import JoinableQueue as _JoinableQueue
from celadon.hub import LifoQueue as _LifoQueue
from celadon.hub import PriorityQueue as _PriorityQueue

_Item = TypeVar("_Item")


class _Iterated(Replaceable[_Item]):
    """Its own iterator."""

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


class SimpleQueue(_Iterated[_Item]):
    """A queue; ``maxsize`` bounds it."""


class Queue(_Iterated[_Item], _JoinableQueue[_Item]):
    """A queue with ``task_done`` and ``join``; ``maxsize`` bounds it."""


JoinableQueue = Queue


class LifoQueue(LastFirst, Queue[_Item], _LifoQueue[_Item]):
    """Last in, first out."""


class PriorityQueue(SmallestFirst, Queue[_Item], _PriorityQueue[_Item]):
    """Smallest first."""


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
