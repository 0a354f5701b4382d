"""The kernel's readiness calls behind one small interface, without a greenlet inside.

A poller maps fd numbers to masks and reports ``(fd, mask)`` pairs; the hub knows what they mean.
EDGE reports *changes* only, so that an owner registers a socket once for its whole life; epoll and kqueue have that.
ONESHOT disarms an fd after one report; it is for bare numbers that nobody owns.

poll(2) and select(2) have neither. ``LevelPoller`` disarms what it has reported, so each wait must call ``modify``
first; ``edge_triggered`` says whether a poller needs that.
"""

from __future__ import annotations

import errno
import os
import select
import stat
from contextlib import suppress
from typing import Any, Protocol

READ = 0x001  # EPOLLIN
WRITE = 0x004  # EPOLLOUT
ERROR = 0x008  # EPOLLERR: always reported
HANGUP = 0x010  # EPOLLHUP: always reported
GONE = 0x020  # POLLNVAL: the number is closed
ONESHOT = 1 << 30
EDGE = 1 << 31
URGENT = 0x002  # EPOLLPRI
ENDING = 0x2000  # EPOLLRDHUP: the other side will send no more

# An error or a hang-up wakes both directions: the next system call tells each what happened.
READ_READY = READ | ERROR | HANGUP | ENDING
WRITE_READY = WRITE | ERROR | HANGUP


# Bound at import: the hub must not get the replacements of `green`.
_new_epoll = getattr(select, "epoll", None)
_new_poll = getattr(select, "poll", None)
_select = select.select
_fstat = os.fstat


class Poller(Protocol):
    """Readiness of many fds. Only its hub's thread may use it, but for ``remove`` where it says so."""

    edge_triggered: bool
    #: Whether URGENT and ENDING are reported when they are in the mask.
    tells_endings: bool
    #: Whether ``remove`` is safe, and takes effect, while another thread is in ``poll``.
    removes_from_any_thread: bool

    def add(self, fd: int, mask: int) -> None:
        """Begin to watch ``fd``; raises FileExistsError if it is watched already, OSError(EBADF, EPERM)."""

    def modify(self, fd: int, mask: int) -> None:
        """Watch for ``mask`` from now on, and re-arm; raises FileNotFoundError if it is not watched."""

    def remove(self, fd: int) -> None:
        """Stop to watch ``fd``; no error if it was not watched or is closed already."""

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        """Wait at most ``timeout`` seconds (None: for ever) for something to report."""

    def fileno(self) -> int:
        """The fd of the kernel object, -1 if there is none."""

    def close(self) -> None:
        """Give the kernel object back."""


class EpollPoller:
    """epoll(7)."""

    edge_triggered = True
    tells_endings = True
    removes_from_any_thread = True

    def __init__(self) -> None:
        assert _new_epoll is not None
        self._epoll = _new_epoll()
        self.poll: Any = self._epoll.poll
        self.add: Any = self._epoll.register
        self.modify: Any = self._epoll.modify
        self.close: Any = self._epoll.close
        self.fileno: Any = self._epoll.fileno

    def remove(self, fd: int) -> None:
        """See ``Poller.remove``."""
        try:
            self._epoll.unregister(fd)
        except (OSError, ValueError) as error:
            # A number that was closed has left epoll by itself (ENOENT, EBADF); a closed epoll is ValueError.
            if isinstance(error, OSError) and error.errno not in (errno.ENOENT, errno.EBADF):
                raise


