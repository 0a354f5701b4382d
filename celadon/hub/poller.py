"""The kernel's readiness calls behind one small interface, without a greenlet inside.

A poller maps fd numbers to masks and reports ``(fd, mask)`` pairs; what they mean is the hub's business.
EDGE asks to be told of *changes* only, so that an owner registers a socket once for its whole life: epoll
does that itself. ONESHOT disarms after one report, for bare fd numbers that nobody owns.

poll(2) has neither. ``PollPoller`` disarms whatever it reported and so needs a ``modify`` before each wait;
``edge_triggered`` tells the caller which of the two it deals with.
"""

from __future__ import annotations

import errno
import select
from contextlib import suppress
from typing import Protocol

READ = 0x001  # EPOLLIN
WRITE = 0x004  # EPOLLOUT
ERROR = 0x008  # EPOLLERR: always reported
HANGUP = 0x010  # EPOLLHUP: always reported
ONESHOT = 1 << 30
EDGE = 1 << 31
URGENT = 0x002  # EPOLLPRI
ENDING = 0x2000  # EPOLLRDHUP: the other side will send no more

# An error or a hang-up wakes both directions: the next system call tells each what happened.
READ_READY = READ | ERROR | HANGUP | ENDING
WRITE_READY = WRITE | ERROR | HANGUP


# Bound at import: the hub must not get what `green` puts in their place.
_new_epoll = getattr(select, "epoll", None)
_new_poll = select.poll


class Poller(Protocol):
    """Readiness of many fds. Only its hub's thread may use it, but for ``remove`` where it says so."""

    edge_triggered: bool
    #: Whether URGENT and ENDING are told when asked for.
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
        self.poll = self._epoll.poll
        self.add = self._epoll.register
        self.modify = self._epoll.modify
        self.close = self._epoll.close
        self.fileno = self._epoll.fileno

    def remove(self, fd: int) -> None:
        """See ``Poller.remove``."""
        try:
            self._epoll.unregister(fd)
        except (OSError, ValueError) as error:
            # A number closed behind our back leaves epoll by itself (ENOENT, EBADF); a closed epoll is ValueError.
            if isinstance(error, OSError) and error.errno not in (errno.ENOENT, errno.EBADF):
                raise


class PollPoller:
    """poll(2), where there is nothing better; also what the fallback tests run on."""

    edge_triggered = False
    tells_endings = False
    removes_from_any_thread = False

    def __init__(self) -> None:
        self._poll = _new_poll()
        self._masks: dict[int, int] = {}

    def add(self, fd: int, mask: int) -> None:
        """See ``Poller.add``."""
        if fd in self._masks:
            raise FileExistsError(errno.EEXIST, f"fd {fd} is watched already")
        self._arm(fd, mask)

    def modify(self, fd: int, mask: int) -> None:
        """See ``Poller.modify``."""
        if fd not in self._masks:
            raise FileNotFoundError(errno.ENOENT, f"fd {fd} is not watched")
        self._arm(fd, mask)

    def _arm(self, fd: int, mask: int) -> None:
        self._masks[fd] = mask
        self._poll.register(fd, mask & (READ | WRITE))

    def remove(self, fd: int) -> None:
        """See ``Poller.remove``."""
        if self._masks.pop(fd, None) is not None:
            with suppress(KeyError):  # a report has disarmed it already
                self._poll.unregister(fd)

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        """See ``Poller.poll``."""
        # Rounded up: a timer that is polled for a millisecond too short would spin.
        events = self._poll.poll(
            None if timeout is None or timeout < 0 else int(timeout * 1000) + (timeout % 0.001 > 0)
        )
        for fd, seen in events:
            mask = self._masks[fd]
            if seen & select.POLLNVAL:
                self.remove(fd)
            elif mask & (ONESHOT | EDGE):
                left = 0 if mask & ONESHOT else mask & ~seen & (READ | WRITE)
                self._masks[fd] = left | (mask & (ONESHOT | EDGE))
                if left:
                    self._poll.register(fd, left)
                else:
                    self._poll.unregister(fd)
        return events

    def fileno(self) -> int:
        """See ``Poller.fileno``."""
        return -1

    def close(self) -> None:
        """See ``Poller.close``."""
        self._masks.clear()


def default_poller() -> Poller:
    """The best poller of this system."""
    return EpollPoller() if _new_epoll is not None else PollPoller()
