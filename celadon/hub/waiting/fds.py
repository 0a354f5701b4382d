"""Waiting for file descriptors.

There are two ways, because an fd *number* means nothing by itself: it may be closed, and given to another file, without
the hub being told.

- ``Registration`` belongs to the owner of the fd (a green socket). It registers once, edge-triggered, for reading,
  and for writing once somebody waits for that, and unregisters when the owner closes. The owner makes its system call
  first and waits only after EAGAIN. No edge is missed that way: EAGAIN means that nothing is left of earlier ones. A
  read from a TCP socket that brought less than there was room for means the same, and saves the call that would give
  EAGAIN (``emptied``, ``empty``). ``wait_anew`` is for an owner that expects nothing, and waits before it reads.
- ``wait_readable(fd)`` and ``wait_writable(fd)`` take a bare number, and arm it anew at each wait (modify, or
  add where the kernel has forgotten it), so that a recycled number never inherits a waiter.

All waiters of a direction are woken, and each tries again: one may take everything, or only a part.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from greenlet import getcurrent, greenlet

from ..errors import FdClosedError, HubClosedError
from ..loop.current import _local, all_hubs, get_hub
from ..loop.hub import Hub, hub_fds
from ..loop.pollers import EDGE, ENDING, ERROR, HANGUP, ONESHOT, READ, READ_READY, URGENT, WRITE, WRITE_READY
from .park import TIMED_OUT, may_park

# Bound at import: the hub must not get the replacements of `green`.
_dup, _close = os.dup, os.close

# After these a short read does not mean that nothing is left: the end of the stream, or data after urgent data.
_ODD = URGENT | ENDING | ERROR | HANGUP


class _Duplicate:
    """Another number for the open file of ``fd``, closed with this object: also when the hub ends before its time.

    It is one of the fds that a program must spare which closes all it has open, as the number would be closed again.
    """

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = -1
        self.fd = _dup(fd)
        hub_fds.add(self.fd)

    def __del__(self) -> None:
        if self.fd >= 0:
            hub_fds.discard(self.fd)
            _close(self.fd)


class _Entry:
    """The waiters of one fd in one hub.

    ``rearm``: each wait must call ``modify``. ``empty``: a read has taken everything, and nothing was reported since.
    ``odd``: a short read no longer proves that. ``inside``: how many greenlets are in ``wait``, parked or woken and not
    yet running. ``duplicate``: another number for the same open file, which those greenlets get when the fd is closed.
    """

    __slots__ = ("duplicate", "empty", "fd", "hub", "inside", "mask", "odd", "readers", "rearm", "writers")

    def __init__(self, hub: Hub, fd: int, mask: int) -> None:
        self.hub = hub
        self.fd = fd
        self.mask = mask
        self.rearm = not hub.poller.edge_triggered
        self.empty = False
        self.inside = 0
        self.duplicate: _Duplicate | None = None
        self.odd = not (hub.poller.tells_endings and mask & EDGE)
        self.readers: list[greenlet] = []
        self.writers: list[greenlet] = []

    def __repr__(self) -> str:
        return f"fd {self.fd}"

    def fire(self, mask: int) -> None:
        """Wake whoever waits for what the poller saw."""
        unpark = self.hub.unpark
        self.empty = False
        if mask & _ODD:
            self.odd = True
        if mask & READ_READY and self.readers:
            for waiter in self.readers:
                unpark(waiter)
            self.readers.clear()
        if mask & WRITE_READY and self.writers:
            for waiter in self.writers:
                unpark(waiter)
            self.writers.clear()

    def closing(self) -> None:
        """The number is about to be closed, or is another file by now: wake everyone with EBADF."""
        for waiters in (self.readers, self.writers):
            for waiter in waiters:
                self.hub.unpark_error(waiter, FdClosedError(-1 if self.duplicate is None else self.duplicate.fd))
            waiters.clear()
        if self.duplicate is not None:
            # In the turn after the next callback, all waiters have run, in whatever order.
            self.hub.call_soon(self.hub.call_soon, self.drop_duplicate)

    def keep_duplicate(self) -> None:
        """Before the fd is closed: keep the open file for the greenlets that are in ``wait``, as the kernel would."""
        # Not registered any more: the greenlets inside were those of the process that forked this one.
        if self.inside and self.hub.fds.get(self.fd) is self:
            with suppress(OSError):  # closed already, or too many files: the waiters get a bare EBADF
                self.duplicate = _Duplicate(self.fd)

    def drop_duplicate(self) -> None:
        """Close it; nothing happens if there is none."""
        self.duplicate = None

    def arm(self) -> None:
        """Register ``fd`` with the hub's poller; its reports come to this entry."""
        hub, fd = self.hub, self.fd
        self.empty = False
        other = hub.fds.get(fd)
        if other is not None and other is not self:
            # The number was closed without its owner knowing: the file that it was registered for is gone.
            hub.fds.pop(fd)
            hub.poller.remove(fd)
            other.closing()
        try:
            hub.poller.add(fd, self.mask)
        except FileExistsError:
            hub.poller.modify(fd, self.mask)
        hub.fds[fd] = self

    def disarm(self) -> None:
        """Leave the poller. From any thread; where the poller does not allow that, a moment later in its own thread."""
        hub = self.hub
        if hub is not _local.hub and not hub.poller.removes_from_any_thread:
            with suppress(HubClosedError):
                hub.call_soon_threadsafe(self.disarm)
        elif hub.fds.get(self.fd) is self:
            # Two threads may do both steps at once: the second time nothing happens.
            hub.fds.pop(self.fd, None)
            hub.poller.remove(self.fd)

    def rearm_now(self) -> None:
        """See ``FdEntry``."""
        self.empty = False
        if self.readers or self.writers:
            with suppress(OSError):  # closed meanwhile: there is nothing to report
                self.hub.poller.modify(self.fd, self.mask)

    def wait(self, waiters: list[greenlet], timeout: float | None) -> None:
        """Park until the direction of ``waiters`` is ready; builtin TimeoutError after ``timeout`` seconds."""
        hub = self.hub
        me = getcurrent()
        if hub.pending or me is hub.greenlet:
            may_park(hub, me, self)
        hub.io_waiters += 1
        self.inside += 1
        try:
            hub.parked[me] = self
            waiters.append(me)
            if timeout is None:
                hub.leave(me)
            elif hub.leave_for(me, timeout) is TIMED_OUT:
                raise TimeoutError("timed out")
            if self.duplicate is not None:
                raise FdClosedError(self.duplicate.fd)
        except BaseException:
            hub.back_out(me)
            raise
        finally:
            hub.io_waiters -= 1
            self.inside -= 1

    #: See ``Wait`` in loop/other_threads.py.
    shared = False

    def give_up(self, waiter: greenlet) -> bool:
        """See ``Wait`` in loop/other_threads.py."""
        (self.readers if waiter in self.readers else self.writers).remove(waiter)
        return True


