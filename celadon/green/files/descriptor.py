"""Reading and writing bare file descriptors without stopping the hub.

The flags of a descriptor are never touched: they belong to the open file, which other processes may share. Where the
kernel can be told not to wait for one call (RWF_NOWAIT), it is; else the descriptor is polled before each call, and
written to in pieces that a pipe which polls writable takes at once.

A descriptor that is closed while a call waits for it still gives what arrived before: the call is made on a duplicate.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select as _select
import stat
from collections.abc import Sequence
from typing import Any

from ...hub import notify_closing, to_thread, wait_readable, wait_writable
from ...hub.lowlevel import FdClosedError, hub_fds, hub_if_any
from ..fairness import can_park

_fcntl = fcntl.fcntl
_open, _read, _write, _close = os.open, os.read, os.write, os.close
_closerange = os.closerange
_readv, _writev, _sendfile = os.readv, os.writev, os.sendfile
_preadv: Any = getattr(os, "preadv", None)
_pwritev: Any = getattr(os, "pwritev", None)
_NOWAIT: int = getattr(os, "RWF_NOWAIT", 0) if _preadv is not None else 0
_native_poll = _select.poll
_ATOMIC: int = getattr(_select, "PIPE_BUF", 512)
#: How much ``sendfile`` reads at once (bytes).
_CHUNK = 1 << 16
_UNSUPPORTED = frozenset((errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ESPIPE))


def _may_wait(fd: int, write: bool) -> bool:
    """Whether a call would block, and may park: not in the hub, nor where the call fails at once."""
    flags = _fcntl(fd, fcntl.F_GETFL)
    wrong = os.O_RDONLY if write else os.O_WRONLY
    return not flags & os.O_NONBLOCK and flags & os.O_ACCMODE != wrong and can_park()


def _ready(fd: int, mask: int) -> bool:
    asked = _native_poll()
    asked.register(fd, mask)
    return bool(asked.poll(0))


def _await(fd: int, write: bool) -> int:
    """Park until ``fd`` is ready; at once if it is, if it cannot be told, or if it is set not to block.

    Returns the number to make the call on, which is another one if ``fd`` was closed meanwhile.
    """
    mask = _select.POLLOUT if write else _select.POLLIN
    if not _ready(fd, mask) and _may_wait(fd, write):
        try:
            (wait_writable if write else wait_readable)(fd)
        except PermissionError:
            return fd  # what cannot be polled does not wait
        except FdClosedError as closed:
            if closed.duplicate < 0 or not _ready(closed.duplicate, mask):
                raise closed.plain() from None
            return closed.duplicate
    return fd


def read(fd: int, length: int, /) -> bytes:
    """See ``os.read``."""
    if isinstance(fd, int) and fd >= 0:
        fd = _await(fd, False)
    return _read(fd, length)


def readv(fd: int, buffers: Any, /) -> int:
    """See ``os.readv``."""
    if isinstance(fd, int) and fd >= 0:
        fd = _await(fd, False)
    return _readv(fd, buffers)


def await_readable(fd: int) -> int:
    """Park until a read would not wait; at once where one does not, or fails. Returns the number to read from."""
    return _await(fd, False)


def write(fd: int, data: Any, /) -> int:
    """See ``os.write``."""
    if not isinstance(fd, int) or fd < 0:
        return _write(fd, data)
    with memoryview(data) as view, view.cast("B") if view.nbytes else memoryview(b"") as left:
        if len(left) <= _ATOMIC or not _stalls(fd):
            return _write(_await(fd, True), left)
        return _write_pieces(fd, left)


def writev(fd: int, buffers: Any, /) -> int:
    """See ``os.writev``."""
    if isinstance(fd, int) and fd >= 0 and isinstance(buffers, Sequence) and _stalls(fd):
        return write(fd, b"".join(buffers))
    return _writev(fd, buffers)


def sendfile(out_fd: int, in_fd: int, offset: int | None, count: int) -> int:
    """See ``os.sendfile``; to what may wait, it reads and writes in turns, for the kernel would wait in midst of it."""
    if not isinstance(out_fd, int) or out_fd < 0 or not _stalls(out_fd) or not can_park():
        return _sendfile(out_fd, in_fd, offset, count)
    sent = 0
    while sent < count:
        size = min(count - sent, _CHUNK)
        data = read(in_fd, size) if offset is None else os.pread(in_fd, size, offset + sent)
        if not data:
            break
        sent += write(out_fd, data)
    return sent


def _stalls(fd: int) -> bool:
    """Whether a large write may wait for a reader though the descriptor polls writable."""
    return not stat.S_ISREG(os.fstat(fd).st_mode) and os.get_blocking(fd)


def _write_pieces(fd: int, left: memoryview) -> int:
    at, size, nowait = 0, len(left), bool(_NOWAIT)
    while at < size:
        if nowait:
            try:
                at += _pwritev(fd, [left[at:]], -1, _NOWAIT)
                continue
            except BlockingIOError:
                ready = _await(fd, True)
                # A pipe may poll writable and yet have no room for the first byte of a large piece.
                at += _write(ready, left[at : at + _ATOMIC])
                continue
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
                nowait = False
        at += _write(_await(fd, True), left[at : at + _ATOMIC])
    return at


def open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:  # noqa: A001  (os.open)
    """See ``os.open``; a FIFO, whose opening waits for the other end, is opened in a thread."""
    if isinstance(flags, int) and not flags & _NEVER_WAITS and can_park():
        try:
            fifo = stat.S_ISFIFO(os.stat(path, dir_fd=dir_fd).st_mode)
        except (OSError, TypeError, ValueError):
            fifo = False
        if fifo and flags & os.O_ACCMODE != os.O_RDWR:
            return _open_in_thread(path, flags, mode, dir_fd)
    return _open(path, flags, mode, dir_fd=dir_fd)


_NEVER_WAITS = os.O_NONBLOCK | os.O_EXCL | getattr(os, "O_DIRECTORY", 0)


def _open_in_thread(path: Any, flags: int, mode: int, dir_fd: int | None) -> int:
    claim, opened = [True], []

    def call() -> int:
        opened.append(_open(path, flags, mode, dir_fd=dir_fd))
        if not _take(claim):
            _close(opened[0])
        return opened[0]

    try:
        return to_thread(call)
    except BaseException:
        # Killed meanwhile: what the thread opened before that is closed here, what it opens later it closes itself.
        if not _take(claim):
            _close(opened[0])
        raise


def _take(claim: list[bool]) -> bool:
    try:
        claim.pop()
    except IndexError:
        return False
    return True


def close(fd: int, /) -> None:
    """See ``os.close``; greenlets that wait for the descriptor get EBADF. The hub's own count as not open."""
    if hub_if_any() is not None and isinstance(fd, int):
        if fd in hub_fds:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        notify_closing(fd)
    _close(fd)


def closerange(fd_low: int, fd_high: int, /) -> None:
    """See ``os.closerange``; the hub's own descriptors stay open."""
    notify_closing(fd_low, fd_high)
    for fd in sorted(fd for fd in hub_fds if fd_low <= fd < fd_high):
        _closerange(fd_low, fd)
        fd_low = fd + 1
    _closerange(fd_low, fd_high)


__all__ = ["close", "closerange", "open", "read", "readv", "sendfile", "write", "writev"]
