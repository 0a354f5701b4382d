"""The hub's own errors. Each says whose fault it is."""

from __future__ import annotations

import errno
import os

from greenlet import GreenletExit


class LoopExit(RuntimeError):
    """The main greenlet waits, and nothing is left that could wake it: a dead-lock of the program."""


class BlockingInHubError(RuntimeError):
    """A callback of the hub tried to wait. Only greenlets may wait: spawn one from the callback."""


class WokenTwiceError(RuntimeError):
    """``unpark`` was called for a greenlet that is not parked in this thread's hub: a bug in a primitive."""


class InvalidSwitchError(AssertionError):
    """Somebody switched, with a value, to a greenlet that waits for something else; its wait was undone."""

    def __init__(self, who: object) -> None:
        super().__init__(f"Invalid switch into {who}: it waits for its hub to wake it, and was given another value")


class HubClosedError(RuntimeError):
    """The hub was torn down with its thread; nothing can be scheduled on it any more."""


class CancelledError(Exception):
    """The result was given up by ``cancel``: the call was not made, or its result will be dropped."""


class FdClosedError(OSError):
    """EBADF: the fd was closed while its waiter was parked, or before the waiter ran again.

    ``duplicate`` is another number for the same open file, or -1. It is valid until the waiter parks again, for one
    more call that does not block: that call finds what arrived before the close.
    """

    def __init__(self, duplicate: int = -1) -> None:
        super().__init__(errno.EBADF, os.strerror(errno.EBADF))
        self.duplicate = duplicate

    def plain(self) -> OSError:
        """The same error as the kernel's, of the builtin class."""
        return OSError(self.errno, self.strerror)


__all__ = [
    "BlockingInHubError",
    "CancelledError",
    "FdClosedError",
    "GreenletExit",
    "HubClosedError",
    "LoopExit",
    "WokenTwiceError",
]