class Registration:
    """The owner's registration of an fd: made once, edge-triggered, closed with the fd.

    Greenlets of any thread may wait; each thread's hub gets an entry of its own at its first wait. ``close`` wakes
    all of them with FdClosedError (EBADF) and must come before the fd itself is closed.
    """

    __slots__ = ("_entries", "_entry", "_hub", "fd")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._hub: Hub | None = None
        self._entry: _Entry | None = None
        self._entries: list[_Entry] = []

    def _mine(self, direction: int) -> _Entry:
        hub = _local.hub or get_hub()
        entry = self._entry
        if entry is None or self._hub is not hub:
            if self.fd < 0:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            for entry in self._entries:
                if entry.hub is hub:
                    break
            else:
                watched = READ | EDGE | (URGENT | ENDING if hub.poller.tells_endings else 0)
                entry = _Entry(hub, self.fd, watched)
                self._entries = [one for one in self._entries if not one.hub.closed]
                self._entries.append(entry)
            self._entry, self._hub = entry, hub
        fresh = direction & ~entry.mask
        entry.mask |= direction
        # Not there at the first wait, nor in a forked child, whose hub has a new poller.
        if hub.fds.get(self.fd) is not entry:
            entry.arm()
        elif fresh or entry.rearm:
            hub.poller.modify(self.fd, entry.mask)
        return entry

    def wait_readable(self, timeout: float | None = None) -> None:
        """Park until a read would not block; call it only after a read said EAGAIN.

        Raises the builtin TimeoutError after ``timeout`` seconds, FdClosedError (EBADF) when the owner closes.
        """
        entry = self._mine(READ)
        entry.wait(entry.readers, timeout)

    def wait_writable(self, timeout: float | None = None) -> None:
        """Park until a write would not block; call it only after a write said EAGAIN. Errors as ``wait_readable``."""
        entry = self._mine(WRITE)
        entry.wait(entry.writers, timeout)

    def wait_anew(self, timeout: float | None = None) -> None:
        """As ``wait_readable``, with no read before it: what is there already is reported as well.

        The poller is asked anew, for less than a read that finds nothing costs.
        """
        entry = self._mine(READ)
        if not entry.rearm:
            if not entry.writers:
                entry.mask &= ~WRITE  # a socket is nearly always writable: that would be reported at once
            try:
                entry.hub.poller.modify(self.fd, entry.mask)
            except OSError:
                return  # closed meanwhile: the read will say so
        entry.wait(entry.readers, timeout)

    def emptied(self) -> None:
        """A read without flags from a TCP socket has just brought something, but less than there was room for.

        To be called before the greenlet gives way to any other.
        """
        entry = self._entry
        if entry is not None and not entry.odd and self._hub is _local.hub:
            entry.empty = True

    def empty(self) -> bool:
        """Whether a read would say EAGAIN, as far as is known: then one may wait without trying first."""
        entry = self._entry
        return entry is not None and entry.empty and self._hub is _local.hub

    def close(self) -> None:
        """Unregister and wake every waiter with EBADF; nothing happens the second time. Safe from any thread."""
        if self.fd < 0:
            return
        self.fd = -1
        for entry in self._entries:
            _take_leave(entry)
        self._entries = []
        self._entry = self._hub = None


