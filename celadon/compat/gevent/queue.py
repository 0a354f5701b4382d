"""Queues. ``Queue`` has ``task_done`` and ``join``; ``SimpleQueue`` has no bound."""

from __future__ import annotations

from typing import Any, TypeVar

from celadon.hub import Channel, Empty, Full, LifoQueue, PriorityQueue, ShutDown, SimpleQueue
from celadon.hub import JoinableQueue as _JoinableQueue

_Item = TypeVar("_Item")


class Queue(_JoinableQueue[_Item]):
    """A queue with ``task_done`` and ``join``; ``maxsize`` bounds it."""


JoinableQueue = Queue


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
    "LifoQueue",
    "PriorityQueue",
    "Queue",
    "ShutDown",
    "SimpleQueue",
]
