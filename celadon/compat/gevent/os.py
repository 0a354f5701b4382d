"""``os`` with gevent's names: reading and writing that park, children that are watched."""

from __future__ import annotations

import errno
import os as _os
from collections.abc import Callable
from typing import Any

from celadon.compat.shaped import fill
from celadon.hub import sleep, spawn_raw, to_thread, wait_pid, wait_readable, wait_writable

_read, _write, _waitpid = _os.read, _os.write, _os.waitpid
_forkpty: Any = getattr(_os, "forkpty", None)
_AGAIN = (errno.EAGAIN, errno.EINTR)


def make_nonblocking(fd: int) -> bool | None:
    """Set O_NONBLOCK; True if it was not set before, None if it was."""
    if _os.get_blocking(fd):
        _os.set_blocking(fd, False)
        return True
    return None


def nb_read(fd: int, n: int) -> bytes:
    """Up to ``n`` bytes from a descriptor with O_NONBLOCK; parks until some come. b"" at the end."""
    while True:
        try:
            return _read(fd, n)
        except OSError as error:
            if error.errno not in _AGAIN:
                raise
        wait_readable(fd)


def nb_write(fd: int, buf: Any) -> int:
    """Write to a descriptor with O_NONBLOCK; parks while nothing can be written. Returns how much was."""
    while True:
        try:
            return _write(fd, buf)
        except OSError as error:
            if error.errno not in _AGAIN:
                raise
        wait_writable(fd)


def tp_read(fd: int, n: int) -> bytes:
    """Up to ``n`` bytes, read in a thread."""
    return to_thread(_read, fd, n)


def tp_write(fd: int, buf: Any) -> int:
    """Write in a thread; returns how much was written."""
    return to_thread(_write, fd, buf)


def fork_gevent() -> int:
    """``os.fork``. The child's hub is clean: the parent's greenlets do not run in it."""
    return _os.fork()


def forkpty_gevent() -> tuple[int, int]:
    """``os.forkpty``."""
    return _forkpty()  # type: ignore[no-any-return]


#: pid -> the status once it has ended, None before.
_watched: dict[int, int | None] = {}


class ForkWatcher:
    """What ``fork_and_watch`` gives its callback: ``pid``, and ``rpid`` and ``rstatus`` as waitpid found them."""

    def __init__(self, pid: int) -> None:
        self.pid = self.rpid = pid
        self.rstatus = 0


def fork_and_watch(
    callback: Callable[[Any], object] | None = None, loop: Any = None, ref: bool = False, fork: Any = fork_gevent
) -> Any:
    """Fork, and wait for the child in the background, for ``waitpid`` and for ``callback(watcher)``."""
    made = fork()
    pid = made[0] if isinstance(made, tuple) else made
    if pid:
        _watched[pid] = None

        def watch() -> None:
            watcher = ForkWatcher(pid)
            try:
                watcher.rpid, watcher.rstatus = wait_pid(pid)
            except ChildProcessError:
                _watched.pop(pid, None)
                return
            if pid in _watched:
                _watched[pid] = watcher.rstatus
            if callback is not None:
                callback(watcher)

        spawn_raw(watch)
    return made


def forkpty_and_watch(callback: Any = None, loop: Any = None, ref: bool = False, forkpty: Any = forkpty_gevent) -> Any:
    """As ``fork_and_watch``, by ``os.forkpty``."""
    return fork_and_watch(callback, loop, ref, forkpty)


def waitpid(pid: int, options: int) -> tuple[int, int]:
    """``os.waitpid``, parking; also of a child that ``fork_and_watch`` waits for."""
    if pid == -1:
        ended = next((one for one, status in _watched.items() if status is not None), None)
        if ended is not None:
            return ended, _watched.pop(ended) or 0
        while True:
            try:
                found = _waitpid(-1, options | _os.WNOHANG)
            except ChildProcessError:
                if not any(status is None for status in _watched.values()):
                    raise
                found = 0, 0
            if found[0] or options & _os.WNOHANG:
                _watched.pop(found[0], None)
                return found
            sleep(0.005)
            if any(status is not None for status in _watched.values()):
                return waitpid(-1, options)
    if pid in _watched:
        if options & _os.WNOHANG and _watched[pid] is None:
            sleep(0.001)  # its end may be known and not yet read
            if _watched.get(pid) is None:
                return 0, 0
        while _watched.get(pid, 0) is None:
            sleep(0.002)
        status = _watched.pop(pid, None)
        if status is not None:
            return pid, status
    return wait_pid(pid, options)


def fork(*args: Any, **kwargs: Any) -> Any:
    """``fork_and_watch``."""
    return fork_and_watch(*args, **kwargs)


def forkpty(*args: Any, **kwargs: Any) -> Any:
    """``forkpty_and_watch``."""
    return forkpty_and_watch(*args, **kwargs)


_EXTENSIONS = (
    "fork_and_watch", "fork_gevent", "forkpty_and_watch", "forkpty_gevent", "make_nonblocking", "nb_read", "nb_write",
    "tp_read", "tp_write",
)  # fmt: skip
fill(globals(), "os", extensions=_EXTENSIONS)
#: What gevent's has, not all of os: a star import would hide the builtin ``open``.
__all__ = [*_EXTENSIONS, "close", "fork", "forkpty", "posix_spawn", "posix_spawnp", "waitpid"]  # noqa: F822, PLE0604
