"""Waiting for descriptors and watchers, by gevent's names."""

from __future__ import annotations

from typing import Any

from celadon.hub import Timeout, iwait, spawn, wait, wait_readable, wait_writable
from celadon.hub import wait as wait_on_objects

from ._hub_local import get_hub
from .exceptions import ConcurrentObjectUseError

iwait_on_objects = iwait
_UNSET: Any = object()


def _wait(waits: Any, fileno: Any, timeout: float | None, timeout_exc: Any) -> None:
    try:
        waits(fileno if isinstance(fileno, int) else fileno.fileno(), timeout)
    except TimeoutError:
        if timeout_exc is _UNSET:
            raise
        if timeout_exc is not None and timeout_exc is not False:
            raise timeout_exc from None


def wait_read(fileno: Any, timeout: float | None = None, timeout_exc: Any = _UNSET) -> None:
    """Wait until ``fileno`` can be read; raises ``timeout_exc``, TimeoutError by default, after ``timeout`` seconds."""
    _wait(wait_readable, fileno, timeout, timeout_exc)


def wait_write(fileno: Any, timeout: float | None = None, timeout_exc: Any = _UNSET, event: Any = _UNSET) -> None:
    """As ``wait_read``, for writing. ``event`` does not matter."""
    _wait(wait_writable, fileno, timeout, timeout_exc)


def wait_readwrite(fileno: Any, timeout: float | None = None, timeout_exc: Any = _UNSET, event: Any = _UNSET) -> None:
    """As ``wait_read``, for either."""
    _wait(_either, fileno, timeout, timeout_exc)


def _either(fd: int, timeout: float | None) -> None:
    reading, writing = spawn(wait_readable, fd), spawn(wait_writable, fd)
    try:
        first = wait([reading, writing], timeout, 1)
        if not first:
            raise TimeoutError("timed out")
        first[0].get()
    finally:
        reading.kill()
        writing.kill()


def wait_on_watcher(watcher: Any, timeout: float | None = None, timeout_exc: Any = _UNSET, hub: Any = None) -> None:
    """Wait for a watcher's event."""
    error = TimeoutError("timed out") if timeout_exc is _UNSET else timeout_exc
    if watcher.callback is not None:
        raise ConcurrentObjectUseError(f"This socket is already used by another greenlet: {watcher.callback!r}")
    with Timeout(timeout, error):
        (get_hub() if hub is None else hub).wait(watcher)


__all__ = ["iwait_on_objects", "wait_on_objects", "wait_on_watcher", "wait_read", "wait_readwrite", "wait_write"]
