"""Queues between greenlets, in one thread or several. An item goes to the getter that has waited longest, if one waits.

So a getter that was woken has its item, a killed getter leaves nothing behind, and an item that was handed over before
the kill is still returned to its getter.

An unbounded queue takes no lock: items and waiters each stand in a container from which one atomic operation takes one.
An item is handed over directly only while the container is empty, and a getter is claimed before an item is taken for
it. So the items of one thread come out in the order in which it put them, whoever else puts and gets.
"""

from __future__ import annotations

from _queue import Empty
from _thread import RLock
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from heapq import heapify, heappop, heappush
from typing import Any, Generic, TypeVar

from greenlet import getcurrent, greenlet

from ..loop.current import _local, get_hub
from ..loop.hub import Hub
from .park import TIMED_OUT, Waiters, first_time, may_park
from .sync import Event
from .timeouts import Seconds, too_late

T = TypeVar("T")


class Full(Exception):
    """``put`` found no place in time."""


class ShutDown(Exception):
    """The queue was shut down: nothing more can be put, or what was in it has all been taken."""


class _Sign:
    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


# What a waiter gets in place of an item. AGAIN: another thread took it, so wait anew. OVER: the queue was shut down.
_AGAIN = _Sign("AGAIN")
_OVER = _Sign("OVER")


class _Putters:
    """The greenlets that wait for a place, with the items that they put."""

    __slots__ = ("_line", "_queue")

    shared = True

    def __init__(self, queue: Queue[Any] | Channel[Any]) -> None:
        self._queue = queue
        self._line: OrderedDict[greenlet, tuple[Hub, Any]] = OrderedDict()

    def __repr__(self) -> str:
        return f"a place in {self._queue!r}"

    def __bool__(self) -> bool:
        return bool(self._line)

    def __len__(self) -> int:
        return len(self._line)

    def wait(self, item: object, seconds: Seconds) -> Any:
        """Line up with ``item``. Gives True once it was taken, OVER after a shutdown, TIMED_OUT after ``seconds``."""
        hub = _local.hub or get_hub()
        me = getcurrent()
        if hub.pending or me is hub.greenlet:
            may_park(hub, me, self)
        try:
            hub.parked[me] = self
            self._line[me] = (hub, item)
            self._queue.settle()
            return hub.leave_for(me, seconds)
        except BaseException:
            hub.back_out(me)
            raise

    def give_up(self, waiter: greenlet) -> bool:
        """See ``Wait`` in loop/other_threads.py."""
        return self._line.pop(waiter, None) is not None

    def take(self, keep: Callable[[Any], object]) -> bool:
        """Take the item of the first in line and ``keep`` it; False if there is none."""
        while self._line:
            try:
                waiter, (hub, item) = self._line.popitem(False)
            except KeyError:
                return False
            if hub.closed:
                continue
            keep(item)
            hub.deliver(waiter, True)
            return True
        return False

    def send_away(self) -> None:
        """Wake everybody: the queue was shut down."""
        for waiter, (hub, _) in list(self._line.items()):
            if self._line.pop(waiter, None) is not None:
                hub.deliver(waiter, _OVER)


