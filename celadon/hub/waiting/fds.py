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

Besides both, ``Watch`` calls back without a greenlet. A number that only one watch is interested in has the watch
itself in ``Hub.fds``. Otherwise an ``_Entry`` stands there, with the watches in it: it asks the poller anew after it
has called them, because they are told again as long as something is ready.
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
from ..loop.hub import FdEntry, Hub, hub_fds
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
    ``watches``: those that share the number with the waiters.
    """

    __slots__ = ("duplicate", "empty", "fd", "hub", "inside", "mask", "odd", "readers", "rearm", "watches", "writers")

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
        self.watches: tuple[Watch, ...] = ()

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
        if self.watches:
            for one in self.watches:
                one.fire(mask)
            self.hub.call_soon(self._ask_again)

    def _ask_again(self) -> None:
        # After the callbacks: what they have left is reported once more, as a watch promises.
        if self.watches and self.hub.fds.get(self.fd) is self:
            with suppress(OSError):  # closed behind our back
                self.ask()

    def share(self, one: Watch) -> None:
        """Take a watch in."""
        self.watches = (*self.watches, one)
        self.ask()

    def unshare(self, one: Watch) -> None:
        """Let a watch go."""
        self.watches = tuple(other for other in self.watches if other is not one)
        if self.hub.fds.get(self.fd) is self and not self.mask & EDGE:
            if self.readers or self.writers or self.watches:
                self.ask()
            else:
                self.disarm()

    def ask(self) -> None:
        """Have the poller report what is ready now to those who wait or watch."""
        wanted = 0
        for one in self.watches:
            wanted |= one.wanted()
        if self.mask & EDGE:
            self.mask |= wanted
        else:
            self.mask = (READ if self.readers else 0) | (WRITE if self.writers else 0) | wanted | ONESHOT
        self.empty = False
        self.hub.poller.modify(self.fd, self.mask)

    def closing(self) -> None:
        """The number is about to be closed, or is another file by now: wake everyone with EBADF."""
        for waiters in (self.readers, self.writers):
            for waiter in waiters:
                self.hub.unpark_error(waiter, FdClosedError(-1 if self.duplicate is None else self.duplicate.fd))
            waiters.clear()
        for one in self.watches:
            one.closing()
        self.watches = ()

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
        if other is not None and other is not self and not self._take_over(other):
            # The number was closed without its owner knowing: the file that it was registered for is gone.
            hub.fds.pop(fd)
            hub.poller.remove(fd)
            other.closing()
        try:
            hub.poller.add(fd, self.mask)
        except FileExistsError:
            hub.poller.modify(fd, self.mask)
        hub.fds[fd] = self

    def _take_over(self, other: FdEntry) -> bool:
        """Go on for those who watch or wait for the bare number; False if that is another file by now."""
        if isinstance(other, Watch):
            if not other.is_there():
                return False
            self.watches = (other,)
            self.mask |= other.wanted()
            return True
        if not isinstance(other, _Entry) or other.mask & EDGE:
            return False
        try:
            self.hub.poller.modify(self.fd, other.mask)
        except OSError:
            return False
        self.watches = other.watches
        self.mask |= other.mask & (READ | WRITE)
        # One list for both: who waits finds itself in that of the entry that it began with.
        self.readers += other.readers
        self.writers += other.writers
        other.readers, other.writers = self.readers, self.writers
        return True

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
        if self.readers or self.writers or self.watches:
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
            if self.duplicate is not None and self.inside == 1:
                hub.call_soon(self.drop_duplicate)  # this is the last of them, and reads by it before it waits again
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
        self.fd: int = fd
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
    if not entry.readers and not entry.writers and not entry.watches and entry.duplicate is None:
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
    found = hub.fds.get(fd)
    if isinstance(found, _Entry):
        entry = found
    else:
        entry = _Entry(hub, fd, ONESHOT)
        if isinstance(found, Watch) and found.is_there():
            entry.watches = (found,)
            hub.fds[fd] = entry
        elif found is not None:
            hub.fds.pop(fd)
            found.closing()
    mask = WRITE if write else READ
    if entry.mask & EDGE:
        # An owner has registered this number. Arming it anew makes the kernel report what is ready already.
        entry.mask |= mask
        try:
            hub.poller.modify(fd, entry.mask)
        except FileNotFoundError:
            hub.fds.pop(fd)
            entry.closing()
            entry = _Entry(hub, fd, ONESHOT)
    if not entry.mask & EDGE:
        mask |= (READ if entry.readers else 0) | (WRITE if entry.writers else 0) | ONESHOT
        for one in entry.watches:
            mask |= one.wanted()
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
            if not entry.readers and not entry.writers and not entry.watches:
                entry.disarm()
            else:
                entry.ask()


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
            elif isinstance(entry, Watch) and hub is _local.hub:
                entry.close()


class Watch:
    """Callbacks for an fd whose owner has no greenlet (a DNS engine). Level-triggered. For the hub's own thread.

    The callbacks run in the loop and must not park. Several watches may share an fd, also with greenlets that wait for
    it. ``ref`` True: the watch holds the loop open; otherwise it does not keep the loop from LoopExit, so give a
    greenlet that waits for its outcome a deadline. ``ref`` may be set.
    """

    __slots__ = ("_hub", "_on_readable", "_on_writable", "_ref", "fd")

    def __init__(
        self,
        fd: int,
        on_readable: Callable[[], object] | None = None,
        on_writable: Callable[[], object] | None = None,
        ref: bool = False,
    ) -> None:
        hub = get_hub()
        self.fd: int = fd
        self._hub = hub
        self._on_readable = on_readable
        self._on_writable = on_writable
        self._ref = ref
        found = hub.fds.get(fd)
        if found is not None and not self._share(found):
            hub.fds.pop(fd)
            hub.poller.remove(fd)
            found.closing()
            found = None
        if found is None:
            hub.poller.add(fd, self.wanted())
            hub.fds[fd] = self
        hub.holds += ref

    def _share(self, found: FdEntry) -> bool:
        """Go in with whoever has the number; False if that one's file was closed without its owner knowing."""
        if isinstance(found, Watch):
            if not found.is_there():
                return False
            entry = _Entry(self._hub, self.fd, ONESHOT)
            entry.watches = (found,)
            self._hub.fds[self.fd] = entry
            found = entry
        if not isinstance(found, _Entry):
            raise ValueError(f"fd {self.fd} is the hub's own")
        try:
            found.share(self)
        except FileNotFoundError:
            found.watches = tuple(one for one in found.watches if one is not self)
            return False
        return True

    def __repr__(self) -> str:
        return f"<Watch of fd {self.fd}>"

    def is_there(self) -> bool:
        """Whether the number still is the file that is watched, as far as the poller can tell."""
        try:
            self._hub.poller.modify(self.fd, self.wanted())
        except OSError:
            return False
        return True

    def wanted(self) -> int:
        """The directions that are watched."""
        return (READ if self._on_readable is not None else 0) | (WRITE if self._on_writable is not None else 0)

    @property
    def ref(self) -> bool:
        """Whether it holds the loop open."""
        return self._ref

    @ref.setter
    def ref(self, ref: bool) -> None:
        if self.fd >= 0:
            self._hub.holds += ref - self._ref
        self._ref = ref

    def update(
        self, on_readable: Callable[[], object] | None = None, on_writable: Callable[[], object] | None = None
    ) -> None:
        """Call these from now on; None: do not watch this direction."""
        before = self.wanted()
        self._on_readable = on_readable
        self._on_writable = on_writable
        if self.fd >= 0 and self.wanted() != before:
            entry = self._hub.fds.get(self.fd)
            if isinstance(entry, _Entry):
                entry.ask()
            else:
                self._hub.poller.modify(self.fd, self.wanted())

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
        if self.fd >= 0:
            self._hub.holds -= self._ref
        self.fd = -1
        self._on_readable = self._on_writable = None

    def close(self) -> None:
        """Stop; call it before the fd is closed. Nothing happens the second time, nor after a fork."""
        fd = self.fd
        entry = self._hub.fds.get(fd) if fd >= 0 else None
        mine = entry is self or (isinstance(entry, _Entry) and self in entry.watches)
        if not mine:  # a forked child has forgotten it
            self.fd = -1
            self._on_readable = self._on_writable = None
            return
        self.closing()
        if isinstance(entry, _Entry):
            with suppress(OSError):  # closed before
                entry.unshare(self)
        else:
            del self._hub.fds[fd]
            self._hub.poller.remove(fd)


def watch(
    fd: int,
    on_readable: Callable[[], object] | None = None,
    on_writable: Callable[[], object] | None = None,
    ref: bool = False,
) -> Watch:
    """Have callbacks called when ``fd`` is ready; see ``Watch``."""
    return Watch(fd, on_readable, on_writable, ref)
