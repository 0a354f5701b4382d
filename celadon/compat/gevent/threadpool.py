"""Threads for calls that block, with gevent's arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celadon.green.futures import ThreadPoolExecutor as _Executor
from celadon.hub import Semaphore, ThreadResult, get_hub, getcurrent, sleep
from celadon.hub import ThreadPool as _ThreadPool

from .exceptions import InvalidThreadUseError


class ThreadPool(_ThreadPool):
    """At most ``maxsize`` threads; each ends after ``idle_task_timeout`` seconds without a call (-1: never).

    Unlike Celadon's own, ``spawn`` waits: one call may wait for a thread, the next one's ``spawn`` does not return.
    """

    #: What the program said; ``_maxsize`` is less while threads are to end.
    _wanted = 0

    def __init__(self, maxsize: int, hub: Any = None, idle_task_timeout: float = -1) -> None:
        idle = None if idle_task_timeout is None or idle_task_timeout < 0 else idle_task_timeout
        super().__init__(max(maxsize, 1), idle)
        self.maxsize = maxsize

    def _reset(self) -> None:
        """As there: also in a forked child, where the calls of the parent hold no places."""
        super()._reset()
        self._places = Semaphore(self._wanted + 1)
        #: How many calls run in places that were taken away.
        self._surplus = 0

    @property
    def maxsize(self) -> int:
        """How many threads there may be. May be set: with more, who waits in ``spawn`` goes on; with 0, nobody does."""
        return self._wanted

    @maxsize.setter
    def maxsize(self, maxsize: int) -> None:
        if not isinstance(maxsize, int):
            raise TypeError(f"maxsize must be integer: {maxsize!r}")
        if maxsize < 0:
            raise ValueError(f"maxsize must not be negative: {maxsize!r}")
        more, self._wanted = maxsize - self._wanted, maxsize
        while more < 0 and self._places.acquire(blocking=False):
            more += 1
        self._surplus -= more
        if self._surplus < 0:
            self._places.release(-self._surplus)
            self._surplus = 0
        self._end_threads(maxsize)
        self._begin_threads(min(self._load, maxsize))

    def _begin_threads(self, least: int) -> None:
        with self._lock:
            more = max(least - self._threads, 0)
            self._threads += more
        for _ in range(more):
            self._start()

    def _end_threads(self, most: int) -> None:
        """Have all but ``most`` threads end, each after its call."""
        with self._lock:
            self._maxsize = most  # a worker that sees it ends
            for _ in range(self._threads - most):
                self._tasks.put(None)

    @property
    def size(self) -> int:
        """How many threads there are now. May be set, up to ``maxsize``; waits for calls of those that are to end."""
        return self._threads

    @size.setter
    def size(self, size: int) -> None:
        if not 0 <= size <= self._wanted:
            raise ValueError(f"the size of the pool is from 0 to {self._wanted}, not {size}")
        self._begin_threads(size)
        self._end_threads(size)
        while self._threads > size and self._maxsize == size and not self.hub.closed:
            if getcurrent() is self.hub.greenlet:
                return
            sleep(0.001)
        self._maxsize = self._wanted

    def _is_elsewhere(self) -> bool:
        return get_hub() is not self.hub

    def spawn(self, func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Have it called in a thread; waits while another call does. InvalidThreadUseError in another thread."""
        if self._is_elsewhere():
            raise InvalidThreadUseError(f"{self!r} belongs to another thread")
        self._places.acquire()
        self._maxsize = self._wanted  # it may be less after `kill`
        try:
            result = super().spawn(func, *args, **kwargs)
        except BaseException:
            self._places.release()
            raise
        result.rawlink(self._one_ended)
        return result

    def _one_ended(self, _: object) -> None:
        if self._surplus:
            self._surplus -= 1
        else:
            self._places.release()

    def apply(self, func: Callable[..., Any], args: Any = None, kwds: Any = None) -> Any:
        """As there; in a thread of the pool the call is made at once."""
        if self._is_elsewhere():
            return func(*(args or ()), **(kwds or {}))
        return super().apply(func, args, kwds)

    def full(self) -> bool:
        """Whether ``spawn`` would wait."""
        return self._places.locked()

    def kill(self) -> None:
        """Wait for the calls that run, and end the threads. Another ``spawn`` begins new ones."""
        self.size = 0

    def adjust(self) -> None:
        """Nothing: threads begin and end by themselves."""


class ThreadPoolExecutor(_Executor):
    """``concurrent.futures``' executor, always on threads of the system."""

    kill = _Executor.shutdown


__all__ = ["ThreadPool", "ThreadPoolExecutor", "ThreadResult"]