class LevelPoller:
    """The base for poll(2) and select(2): neither has ONESHOT or EDGE, so whatever was reported is disarmed here."""

    edge_triggered = False
    tells_endings = False
    removes_from_any_thread = False

    def __init__(self) -> None:
        self._masks: dict[int, int] = {}

    def add(self, fd: int, mask: int) -> None:
        """See ``Poller.add``."""
        if fd in self._masks:
            raise FileExistsError(errno.EEXIST, f"fd {fd} is watched already")
        kind = _fstat(fd).st_mode  # EBADF
        if stat.S_ISREG(kind) or stat.S_ISDIR(kind):
            raise PermissionError(errno.EPERM, f"fd {fd} is a file, which is always ready")  # as epoll says it
        self._arm(fd, mask)

    def modify(self, fd: int, mask: int) -> None:
        """See ``Poller.modify``."""
        if fd not in self._masks:
            raise FileNotFoundError(errno.ENOENT, f"fd {fd} is not watched")
        self._arm(fd, mask)

    def _arm(self, fd: int, mask: int) -> None:
        self._masks[fd] = mask
        self._set(fd, mask & (READ | WRITE))

    def remove(self, fd: int) -> None:
        """See ``Poller.remove``."""
        if self._masks.pop(fd, None) is not None:
            self._set(fd, 0)

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        """See ``Poller.poll``."""
        events = self._wait(None if timeout is None or timeout < 0 else timeout)
        for fd, seen in events:
            mask = self._masks[fd]
            if seen & GONE:
                self.remove(fd)
            elif mask & (ONESHOT | EDGE):
                left = 0 if mask & ONESHOT else mask & ~seen & (READ | WRITE)
                self._masks[fd] = left | (mask & (ONESHOT | EDGE))
                self._set(fd, left)
        return events

    def _set(self, fd: int, mask: int) -> None:
        """Have the next ``_wait`` look at ``fd`` for READ, WRITE or both; 0 for no more."""
        raise NotImplementedError

    def _wait(self, timeout: float | None) -> list[tuple[int, int]]:
        """What is ready of what was set; a number that is closed comes with GONE and wakes both directions."""
        raise NotImplementedError

    def fileno(self) -> int:
        """See ``Poller.fileno``."""
        return -1

    def close(self) -> None:
        """See ``Poller.close``."""
        for fd in list(self._masks):
            self.remove(fd)


class PollPoller(LevelPoller):
    """poll(2)."""

    def __init__(self) -> None:
        assert _new_poll is not None
        super().__init__()
        self._poll = _new_poll()

    def _set(self, fd: int, mask: int) -> None:
        if mask:
            self._poll.register(fd, mask)
        else:
            with suppress(KeyError):  # it was not looked at
                self._poll.unregister(fd)

    def _wait(self, timeout: float | None) -> list[tuple[int, int]]:
        # Rounded up: a timer that is polled for a millisecond too short would spin.
        milliseconds = None if timeout is None else int(timeout * 1000) + (timeout % 0.001 > 0)
        events: list[tuple[int, int]] = self._poll.poll(milliseconds)
        if any(seen & GONE for _, seen in events):
            events = [(fd, seen | ERROR | HANGUP if seen & GONE else seen) for fd, seen in events]
        return events


class SelectPoller(LevelPoller):
    """select(2): for fds below 1024, where there is nothing better."""

    def __init__(self) -> None:
        super().__init__()
        self._readers: set[int] = set()
        self._writers: set[int] = set()

    def add(self, fd: int, mask: int) -> None:
        """See ``Poller.add``. ValueError for a number that select(2) has no room for (1024 and more)."""
        _fstat(fd)  # EBADF
        _select((fd,), (), (), 0)  # here, not in the loop, where it would fail at every look
        super().add(fd, mask)

    def _set(self, fd: int, mask: int) -> None:
        (self._readers.add if mask & READ else self._readers.discard)(fd)
        (self._writers.add if mask & WRITE else self._writers.discard)(fd)

    def _wait(self, timeout: float | None) -> list[tuple[int, int]]:
        try:
            readable, writable, _ = _select(self._readers, self._writers, (), timeout)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            return [(fd, GONE | ERROR | HANGUP) for fd in self._readers | self._writers if not _is_open(fd)]
        events = dict.fromkeys(readable, READ)
        for fd in writable:
            events[fd] = events.get(fd, 0) | WRITE
        return list(events.items())


def _is_open(fd: int) -> bool:
    try:
        _fstat(fd)
    except OSError:
        return False
    return True


