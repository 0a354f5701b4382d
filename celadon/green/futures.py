"""concurrent.futures over the hub's threads: native threads whose futures let other greenlets run while one waits.

For programs that are not patched, or that want native threads though they are: the standard library's own
ThreadPoolExecutor becomes greenlets under ``patch_all``. The classes derive from the library's, so ``as_completed``,
``wait`` and ``asyncio.wrap_future`` take these futures as their own.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from celadon.hub import Condition, ThreadPool, get_hub

P = ParamSpec("P")
T = TypeVar("T")


class Future(concurrent.futures.Future[T]):
    """A Future whose ``result`` and ``exception`` park the greenlet that waits. From any thread."""

    def __init__(self) -> None:
        super().__init__()
        # The one thing that a Future waits and wakes by.
        self._condition = Condition()  # type: ignore[assignment]

    def rawlink(self, callback: Callable[[Any], object]) -> None:
        """Call ``callback(future)`` in the caller's loop once it is done. It must not wait. ``hub.wait`` takes it."""
        self.add_done_callback(_Link(callback))

    def unlink(self, callback: Callable[[Any], object]) -> None:
        """Remove one callback that equals (``==``) ``callback``, if it is linked."""
        with self._condition:
            links: list[Any] = self._done_callbacks  # type: ignore[attr-defined]
            for place, one in enumerate(links):
                if isinstance(one, _Link) and one.callback == callback:
                    del links[place]
                    return


class _Link:
    __slots__ = ("_hub", "callback")

    def __init__(self, callback: Callable[[Any], object]) -> None:
        if not callable(callback):
            raise TypeError(f"what is called must be callable, not {callback!r}")
        self.callback = callback
        self._hub = get_hub()

    def __call__(self, future: Any) -> None:
        if not self._hub.closed:
            self._hub.call_soon_threadsafe(self.callback, future)


class ThreadPoolExecutor(concurrent.futures.Executor):
    """At most ``max_workers`` native threads, of the hub of the thread that makes it; only that thread may submit.

    The other arguments are those of ``concurrent.futures.ThreadPoolExecutor``; ``initializer`` is not among them.
    """

    def __init__(self, max_workers: int = 10, thread_name_prefix: str = "") -> None:
        """``thread_name_prefix`` does not matter: the threads have no names."""
        if max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        self._pool = ThreadPool(max_workers)
        self._waiting: set[Future[Any]] = set()

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have ``function(*args, **kwargs)`` called in a thread. RuntimeError after ``shutdown``."""
        if self._pool.closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future[T] = Future()

        def call() -> None:
            self._waiting.discard(future)
            if not future.set_running_or_notify_cancel():
                return
            try:
                value = function(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001  (it is the caller's, wherever the result is asked for)
                future.set_exception(error)
            else:
                future.set_result(value)

        self._waiting.add(future)
        self._pool.spawn(call)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; wait (``wait``) until all have been made; ``cancel_futures``: all that have begun."""
        if cancel_futures:
            for future in list(self._waiting):
                future.cancel()
        self._pool.close()
        if wait:
            self._pool.join()

    kill = shutdown  # gevent's name


__all__ = ["Future", "ThreadPoolExecutor"]
