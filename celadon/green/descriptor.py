"""Reading and writing bare file descriptors without stopping the hub.

The flags of a descriptor are never touched: they belong to the open file, which other processes may share. Where the
kernel can be told not to wait for one call (RWF_NOWAIT), it is; else the descriptor is polled before each call, and
written to in pieces that a pipe which polls writable takes at once.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select as _select
import stat
from typing import Any

from ..hub import get_hub, getcurrent, hub_if_any, notify_closing, wait_readable, wait_writable

_fcntl = fcntl.fcntl
_read, _write, _close = os.read, os.write, os.close
_preadv: Any = getattr(os, "preadv", None)
_pwritev: Any = getattr(os, "pwritev", None)
_NOWAIT: int = getattr(os, "RWF_NOWAIT", 0) if _preadv is not None else 0
_native_poll = _select.poll
_ATOMIC: int = getattr(_select, "PIPE_BUF", 512)
_UNSUPPORTED = frozenset((errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ESPIPE))


def _may_wait(fd: int, write: bool) -> bool:
    """Whether a call would block, and may park: not in the hub, nor where the call fails at once."""
    flags = _fcntl(fd, fcntl.F_GETFL)
    wrong = os.O_RDONLY if write else os.O_WRONLY
    return not flags & os.O_NONBLOCK and flags & os.O_ACCMODE != wrong and get_hub().greenlet is not getcurrent()


def _ready(fd: int, mask: int) -> bool:
    asked = _native_poll()
    asked.register(fd, mask)
    return bool(asked.poll(0))


def _await(fd: int, write: bool) -> None:
    """Park until ``fd`` is ready; returns at once if it is, if it cannot be told, or if it is set not to block."""
    if not _ready(fd, _select.POLLOUT if write else _select.POLLIN) and _may_wait(fd, write):
        try:
            (wait_writable if write else wait_readable)(fd)
        except PermissionError:
            return  # what cannot be polled does not wait


def read(fd: int, length: int, /) -> bytes:
    """See ``os.read``."""
    if isinstance(fd, int) and fd >= 0:
        _await(fd, False)
    return _read(fd, length)


def read_into(fd: int, buffer: Any) -> int:
    """Read once into ``buffer``; returns how many bytes, 0 at the end of the file."""
    _await(fd, False)
    return int(os.readv(fd, [buffer]))


def write(fd: int, data: Any, /) -> int:
    """See ``os.write``."""
    if not isinstance(fd, int) or fd < 0:
        return _write(fd, data)
    with memoryview(data) as view, view.cast("B") if view.nbytes else memoryview(b"") as left:
        if len(left) <= _ATOMIC or not _stalls(fd):
            _await(fd, True)
            return _write(fd, left)
        return _write_pieces(fd, left)


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
                _await(fd, True)
                # A pipe may poll writable and yet have no room for the first byte of a large piece.
                at += _write(fd, left[at : at + _ATOMIC])
                continue
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
                nowait = False
        _await(fd, True)
        at += _write(fd, left[at : at + _ATOMIC])
    return at


def close(fd: int, /) -> None:
    """See ``os.close``; whoever waits for the descriptor gets EBADF."""
    if hub_if_any() is not None and isinstance(fd, int):
        notify_closing(fd)
    _close(fd)


__all__ = ["close", "read", "write"]