class Queue(Waiters, Generic[T]):
    """First in, first out; ``maxsize`` items (None, 0: as many as come). From any thread."""

    __slots__ = ("__weakref__", "_items", "_maxsize", "_mutex", "_open", "_putters", "_shut", "_store", "_take")

    _items: Any
    #: What a getter is woken with that shall look for itself.
    _again = _AGAIN

    def __init__(self, maxsize: int | None = None, items: Iterable[T] = ()) -> None:
        self._waiters = None
        self._putters: _Putters | None = None
        self._shut = False
        self._maxsize = maxsize if maxsize is not None and maxsize > 0 else None
        #: No bound and not shut down: there is always a place.
        self._open = self._maxsize is None
        self._mutex = RLock() if maxsize else None
        self._store: Callable[[T], object]
        self._take: Callable[[], T]
        self._begin(items)

    # -- what the kinds differ in ----------------------------------------------------------------------------

    def _begin(self, items: Iterable[T]) -> None:
        self._items = deque(items)
        self._store = self._items.append
        self._take = self._items.popleft

    def _peek(self) -> T:
        item: T = self._items[0]
        return item

    def _unget(self, item: T) -> None:
        self._items.appendleft(item)

    # -- looking ---------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        limit = "" if self._maxsize is None else f" of {self._maxsize}"
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
        return self._maxsize is not None and len(self._items) >= self._maxsize

    @property
    def maxsize(self) -> int | None:
        """How many items have a place; None: any number. May be set; a larger one lets waiting putters in."""
        return self._maxsize

    @maxsize.setter
    def maxsize(self, maxsize: int | None) -> None:
        self._bounded()
        self._maxsize = maxsize if maxsize is not None and maxsize > 0 else None
        self._open = self._maxsize is None and not self._shut
        self.settle()

    @property
    def queue(self) -> Any:
        """The items, in the order in which they are kept. To look at, not to change."""
        return self._items

    def copy(self) -> Queue[T]:
        """Another queue of the same kind with the same items; nobody waits at it."""
        return type(self)(self._maxsize, list(self._items))

    # -- putting and getting ---------------------------------------------------------------------------------

    def put(self, item: T, block: bool = True, timeout: Seconds = None) -> None:
        """Put ``item``; Full if there is no place within ``timeout`` seconds, or at once when not ``block``.

        Raises ShutDown after ``shutdown``.
        """
        if not self._open:
            self._put_bounded(item, block, timeout)
            return
        if self._waiters and not self._items and self.wake(item):
            return
        self._store(item)
        if self._waiters:
            self.settle()

    def _put_bounded(self, item: T, block: bool, timeout: Seconds) -> None:
        if self._shut:
            raise ShutDown
        with self._bounded():
            place = not self._putters and not self.full()
            if place:
                self._store(item)
        if place:
            if self._waiters:
                self.settle()
            return
        if not block or (timeout is not None and timeout <= 0):
            raise Full
        assert self._putters is not None
        answer = self._putters.wait(item, timeout)
        if answer is TIMED_OUT:
            raise too_late(timeout, Full())
        if answer is _OVER:
            raise ShutDown

    def _bounded(self) -> RLock:
        # A count and a store are two operations: bounded queues need a lock to keep to their bound.
        if self._putters is None:
            with first_time:
                if self._putters is None:
                    self._mutex = self._mutex or RLock()
                    self._putters = _Putters(self)
        assert self._mutex is not None
        return self._mutex

    def put_nowait(self, item: T) -> None:
        """Put ``item`` if there is a place, else Full."""
        self.put(item, block=False)

    def get(self, block: bool = True, timeout: Seconds = None) -> T:
        """Take an item; Empty if none came within ``timeout`` seconds, or at once when not ``block``.

        Raises ShutDown after ``shutdown`` once the queue is empty.
        """
        if self._items:
            try:
                item = self._take()
            except IndexError:  # another thread was faster
                pass
            else:
                if self._putters and self._let_in() and self._waiters:
                    self.settle()
                return item
        if not block or (timeout is not None and timeout <= 0):
            if self._shut:
                raise ShutDown
            raise Empty
        return self._wait_for_item(timeout)

    def _wait_for_item(self, timeout: Seconds) -> T:
        item = Waiters.wait(self, timeout)
        if type(item) is _Sign or item is TIMED_OUT:
            if item is TIMED_OUT:
                raise too_late(timeout, Empty())
            if item is _OVER:
                raise ShutDown
            return self.get(timeout=timeout)  # another thread took what had come; the time counts anew
        if self._putters and self._let_in() and self._waiters:
            self.settle()
        return item  # type: ignore[no-any-return]

    def settle(self) -> None:
        """See ``Waiters``."""
        while True:
            self._hand_out()
            if not self._putters or not self._let_in():
                break
        if self._shut and not self._items:
            self.wake_all(_OVER)

    def _hand_out(self) -> None:
        while self._items and (claimed := self._next_waiter()):
            waiter, hub = claimed
            try:
                item: object = self._take()
            except IndexError:
                item = _AGAIN
            hub.deliver(waiter, item)

    def _let_in(self) -> bool:
        # Let as many waiting putters in as there are places; True if any was let in.
        putters = self._putters
        assert putters is not None
        if self._shut:
            putters.send_away()
            return False
        anybody = False
        with self._bounded():
            while putters and not self.full() and putters.take(self._store):
                anybody = True
        return anybody

    def get_nowait(self) -> T:
        """Take an item if there is one, else Empty."""
        return self.get(block=False)

    def peek(self, block: bool = True, timeout: Seconds = None) -> T:
        """The item that ``get`` would take, left where it is; Empty as there."""
        try:
            return self._peek()
        except IndexError:
            item = self.get(block, timeout)
            self._unget(item)
            if self._waiters:
                self.settle()
            return item

    def peek_nowait(self) -> T:
        """The item that ``get_nowait`` would take, left where it is, else Empty."""
        return self.peek(block=False)

    def shutdown(self, immediate: bool = False) -> None:
        """Take no more items: ``put`` raises ShutDown, and so does ``get`` once the queue is empty.

        With ``immediate`` it is emptied at once. As ``queue.Queue.shutdown`` of Python 3.13.
        """
        self._shut = True
        self._open = False
        if immediate:
            self._drop_all()
        if self._putters is not None:
            self._putters.send_away()
        self.settle()

    @property
    def is_shutdown(self) -> bool:
        """Whether ``shutdown`` was called."""
        return self._shut

    def _drop_all(self) -> None:
        while self._items:
            try:
                self._take()
            except IndexError:
                return

    def __iter__(self) -> Iterator[T]:
        """Take items until one is StopIteration, as in gevent, or until the queue was shut down and is empty."""
        while True:
            try:
                item = self.get()
            except ShutDown:
                return
            if item is StopIteration:
                return
            yield item


