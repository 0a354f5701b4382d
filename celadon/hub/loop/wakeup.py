"""How another thread, or a signal, wakes a sleeping hub: an eventfd, or a pipe where there is none.

Only the main thread runs Python's signal handlers. A signal that comes just before the kernel's call does not interrupt
the call, nor does one that the kernel delivers to another thread. So the main thread's hub has a pipe into which the
interpreter itself writes at each signal (``signal.set_wakeup_fd``), unless the program uses that itself.
"""

from __future__ import annotations

import os
import signal
from _thread import RLock

# Bound at import: `green` replaces them by versions that may wait.
_set_wakeup_fd = signal.set_wakeup_fd
_read, _write, _close = os.read, os.write, os.close


class Wakeup:
    """``send`` is safe from any thread and from a signal handler; ``fileno`` becomes readable; ``drain`` resets."""

    __slots__ = ("_lock", "_read", "_write")

    def __init__(self) -> None:
        # Keeps `send` from writing to a number that was closed meanwhile and is another file now. Re-entrant, because
        # a signal handler that sends may interrupt a `send`.
        self._lock = RLock()
        signals = _may_have_signals()
        if not signals and hasattr(os, "eventfd"):
            self._read = self._write = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        else:
            self._read, self._write = os.pipe()
            os.set_blocking(self._read, False)
            os.set_blocking(self._write, False)
        if signals:
            self.wake_at_signals()

    def wake_at_signals(self) -> None:
        """Have the interpreter write to it at each signal, unless the program has set an fd of its own."""
        # An eventfd takes no single bytes; the hub has one if the program's fd was there first, or in a thread.
        if self._read != self._write and _may_have_signals(self._write):
            _set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def fileno(self) -> int:
        """The fd to poll for reading; -1 once closed."""
        return self._read

    def fds(self) -> set[int]:
        """All fds; -1 among them once closed."""
        return {self._read, self._write}

    def send(self) -> None:
        """Make the fd readable. Nothing happens when it is readable already, or closed."""
        with self._lock:
            if self._write >= 0:
                try:
                    _write(self._write, b"\1\0\0\0\0\0\0\0")
                except BlockingIOError:
                    return  # full: the reader is going to wake anyway

    def drain(self) -> None:
        """Make the fd unreadable again."""
        try:
            _read(self._read, 4096)
        except BlockingIOError:
            return

    # -- as an entry of ``Hub.fds``, see ``FdEntry`` -----------------------------------------------------------

    def __repr__(self) -> str:
        return "<Wakeup from other threads and signals>"

    def fire(self, mask: int) -> None:
        """See ``FdEntry``."""
        self.drain()

    def rearm_now(self) -> None:
        """See ``FdEntry``: what was sent is in ``ready`` already."""

    def closing(self) -> None:
        """See ``FdEntry``: the wake-up is closed only with its hub."""

    # -- the end -------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the fds, once."""
        with self._lock:
            self.abandon()

    def abandon(self) -> None:
        """Close the fds in a forked child, where a thread that stayed in the parent may seem to hold the lock."""
        read, write = self._read, self._write
        self._read = self._write = -1
        if read != write and _may_have_signals(write):
            _set_wakeup_fd(-1)
        for fd in {read, write}:
            if fd >= 0:
                _close(fd)


def _may_have_signals(mine: int = -1) -> bool:
    """Whether this is the main thread, and ``set_wakeup_fd`` is free or ``mine``."""
    try:
        before = _set_wakeup_fd(-1)
    except ValueError:
        return False
    if before not in (-1, mine):
        _set_wakeup_fd(before)
        return False
    return True
