"""A hub in a native thread of its own, for programs whose threads belong to another loop or to nobody.

Made of C-level primitives bound at import, so it is a native thread also when the program was patched meanwhile.
"""

from __future__ import annotations

import _thread
import os
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from greenlet import getcurrent

from .greenlets.greenlet import Greenlet, spawn
from .greenlets.join import killall
from .loop.current import get_hub
from .loop.hub import Hub
from .waiting.park import park

_all: WeakSet[HubThread] = WeakSet()
_start, _allocate = _thread.start_new_thread, _thread.allocate_lock


class HubThread:
    """Starts at the first call, and again in a forked child. Every method may be called from any thread.

    It does not keep the process alive, as a daemon thread does not.
    """

    def __init__(self) -> None:
        self._lock = _allocate()
        self._hub: Hub | None = None
        self._main: Any = None
        self._ended: Any = None
        self._closed = False
        self._jobs: set[Greenlet[Any]] = set()
        _all.add(self)

    def _forget(self) -> None:
        """In a forked child: the thread is not there, and the lock may have been held."""
        self._lock = _allocate()
        self._hub = self._main = self._ended = None
        self._jobs = set()

    def __repr__(self) -> str:
        return f"<HubThread, {len(self._jobs)} calls>"

    def _send(self, function: Callable[..., object], *args: object) -> None:
        # Under the lock, so that the hub cannot be torn down between taking the call and being woken.
        with self._lock:
            if self._closed:
                raise RuntimeError(f"{self!r} is closed")
            if self._hub is None:
                self._begin()
            assert self._hub is not None
            self._hub.call_soon_threadsafe(function, *args)

    def _begin(self) -> None:
        self._ended = _allocate()
        self._ended.acquire()
        started = _allocate()
        started.acquire()
        _start(self._run, (started, self._ended))
        started.acquire()

    def _run(self, started: _thread.LockType, ended: _thread.LockType) -> None:
        hub = get_hub()
        hub.holds += 1
        self._main = getcurrent()
        self._hub = hub
        started.release()
        try:
            closers = park(lambda: None)
            killall(list(self._jobs))
            for closer in closers:
                try:
                    closer()
                except Exception as error:  # the others are called all the same
                    hub.failed(None, error)
            with self._lock:
                pass  # `close` holds it until it has woken this hub: after that nobody needs the hub
        finally:
            hub.holds -= 1
            ended.release()

    def post(self, function: Callable[..., object], *args: object) -> None:
        """Call ``function(*args)`` in the thread, in a greenlet of its own, where it may wait.

        RuntimeError if closed.
        """
        self._send(self._spawn, function, args)

    def call_soon(self, function: Callable[..., object], *args: object) -> None:
        """Call ``function(*args)`` in the thread's hub, where it must not wait. RuntimeError if closed."""
        self._send(function, *args)

    def _spawn(self, function: Callable[..., object], args: tuple[object, ...]) -> None:
        job: Greenlet[Any] = spawn(function, *args)
        self._jobs.add(job)
        job.rawlink(self._jobs.discard)

    def close(self, *closers: Callable[[], object]) -> None:
        """Kill what runs, call ``closers`` in the thread, and wait until it has ended. Doing it twice is harmless."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            hub, self._hub = self._hub, None
            if hub is None:
                return
            hub.call_soon_threadsafe(hub.unpark, self._main, closers)
        self._ended.acquire()


def _after_fork_in_child() -> None:
    for one in list(_all):
        one._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
