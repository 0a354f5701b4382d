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

    Unlike Celadon's own, ``spawn`` waits for a thread.
    """

    def __init__(self, maxsize: int, hub: Any = None, idle_task_timeout: float = -1) -> None:
        self._places = Semaphore(maxsize)
        self._wanted = maxsize
        super().__init__(maxsize, None if idle_task_timeout is None or idle_task_timeout < 0 else idle_task_timeout)

    def _is_elsewhere(self) -> bool:
        return get_hub() is not self.hub

    def spawn(self, func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Have it called in a thread; waits while ``maxsize`` calls run. InvalidThreadUseError in another thread."""
        if self._is_elsewhere():
            raise InvalidThreadUseError(f"{self!r} belongs to another thread")
        self._places.acquire()
        if not self._maxsize:  # after `kill`
            self._maxsize = self._wanted
        try:
            result = super().spawn(func, *args, **kwargs)
        except BaseException:
            self._places.release()
            raise
        result.rawlink(self._one_ended)
        return result

    def _one_ended(self, _: object) -> None:
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
        if self._maxsize:
            self._wanted = self._maxsize
        with self._lock:
            self._maxsize = 0  # a worker that sees it ends
            for _ in range(self._threads):
                self._tasks.put(None)
        while self._threads and not (self._maxsize or self.hub.closed) and getcurrent() is not self.hub.greenlet:
            sleep(0.001)

    def adjust(self) -> None:
        """Nothing: threads begin and end by themselves."""


class ThreadPoolExecutor(_Executor):
    """``concurrent.futures``' executor, always on threads of the system."""

    kill = _Executor.shutdown


__all__ = ["ThreadPool", "ThreadPoolExecutor", "ThreadResult"]
