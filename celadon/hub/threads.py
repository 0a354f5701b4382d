"""Blocking calls in OS threads, waited for by greenlets.

Threads are made as calls come, at most ``maxsize``, and retire when idle. A call that has not begun can be
cancelled; one that has begun cannot be stopped by anybody, so whoever gives up is let go at once, and the
thread finishes alone and takes the next call. Nothing here uses ``threading``, which may be patched.
"""

from __future__ import annotations

import _thread
import os
from _queue import Empty, SimpleQueue
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar
from weakref import WeakSet

from .errors import CancelledError, HubClosedError
from .greenlets.mapper import Mapper
from .loop.current import get_hub
from .loop.hub import Hub
from .loop.other_threads import resting
from .waiting.sync import AsyncResult, Event

P = ParamSpec("P")
T = TypeVar("T")

_pools: WeakSet[ThreadPool] = WeakSet()


class ThreadResult(AsyncResult[T]):
    """What a call in a thread will give."""

    __slots__ = ("_call", "_claim", "_held", "_pool")

    def __init__(self, pool: ThreadPool, call: Callable[[], T]) -> None:
        super().__init__()
        self._pool = pool
        self._call: Callable[[], T] | None = call
        #: Holds one item. The worker or ``cancel`` takes it out, and so decides whether the call is made.
        self._claim = [True]
        self._held = True
        pool.hub.holds += 1

    def cancel(self) -> bool:
        """Give the result up. True if the call had not begun: then it is not made at all.

        A greenlet that still waits for it gets CancelledError. Nothing happens once there is a result.
        """
        if self._held:
            self._let_go()
            self.set_exception(CancelledError(f"nobody wanted the result of {self!r}"))
        if not self._take():
            return False
        self._call = None
        self._pool._dropped()
        return True

    def cancelled(self) -> bool:
        """Whether ``cancel`` was called before there was a result."""
        return isinstance(self.exception, CancelledError)

    def _take(self) -> bool:
        try:
            self._claim.pop()
        except IndexError:
            return False
        return True

    def _let_go(self) -> None:
        if self._held:
            self._held = False
            self._pool.hub.holds -= 1

    def _work(self) -> None:
        """In the worker: make the call and send the outcome to the hub."""
        call, self._call = self._call, None
        assert call is not None
        try:
            outcome: tuple[Callable[..., object], Any] = (self.set, call())
        except BaseException as error:  # the caller's, wherever it waits: also SystemExit
            outcome = (self.set_exception, error)
        self._pool._dropped()
        try:
            self._pool.hub.call_soon_threadsafe(self._deliver, *outcome)
        except HubClosedError:
            return  # the thread that wanted it has ended

    def _deliver(self, give: Callable[[Any], object], outcome: Any) -> None:
        if self._held:
            self._let_go()
            give(outcome)