def _take_leave(entry: _Entry) -> None:
    """Stop watching, before the number is closed, and wake who waits; in any thread."""
    entry.keep_duplicate()
    entry.disarm()
    if not entry.readers and not entry.writers and entry.duplicate is None:
        return
    if entry.hub is _local.hub:
        entry.closing()
        return
    try:
        entry.hub.call_soon_threadsafe(entry.closing)
    except HubClosedError:  # its thread has ended, and its waiters with it
        entry.drop_duplicate()


def _wait_bare(fd: int, write: bool, timeout: float | None) -> None:
    hub = get_hub()
    entry = hub.fds.get(fd)
    if not isinstance(entry, _Entry):
        if entry is not None:
            raise ValueError(f"fd {fd} belongs to {entry!r}: close that before anybody else waits for it")
        entry = _Entry(hub, fd, ONESHOT)
    mask = WRITE if write else READ
    if entry.mask & EDGE:
        # An owner has registered this number. Arming it anew makes the kernel report what is ready already.
        try:
            hub.poller.modify(fd, entry.mask)
        except FileNotFoundError:
            hub.fds.pop(fd)
            entry.closing()
            entry = _Entry(hub, fd, ONESHOT)
    if not entry.mask & EDGE:
        mask |= (READ if entry.readers else 0) | (WRITE if entry.writers else 0) | ONESHOT
        entry.mask = mask
        try:
            hub.poller.modify(fd, mask)
        except FileNotFoundError:
            _add_bare(hub, fd, mask)
        hub.fds[fd] = entry
    try:
        entry.wait(entry.writers if write else entry.readers, timeout)
    finally:
        if not entry.mask & EDGE and hub.fds.get(fd) is entry:
            if not entry.readers and not entry.writers:
                entry.disarm()
            else:
                entry.mask = (READ if entry.readers else 0) | (WRITE if entry.writers else 0) | ONESHOT
                hub.poller.modify(fd, entry.mask)


def _add_bare(hub: Hub, fd: int, mask: int) -> None:
    try:
        hub.poller.add(fd, mask)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise OSError(
            errno.ELOOP,
            f"fd {fd} is an epoll that watches {hub!r}, so that hub cannot wait for it: the host of this Guest waits "
            "through the hub itself (patch_all). Give it a ResolverThread, or nothing: it is green already",
        ) from None


