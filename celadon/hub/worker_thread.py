"""One OS thread for calls that must all be made in the same one: a connection of sqlite3, a handle of a library in C.

``ThreadPool`` gives each call to any of its threads. Here every call goes to one thread, in the order in which they
came. Nothing here uses ``threading``, which may be patched.
"""

from __future__ import annotations

import _thread
import os
from _queue import SimpleQueue
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Any, ParamSpec, TypeVar
from weakref import WeakSet

from .loop.current import get_hub
from .loop.other_threads import resting
from .waiting.sync import AsyncResult

P = ParamSpec("P")
T = TypeVar("T")

_all: WeakSet[WorkerThread] = WeakSet()
#: A call and where its result goes, if anybody wants it; None: the thread ends.
_Task = tuple[Callable[[], Any], AsyncResult[Any] | None] | None


class WorkerThread:
    """An OS thread of its own, begun with the first call. Calls may come from any thread and any hub.

    It does not keep the process alive. In a forked child it is closed: what lived in the thread stayed in the parent.
    """

    def __init__(self) -> None:
        self._lock = _thread.allocate_lock()
        self._tasks: SimpleQueue[_Task] = SimpleQueue()
        #: One None for each call that has not ended.
        self._unfinished: deque[None] = deque()
        self._begun = False
        #: True once no call is taken any more.
        self.closed: bool = False
        _all.add(self)

    def __repr__(self) -> str:
        state = "closed" if self.closed else "running" if self._begun else "not begun"
        return f"<WorkerThread at {id(self):#x}, {state}, {len(self._unfinished)} calls>"

    @property
    def busy(self) -> bool:
        """Whether a call runs or waits in it. False as soon as the last result is there."""
        return bool(self._unfinished)

    def _put(self, call: Callable[[], Any], result: AsyncResult[Any] | None) -> None:
        with self._lock:
            if self.closed:
                raise RuntimeError(f"{self!r} takes no more calls")
            if not self._begun:
                _thread.start_new_thread(_work, (self._tasks, self._unfinished))
                self._begun = True
            self._unfinished.append(None)
            self._tasks.put((call, result))

    def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """``function(*args, **kwargs)`` in the thread, in a copy of the caller's context, waited for.

        A kill or a Timeout ends the wait at once; the call finishes alone. RuntimeError once closed, and where the
        system has no thread to give.
        """
        hub = get_hub()
        result: AsyncResult[T] = AsyncResult()
        self._put(partial(copy_context().run, function, *args, **kwargs), result)
        hub.holds += 1
        try:
            return result.get()
        finally:
            hub.holds -= 1

    def post(self, function: Callable[..., object], /, *args: Any) -> None:
        """Have ``function(*args)`` called in the thread. Does not wait; nobody gets the result. RuntimeError as above.

        An exception of it is dropped.
        """
        self._put(partial(function, *args), None)

    def close(self) -> None:
        """Take no more calls; the thread ends after those that it has. Does not wait; a second time does nothing."""
        with self._lock:
            if not self.closed:
                self.closed = True
                self._tasks.put(None)

    # No lock is taken: this may run in the midst of any code, also of `close`.
    def __del__(self) -> None:
        tasks = getattr(self, "_tasks", None)
        if tasks is not None:
            tasks.put(None)


def _work(tasks: SimpleQueue[_Task], unfinished: deque[None]) -> None:
    me = _thread.get_ident()
    try:
        while True:
            resting.add(me)
            task = tasks.get()
            resting.discard(me)
            if task is None:
                return
            call, result = task
            value: Any = None
            failure: BaseException | None = None
            try:
                value = call()
            except BaseException as error:  # the caller's, wherever it waits: also SystemExit
                failure = error
            unfinished.pop()
            if result is not None:
                if failure is None:
                    result.set(value)
                else:
                    result.set_exception(failure)
            # An idle thread must not keep the last call and its result alive.
            del task, call, result, value, failure
    finally:
        resting.discard(me)


def _after_fork_in_child() -> None:
    for one in list(_all):
        one._lock = _thread.allocate_lock()
        one.closed = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)

__all__ = ["WorkerThread"]