class ThreadPool(Mapper):
    """At most ``maxsize`` threads; one that had nothing to do for ``idle_timeout`` seconds (None: never) ends.

    Belongs to the hub of the thread that made it, and ends with it. In a forked child it starts anew, empty.
    """

    def __init__(self, maxsize: int = 10, idle_timeout: float | None = 10.0) -> None:
        if maxsize < 1:
            raise ValueError("a thread pool needs room for one thread")
        self.hub: Hub = get_hub()
        self._maxsize = maxsize
        self.idle_timeout = idle_timeout
        self.closed: bool = False
        self._reset()
        self.hub.on_close(self.close)
        _pools.add(self)

    def _reset(self) -> None:
        self._lock = _thread.allocate_lock()
        #: A None makes a thread check whether it is one too many, and end then.
        self._tasks: SimpleQueue[ThreadResult[Any] | None] = SimpleQueue()
        self._load = 0  # calls that wait or run
        self._threads = 0
        self._nothing_to_do = Event()
        self._nothing_to_do.set()

    def __repr__(self) -> str:
        return f"<ThreadPool at {id(self):#x}, {self._load} calls, {self._threads} of {self._maxsize} threads>"

    def __len__(self) -> int:
        """How many calls wait or run."""
        return self._load

    def __bool__(self) -> bool:
        return True

    @property
    def size(self) -> int:
        """How many threads there are now."""
        return self._threads

    @property
    def maxsize(self) -> int:
        """How many threads there may be. May be set: waiting calls get new threads, or threads end after their call."""
        return self._maxsize

    @maxsize.setter
    def maxsize(self, maxsize: int) -> None:
        if maxsize < 1:
            raise ValueError("a thread pool needs room for one thread")
        with self._lock:
            self._maxsize = maxsize
            more = max(min(self._load, maxsize) - self._threads, 0)
            self._threads += more
            for _ in range(self._threads - maxsize):
                self._tasks.put(None)
        for _ in range(more):
            self._start()

    def spawn(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> ThreadResult[T]:
        """Have ``function(*args, **kwargs)`` called in a thread, in a copy of the caller's context. Does not wait.

        RuntimeError for a closed pool, for another thread than the one that made the pool, and when not even
        one thread can be started.
        """
        if self.closed:
            raise RuntimeError(f"{self!r} is closed")
        if get_hub() is not self.hub:
            raise RuntimeError(f"{self!r} belongs to another thread")
        context = copy_context()
        result: ThreadResult[T] = ThreadResult(self, lambda: context.run(function, *args, **kwargs))
        with self._lock:
            self._load += 1
            if self._load == 1:
                self._nothing_to_do.clear()
            start = self._load > self._threads and self._threads < self._maxsize
            if start:
                self._threads += 1
            self._tasks.put(result)
        if start and not self._start():
            result.cancel()
            raise RuntimeError("can't start new thread")
        return result

    def _start(self) -> bool:
        """Start a thread that is counted already; False if that was impossible and there is no other one."""
        try:
            _thread.start_new_thread(_worker, (self, self._tasks, self._lock))
        except RuntimeError:
            with self._lock:
                self._threads -= 1
                return self._threads > 0
        return True

    def imap(self, function: Callable[..., T], *iterables: Iterable[Any], maxsize: int | None = None) -> Iterator[T]:
        """As ``Group.imap``; the bound is twice the number of threads unless ``maxsize`` says otherwise."""
        return super().imap(function, *iterables, maxsize=maxsize or 2 * self._maxsize)

    def imap_unordered(
        self, function: Callable[..., T], *iterables: Iterable[Any], maxsize: int | None = None
    ) -> Iterator[T]:
        """As ``imap``, in the order in which the calls end."""
        return super().imap_unordered(function, *iterables, maxsize=maxsize or 2 * self._maxsize)

    def _abandon(self, calls: Iterable[Any]) -> None:
        for call in calls:
            call.cancel()

    def _dropped(self) -> None:
        with self._lock:
            self._load -= 1
            if not self._load:
                self._nothing_to_do.set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until no call waits or runs, at most ``timeout`` seconds; True if so. Abandoned calls count as well."""
        self.hub.holds += 1
        try:
            return self._nothing_to_do.wait(timeout)
        finally:
            self.hub.holds -= 1

    def close(self) -> None:
        """Take no more calls; those that wait are still made. The threads end after that; does not wait for them."""
        if not self.closed:
            self.closed = True
            with self._lock:
                for _ in range(self._threads):
                    self._tasks.put(None)

    kill = close

    def _is_surplus(self) -> bool:
        # With the lock held, by a thread that is going to end if it is one.
        return self.closed or self._threads > self._maxsize


def _worker(pool: ThreadPool, tasks: SimpleQueue[ThreadResult[Any] | None], lock: _thread.LockType) -> None:
    me = _thread.get_ident()
    try:
        _work_off(pool, tasks, lock, me)
    finally:
        resting.discard(me)


def _work_off(pool: ThreadPool, tasks: SimpleQueue[ThreadResult[Any] | None], lock: _thread.LockType, me: int) -> None:
    while True:
        resting.add(me)
        try:
            task = tasks.get(timeout=pool.idle_timeout)
            resting.discard(me)
        except Empty:
            with lock:
                if not tasks.empty():
                    continue
                pool._threads -= 1
                return
        if task is None:
            with lock:
                if pool._is_surplus():
                    pool._threads -= 1
                    return
            continue
        if task._take():
            task._work()
        del task  # an idle thread must not keep the last result alive
        if pool._threads > pool._maxsize:
            with lock:
                if pool._is_surplus():
                    pool._threads -= 1
                    return


_POOL = object()


def default_pool() -> ThreadPool:
    """The thread's own pool for ``to_thread``, a new one if it was closed.

    DNS has another one: neither delays the other.
    """
    variables = get_hub().vars
    pool: ThreadPool | None = variables.get(_POOL)
    if pool is None or pool.closed:
        pool = variables[_POOL] = ThreadPool()
    return pool


def to_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """``function(*args, **kwargs)`` in a thread of the default pool, waited for, as ``asyncio.to_thread``.

    A kill or a Timeout ends the wait at once; a call that has begun finishes alone.
    """
    return default_pool().apply(function, args, kwargs)


def _after_fork_in_child() -> None:
    for pool in list(_pools):
        pool._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)

__all__ = ["ThreadPool", "ThreadResult", "default_pool", "to_thread"]
