"""Waiting for child processes: ``os.waitpid`` and its family, from any thread, without a SIGCHLD handler.

A child that is named is waited for by its pidfd. Where the call is for any child, or for stops as well as ends, a
thread waits without reaping (WNOWAIT), and the call itself is then made as it was asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ..hub import to_thread, wait_readable

_waitpid, _waitid, _wait3, _wait4 = os.waitpid, os.waitid, os.wait3, os.wait4
_system = os.system
_pidfd_open: Any = getattr(os, "pidfd_open", None)


def await_child(pid: int, timeout: float | None = None) -> bool:
    """Park until the child ``pid`` has ended (it is not reaped); False after ``timeout`` seconds."""
    if _pidfd_open is None:
        to_thread(_waitid, os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return True
    try:
        fd = _pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        wait_readable(fd, timeout)
    except TimeoutError:
        return False
    finally:
        _close(fd)
    return True


_close = os.close


def _await(kind: int, number: int, options: int) -> None:
    if kind == os.P_PID and not options & (os.WSTOPPED | os.WCONTINUED):
        await_child(number)
    else:
        to_thread(_waitid, kind, number, options | os.WNOWAIT)


def _until(call: Callable[[], Any], pid: int, options: int) -> Any:
    """Repeat ``call`` (which does not wait) until it finds a child; ChildProcessError passes through."""
    while True:
        found = call()
        if found[0]:
            return found
        wanted = os.WEXITED
        if options & os.WUNTRACED:
            wanted |= os.WSTOPPED
        if options & os.WCONTINUED:
            wanted |= os.WCONTINUED
        if pid > 0:
            _await(os.P_PID, pid, wanted)
        elif pid == -1:
            _await(os.P_ALL, 0, wanted)
        else:
            _await(os.P_PGID, -pid if pid else os.getpgrp(), wanted)


def waitpid(pid: int, options: int, /) -> tuple[int, int]:
    """See ``os.waitpid``."""
    if options & os.WNOHANG:
        return _waitpid(pid, options)
    return _until(lambda: _waitpid(pid, options | os.WNOHANG), pid, options)  # type: ignore[no-any-return]


def wait() -> tuple[int, int]:
    """See ``os.wait``."""
    return waitpid(-1, 0)


def wait3(options: int) -> tuple[int, int, Any]:
    """See ``os.wait3``."""
    if options & os.WNOHANG:
        return _wait3(options)
    return _until(lambda: _wait3(options | os.WNOHANG), -1, options)  # type: ignore[no-any-return]


def wait4(pid: int, options: int) -> tuple[int, int, Any]:
    """See ``os.wait4``."""
    if options & os.WNOHANG:
        return _wait4(pid, options)
    return _until(lambda: _wait4(pid, options | os.WNOHANG), pid, options)  # type: ignore[no-any-return]


def waitid(idtype: int, ident: int, options: int, /) -> Any:
    """See ``os.waitid``."""
    if options & os.WNOHANG:
        return _waitid(idtype, ident, options)
    while True:
        found = _waitid(idtype, ident, options | os.WNOHANG)
        if found is not None:
            return found
        _await(idtype, ident, options)


def system(command: Any) -> int:
    """See ``os.system``; the call is made in a thread."""
    return to_thread(_system, command)


__all__ = ["system", "wait", "wait3", "wait4", "waitid", "waitpid"]
