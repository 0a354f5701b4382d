"""``select``, ``poll`` and ``epoll``, cooperatively: ask without waiting first, then wait for an epoll object.

An epoll fd becomes readable when it has something to report, so any set of fds is one fd to wait for.
"""

from __future__ import annotations

import errno
import math
import select as _std
from collections.abc import Callable, Iterable
from typing import Any

from ..hub import get_hub, wait_readable, wait_writable
from .fairness import during, give_way

_select, _poll, _epoll = _std.select, _std.poll, _std.epoll
_MOST = (1 << 31) - 1  # milliseconds that a C int holds


def _number(fd: Any) -> int:
    return fd if isinstance(fd, int) else int(fd.fileno())


def _wait(masks: dict[int, int], timeout: float | None) -> bool:
    """Wait until one of the fds has something of its mask; False after ``timeout`` seconds."""
    if len(masks) == 1:
        ((fd, mask),) = masks.items()
        wait = _ALONE.get(mask & ~_ALWAYS)
        if wait is not None:
            return _wait_alone(wait, fd, timeout)
    with _epoll() as group:
        for fd, mask in masks.items():
            group.register(fd, mask)
        try:
            during(wait_readable, group.fileno(), timeout)
        except TimeoutError:
            return False
    return True


# Reported even if not asked for.
_ALWAYS = _std.EPOLLERR | _std.EPOLLHUP
# A single fd in a single direction needs no epoll object of its own.
_ALONE: dict[int, Callable[[int, float | None], None]] = {_std.EPOLLIN: wait_readable, _std.EPOLLOUT: wait_writable}


def _wait_alone(wait: Callable[[int, float | None], None], fd: int, timeout: float | None) -> bool:
    try:
        during(wait, fd, timeout)
    except TimeoutError:
        return False
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
        # Closed meanwhile: the caller looks again, and sees it.
    return True


def select(
    rlist: Iterable[Any], wlist: Iterable[Any], xlist: Iterable[Any], timeout: float | None = None, /
) -> tuple[list[Any], list[Any], list[Any]]:
    """See ``select.select``."""
    if timeout is not None:
        if not isinstance(timeout, int | float) and not hasattr(timeout, "__float__"):
            raise TypeError("timeout must be a float or None")
        if timeout < 0:
            raise ValueError("timeout must be non-negative")
        if math.isnan(timeout):
            return _select(rlist, wlist, xlist, timeout)
    # A list is handed on as it is: a fileno method may change it while it is looked at.
    lists = [one if isinstance(one, list) else list(one) for one in (rlist, wlist, xlist)]
    ready = _select(lists[0], lists[1], lists[2], 0)
    if any(ready) or timeout == 0:
        give_way()
        return ready
    masks: dict[int, int] = {}
    for one, mask in zip(lists, (_std.EPOLLIN, _std.EPOLLOUT, _std.EPOLLPRI), strict=True):
        for fd in one:
            masks[_number(fd)] = masks.get(_number(fd), 0) | mask
    _wait(masks, timeout)
    return _select(lists[0], lists[1], lists[2], 0)


class _Poll:
    """See ``select.poll``."""

    __slots__ = ("_busy", "_masks", "_native")
    __module__ = "select"

    _masks: dict[int, int]
    _native: Any
    _busy: bool

    def __new__(cls) -> _Poll:
        raise TypeError("cannot create 'select.poll' instances")

    def register(self, fd: Any, eventmask: int = _std.POLLIN | _std.POLLPRI | _std.POLLOUT, /) -> None:
        """See ``poll.register``."""
        self._native.register(fd, eventmask)
        self._masks[_number(fd)] = eventmask

    def modify(self, fd: Any, eventmask: int, /) -> None:
        """See ``poll.modify``."""
        self._native.modify(fd, eventmask)
        self._masks[_number(fd)] = eventmask

    def unregister(self, fd: Any, /) -> None:
        """See ``poll.unregister``."""
        self._native.unregister(fd)
        self._masks.pop(_number(fd), None)

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        """See ``poll.poll``; ``timeout`` is in milliseconds."""
        limit = _milliseconds(timeout)
        if self._busy:
            raise RuntimeError("concurrent poll() invocation")
        found: list[tuple[int, int]] = self._native.poll(0)
        if found or limit == 0:
            give_way()
            return found
        self._busy = True
        try:
            _wait(self._masks, limit)
        finally:
            self._busy = False
        return self._native.poll(0)  # type: ignore[no-any-return]


_Poll.__name__ = _Poll.__qualname__ = "poll"


def _milliseconds(timeout: float | None) -> float | None:
    """The seconds to wait; errors as the C code's."""
    if timeout is None:
        return None
    if not isinstance(timeout, int | float) and not hasattr(timeout, "__float__") and not hasattr(timeout, "__index__"):
        raise TypeError("timeout must be an integer or None")
    whole = math.ceil(timeout)
    if whole > _MOST:
        raise OverflowError("timeout is too large")
    return None if timeout < 0 else whole / 1000


def poll() -> _Poll:
    """See ``select.poll``."""
    made = object.__new__(_Poll)
    made._masks = {}
    made._native = _poll()
    made._busy = False
    return made


class epoll:  # noqa: N801  (the standard library's name)
    """See ``select.epoll``."""

    def __init__(self, sizehint: int = -1, flags: int = 0, *, _native: Any = None) -> None:
        self._native = _epoll(sizehint, flags) if _native is None else _native
        for name in ("register", "modify", "unregister", "close", "fileno"):
            setattr(self, name, getattr(self._native, name))

    @classmethod
    def fromfd(cls, fd: int) -> epoll:
        """See ``epoll.fromfd``."""
        return cls(_native=_epoll.fromfd(fd))

    @property
    def closed(self) -> bool:
        """See ``epoll.closed``."""
        return self._native.closed

    def __enter__(self) -> epoll:
        self._native.__enter__()
        return self

    def __exit__(self, *args: object) -> None:
        self._native.close()

    def poll(self, timeout: float | None = None, maxevents: int = -1) -> list[tuple[int, int]]:
        """See ``epoll.poll``; ``timeout`` is in seconds."""
        found = self._native.poll(0, maxevents)
        if found or timeout == 0:
            give_way()
            return found
        limit = None if timeout is None or timeout < 0 else timeout
        deadline = None if limit is None else get_hub().now() + limit
        while not found:
            rest = None if deadline is None else max(deadline - get_hub().now(), 0)
            try:
                during(wait_readable, self._native.fileno(), rest)
            except TimeoutError:
                break
            found = self._native.poll(0, maxevents)
        return found


__all__ = ["epoll", "poll", "select"]