def wait_readable(fd: int, timeout: float | None = None) -> None:
    """Park until reading from ``fd`` would not block (or would report an error or end of file).

    Raises the builtin TimeoutError after ``timeout`` seconds; OSError(EBADF) for a number that is not open,
    FdClosedError (EBADF too) for one that ``notify_closing`` was called for; PermissionError for what cannot be polled
    (a regular file).
    """
    _wait_bare(fd, False, timeout)


def wait_writable(fd: int, timeout: float | None = None) -> None:
    """Park until writing to ``fd`` would not block (or would report an error). Errors as ``wait_readable``."""
    _wait_bare(fd, True, timeout)


def notify_closing(fd: int, fd_high: int | None = None) -> None:
    """Wake everyone who waits for the number ``fd``, in any thread, with OSError(EBADF). Call it before closing.

    With ``fd_high`` all numbers from ``fd`` up to that one, exclusive.
    """
    for hub in all_hubs():
        for number in (fd,) if fd_high is None else [one for one in list(hub.fds) if fd <= one < fd_high]:
            entry = hub.fds.get(number)
            if isinstance(entry, _Entry):
                _take_leave(entry)


class Watch:
    """Callbacks for an fd whose owner has no greenlet (a DNS engine). Level-triggered. For the hub's own thread.

    The callbacks run in the loop and must not park. A watch does not keep the loop from LoopExit: give a greenlet
    that waits for its outcome a deadline.
    """

    __slots__ = ("_hub", "_on_readable", "_on_writable", "fd")

    def __init__(
        self,
        fd: int,
        on_readable: Callable[[], object] | None = None,
        on_writable: Callable[[], object] | None = None,
    ) -> None:
        hub = get_hub()
        stale = hub.fds.get(fd)
        if stale is not None:
            hub.fds.pop(fd)
            hub.poller.remove(fd)
            stale.closing()
        self.fd = fd
        self._hub = hub
        self._on_readable = on_readable
        self._on_writable = on_writable
        hub.poller.add(fd, self._mask())
        hub.fds[fd] = self

    def __repr__(self) -> str:
        return f"<Watch of fd {self.fd}>"

    def _mask(self) -> int:
        return (READ if self._on_readable is not None else 0) | (WRITE if self._on_writable is not None else 0)

    def update(
        self, on_readable: Callable[[], object] | None = None, on_writable: Callable[[], object] | None = None
    ) -> None:
        """Call these from now on; None: do not watch this direction."""
        before = self._mask()
        self._on_readable = on_readable
        self._on_writable = on_writable
        if self.fd >= 0 and self._mask() != before:
            self._hub.poller.modify(self.fd, self._mask())

    def fire(self, mask: int) -> None:
        """Queue the callbacks."""
        if mask & READ_READY and self._on_readable is not None:
            self._hub.ready.append((None, (self._call_readable, ())))
        if mask & WRITE_READY and self._on_writable is not None:
            self._hub.ready.append((None, (self._call_writable, ())))

    def rearm_now(self) -> None:
        """See ``FdEntry``: level-triggered, so nothing is ever lost."""

    # Looked up when they run: an earlier callback of the same turn may have closed or changed the watch.
    def _call_readable(self) -> Any:
        if self._on_readable is not None:
            self._on_readable()

    def _call_writable(self) -> Any:
        if self._on_writable is not None:
            self._on_writable()

    def closing(self) -> None:
        """The number is another file by now: call nobody any more."""
        self.fd = -1
        self._on_readable = self._on_writable = None

    def close(self) -> None:
        """Stop; call it before the fd is closed. Nothing happens the second time, nor after a fork."""
        fd, self.fd = self.fd, -1
        self._on_readable = self._on_writable = None
        if fd >= 0 and self._hub.fds.get(fd) is self:
            del self._hub.fds[fd]
            self._hub.poller.remove(fd)


def watch(
    fd: int, on_readable: Callable[[], object] | None = None, on_writable: Callable[[], object] | None = None
) -> Watch:
    """Have callbacks called when ``fd`` is ready; see ``Watch``."""
    return Watch(fd, on_readable, on_writable)
