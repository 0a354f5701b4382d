"""``queue.SimpleQueue``, on greenlets. The other queues are the standard library's own, over green locks.

``put`` takes no lock, so that it may be called again from a destructor or a weak reference's callback in its midst.
"""

from __future__ import annotations

from _queue import Empty
from collections import deque
from functools import partial
from types import GenericAlias, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from ..hub import HubClosedError, get_hub
from ..hub.lowlevel import park_for
from .thread import _Waiter


class SimpleQueue:
    """See ``queue.SimpleQueue``. For greenlets of any OS thread."""

    __slots__ = ("__weakref__", "_items", "_waiters")
    __module__ = "_queue"
    _empty: type[Exception] = Empty
    __class_getitem__: Any = classmethod(GenericAlias)

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._waiters: deque[_Waiter] = deque()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """See ``SimpleQueue.put``; never waits."""
        self._items.append(item)
        if self._waiters:
            self._wake()

    def put_nowait(self, item: Any) -> None:
        """See ``SimpleQueue.put_nowait``."""
        self.put(item)

    def _wake(self) -> None:
        mine = get_hub()
        while self._waiters:
            try:
                waiter = self._waiters.popleft()
            except IndexError:
                return
            if waiter.take():
                waiter.owns = True
                try:
                    if waiter.hub is mine:
                        waiter.deliver()
                    else:
                        waiter.hub.call_soon_threadsafe(waiter.deliver)
                except HubClosedError:
                    continue
                return

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """See ``SimpleQueue.get``."""
        if block and timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        try:
            return self._items.popleft()
        except IndexError:
            if not block:
                raise self._empty from None
        hub = get_hub()
        deadline = None if timeout is None else hub.now() + timeout
        while True:
            self._wait(None if deadline is None else deadline - hub.now())
            try:
                return self._items.popleft()
            except IndexError:
                if deadline is not None and hub.now() >= deadline:
                    raise self._empty from None

    def get_nowait(self) -> Any:
        """See ``SimpleQueue.get_nowait``."""
        return self.get(False)

    def _wait(self, seconds: float | None) -> None:
        hub = get_hub()
        waiter = _Waiter(hub)
        self._waiters.append(waiter)
        if self._items and waiter.take():  # another OS thread was faster than our joining the queue
            self._leave(waiter)
            return
        patient = waiter.greenlet is hub.main
        hub.endless.count += patient
        try:
            park_for(partial(self._give_up, waiter), seconds, shared=True)
        except BaseException:
            if waiter.owns and self._items and self._waiters:
                self._wake()  # what woke us is for somebody else now
            raise
        finally:
            hub.endless.count -= patient

    def _give_up(self, waiter: _Waiter) -> None:
        if waiter.take():
            self._leave(waiter)

    def _leave(self, waiter: _Waiter) -> None:
        try:
            self._waiters.remove(waiter)
        except ValueError:
            return  # the one who puts has just taken it out, and sees the claim gone

    def empty(self) -> bool:
        """See ``SimpleQueue.empty``."""
        return not self._items

    def qsize(self) -> int:
        """See ``SimpleQueue.qsize``."""
        return len(self._items)


def classes(module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``_queue`` and ``queue``, which have an Empty of their own when imported anew."""
    std: Any = module
    if std.Empty is Empty:
        return {"SimpleQueue": SimpleQueue}
    made = _others.get(std.Empty)
    if made is None:
        made = _others[std.Empty] = type("SimpleQueue", (SimpleQueue,), {"_empty": std.Empty, "__slots__": ()})
    return {"SimpleQueue": made}


_others: WeakKeyDictionary[type, type] = WeakKeyDictionary()

__all__ = ["SimpleQueue", "classes"]