class SimpleQueue(Queue[T]):
    """Queue by another name, without bound by default as ``queue.SimpleQueue``."""

    __slots__ = ()


class JoinableQueue(Queue[T]):
    """A queue that counts items until ``task_done`` is called for them, as ``queue.Queue``; ``join`` waits for that."""

    __slots__ = ("_all_done", "_unfinished")

    def __init__(
        self, maxsize: int | None = None, items: Iterable[T] = (), unfinished_tasks: int | None = None
    ) -> None:
        super().__init__(maxsize, items)
        self._mutex = self._mutex or RLock()
        self._unfinished = len(self._items) if unfinished_tasks is None else unfinished_tasks
        self._all_done = Event()
        if not self._unfinished:
            self._all_done.set()

    @property
    def unfinished_tasks(self) -> int:
        """How many items were put and not yet reported by ``task_done``."""
        return self._unfinished

    def _count(self, n: int) -> None:
        assert self._mutex is not None
        with self._mutex:
            if self._unfinished + n < 0:
                raise ValueError("task_done() called too many times")
            self._unfinished += n
            done = not self._unfinished
            if not done:
                self._all_done.clear()
        if done:
            self._all_done.set()

    def put(self, item: T, block: bool = True, timeout: Seconds = None) -> None:
        """As Queue's; counts the item as unfinished from now on."""
        self._count(1)
        try:
            super().put(item, block, timeout)
        except BaseException:
            self._count(-1)
            raise

    def _unget(self, item: T) -> None:
        super()._unget(item)  # peeked at, not put anew

    def _drop_all(self) -> None:
        while self._items:
            try:
                self._take()
            except IndexError:
                return
            if self._unfinished:
                self._count(-1)

    def task_done(self) -> None:
        """The work on one item is done. ValueError when called more often than there were items."""
        self._count(-1)

    def join(self, timeout: Seconds = None) -> bool:
        """Wait until ``task_done`` was called for every item, at most ``timeout`` seconds; True if it was."""
        return self._all_done.wait(timeout)