class KqueuePoller:
    """kqueue(2), of macOS and the BSDs. Each direction is a filter of its own; the reports of one fd are merged."""

    edge_triggered = True
    tells_endings = False
    removes_from_any_thread = True

    def __init__(self, select: Any = select) -> None:
        self._select = select
        self._kqueue = select.kqueue()
        self._masks: dict[int, int] = {}
        self.fileno: Any = self._kqueue.fileno
        self.close: Any = self._kqueue.close
        self._filters = ((READ, select.KQ_FILTER_READ), (WRITE, select.KQ_FILTER_WRITE))

    def add(self, fd: int, mask: int) -> None:
        """See ``Poller.add``."""
        if fd in self._masks:
            raise FileExistsError(errno.EEXIST, f"fd {fd} is watched already")
        self._set(fd, mask, 0)

    def modify(self, fd: int, mask: int) -> None:
        """See ``Poller.modify``."""
        before = self._masks.get(fd)
        if before is None:
            raise FileNotFoundError(errno.ENOENT, f"fd {fd} is not watched")
        # What the kernel has forgotten, the number having been closed, is added anew by the same call.
        self._set(fd, mask, before)

    def _set(self, fd: int, mask: int, before: int) -> None:
        flags = self._select.KQ_EV_ADD
        flags |= self._select.KQ_EV_CLEAR if mask & EDGE else self._select.KQ_EV_ONESHOT if mask & ONESHOT else 0
        for direction, kind in self._filters:
            if mask & direction:
                self._kqueue.control([self._select.kevent(fd, kind, flags)], 0, 0)
            elif before & direction:
                self._delete(fd, kind)
        self._masks[fd] = mask

    def _delete(self, fd: int, kind: int) -> None:
        try:
            self._kqueue.control([self._select.kevent(fd, kind, self._select.KQ_EV_DELETE)], 0, 0)
        except (OSError, ValueError) as error:
            # It was not set, or left by itself as the number was closed; a closed kqueue is ValueError.
            if isinstance(error, OSError) and error.errno not in (errno.ENOENT, errno.EBADF):
                raise

    def remove(self, fd: int) -> None:
        """See ``Poller.remove``."""
        if self._masks.pop(fd, None) is not None:
            for _, kind in self._filters:
                self._delete(fd, kind)

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        """See ``Poller.poll``."""
        if timeout is not None and timeout < 0:
            timeout = None
        found: dict[int, int] = {}
        for event in self._kqueue.control(None, _MOST_EVENTS, timeout):
            seen = READ if event.filter == self._select.KQ_FILTER_READ else WRITE
            if event.flags & self._select.KQ_EV_EOF:
                seen |= HANGUP
            if event.flags & self._select.KQ_EV_ERROR:
                seen |= ERROR
            found[event.ident] = found.get(event.ident, 0) | seen
        for fd, seen in found.items():
            if self._masks.get(fd, 0) & ONESHOT:  # one report for both directions, as epoll has it
                for direction, kind in self._filters:
                    if not seen & direction:
                        self._delete(fd, kind)
        return list(found.items())


# One call brings at most this many events; the others come with the next call.
_MOST_EVENTS = 1024

#: By name, best first: each with what the system must have for it.
POLLERS: dict[str, tuple[type[Poller], object]] = {
    "epoll": (EpollPoller, _new_epoll),
    "kqueue": (KqueuePoller, getattr(select, "kqueue", None)),
    "poll": (PollPoller, _new_poll),
    "select": (SelectPoller, _select),
}


def default_poller() -> Poller:
    """The best poller of this system, or the one that ``CELADON_POLLER`` in the environment names.

    ValueError for a name that is unknown, or that this system does not have.
    """
    wanted = os.environ.get("CELADON_POLLER")
    if wanted and (wanted not in POLLERS or POLLERS[wanted][1] is None):
        here = ", ".join(name for name, (_, there) in POLLERS.items() if there is not None)
        raise ValueError(f"CELADON_POLLER={wanted}: this system has {here}")
    return next(make() for name, (make, there) in POLLERS.items() if there is not None and name == (wanted or name))
