"""The path of a Unix socket: bound where nobody listens any more, never where somebody does, and unlinked by its maker.

A socket's file outlives its server, and ``bind`` refuses a path that is there (unix(7)). Whether anybody listens says
a connect. Between that and the unlink another server may do the same, so all of it happens under a lock of the folder
(flock(2)), which leaves no file behind.
"""

from __future__ import annotations

import _socket
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from ...hub import sleep

#: Seconds that another server may hold the folder's lock, and between two tries.
_PATIENCE, _PAUSE = 2.0, 0.01


class Place(NamedTuple):
    """The socket's file at ``path``, as its maker left it."""

    path: str
    device: int
    inode: int
    #: The process that bound it: one that inherited the socket must not unlink it.
    pid: int


@contextmanager
def _locked(path: str, patience: float) -> Iterator[bool]:
    """Hold the lock of the path's folder. False where there is no such lock: another kind of file system, no rights."""
    try:
        folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        yield False
        return
    try:
        yield _lock(folder, path, patience)
    finally:
        os.close(folder)


def _lock(folder: int, path: str, patience: float) -> bool:
    while True:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if patience <= 0:
                raise OSError(errno.EAGAIN, f"another program holds the lock of the folder of {path}") from None
        except OSError:
            return False
        sleep(_PAUSE)
        patience -= _PAUSE


def is_stale(path: str, kind: int) -> bool:
    """Whether ``path`` is a socket's file that no socket stands behind. OSError for a file of another kind."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return True
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "there is a file that is no socket")
    probe = _socket.socket(_socket.AF_UNIX, kind)
    try:
        probe.setblocking(False)
        return probe.connect_ex(path) in (errno.ECONNREFUSED, errno.ENOENT)
    finally:
        probe.close()


def bind(made: Any, path: str, backlog: int | None, mode: int | None = None) -> None:
    """Bind to ``path``, taking over a stale one, and listen if there is a ``backlog``. OSError(EADDRINUSE) if in use.

    ``mode`` is set before the first client can connect. Two servers that come at once: one gets it.
    """
    if path.startswith("\0"):
        made.bind(path)
        if backlog is not None:
            made.listen(backlog)
        return
    with _locked(path, _PATIENCE):
        try:
            made.bind(path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not is_stale(path, made.type):
                raise
            with suppress(FileNotFoundError):
                os.unlink(path)
            made.bind(path)
        if mode is not None:
            os.chmod(path, mode)
        if backlog is not None:
            made.listen(backlog)


def place(path: str) -> Place | None:
    """What ``leave`` must know, to be asked right after ``bind``; None for an abstract path."""
    if path.startswith("\0"):
        return None
    found = os.stat(path)
    return Place(os.path.abspath(path), found.st_dev, found.st_ino, os.getpid())


def leave(mine: Place) -> None:
    """Unlink the file, unless it is another's by now. It may stay behind; then the next server takes it over."""
    if mine.pid != os.getpid():
        return
    with suppress(OSError), _locked(mine.path, 0):
        found = os.lstat(mine.path)
        if (found.st_dev, found.st_ino) == (mine.device, mine.inode):
            os.unlink(mine.path)


__all__ = ["Place", "bind", "is_stale", "leave", "place"]