class LifoQueue(JoinableQueue[T]):
    """Last in, first out."""

    __slots__ = ()

    def _begin(self, items: Iterable[T]) -> None:
        self._items = deque(items)
        self._store = self._items.append
        self._take = self._items.pop

    def _peek(self) -> T:
        item: T = self._items[-1]
        return item

    def _unget(self, item: T) -> None:
        self._items.append(item)


class PriorityQueue(JoinableQueue[T]):
    """Smallest first."""

    __slots__ = ()

    def _begin(self, items: Iterable[T]) -> None:
        self._items = list(items)
        heapify(self._items)
        # Comparing may run Python code, and other threads within it.
        self._mutex = RLock()
        self._store = self._push
        self._take = self._pop

    def _push(self, item: T) -> None:
        assert self._mutex is not None
        with self._mutex:
            heappush(self._items, item)

    def _pop(self) -> T:
        assert self._mutex is not None
        with self._mutex:
            item: T = heappop(self._items)
            return item

    def _unget(self, item: T) -> None:
        self._push(item)


class Channel(Waiters, Generic[T]):
    """A queue without any place: ``put`` waits until a getter takes the item. From any thread."""

    __slots__ = ("__weakref__", "_putters")

    def __init__(self, maxsize: int = 1) -> None:
        """``maxsize`` does not matter (gevent's signature)."""
        self._waiters = None
        self._putters = _Putters(self)

    def __repr__(self) -> str:
        return f"<Channel at {id(self):#x}, {self.balance} more putters than getters>"

    @property
    def balance(self) -> int:
        """How many wait to put, or, negative, to get."""
        return len(self._putters) - (len(self._waiters) if self._waiters else 0)

    def qsize(self) -> int:
        """0."""
        return 0

    def empty(self) -> bool:
        """True."""
        return True

    def full(self) -> bool:
        """True."""
        return True

    def put(self, item: T, block: bool = True, timeout: Seconds = None) -> None:
        """Give ``item`` to a getter; Full if none came within ``timeout`` seconds, or waits now when not ``block``."""
        if self._waiters and not self._putters and self.wake(item):
            return
        if not block or (timeout is not None and timeout <= 0):
            raise Full
        if self._putters.wait(item, timeout) is TIMED_OUT:
            raise too_late(timeout, Full())

    def put_nowait(self, item: T) -> None:
        """Give ``item`` to a getter that waits, else Full."""
        self.put(item, block=False)

    def get(self, block: bool = True, timeout: Seconds = None) -> T:
        """Take the item of a putter; Empty if none came within ``timeout`` seconds, or at once when not ``block``."""
        taken: list[T] = []
        if self._putters and self._putters.take(taken.append):
            return taken[0]
        if not block or (timeout is not None and timeout <= 0):
            raise Empty
        item = Waiters.wait(self, timeout)
        if item is TIMED_OUT:
            raise too_late(timeout, Empty())
        return self.get(timeout=timeout) if item is _AGAIN else item

    def get_nowait(self) -> T:
        """Take an item if somebody waits to give one, else Empty."""
        return self.get(block=False)

    def settle(self) -> None:
        """See ``Waiters``."""
        while self._putters and (claimed := self._next_waiter()):
            waiter, hub = claimed
            taken: list[Any] = []
            hub.deliver(waiter, taken[0] if self._putters.take(taken.append) else _AGAIN)

    def __iter__(self) -> Iterator[T]:
        """Take items until one is StopIteration."""
        while (item := self.get()) is not StopIteration:
            yield item


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
