"""What the hub itself can say: few classes, each telling whose fault it is."""

from __future__ import annotations

from greenlet import GreenletExit


class LoopExit(RuntimeError):
    """The main greenlet waits, and nothing is left that could ever wake it: the program's own dead-lock."""


class BlockingInHubError(RuntimeError):
    """A callback of the hub tried to wait. Only greenlets may wait: spawn one from the callback."""


class WokenTwiceError(RuntimeError):
    """``unpark`` was called for a greenlet that is not parked in this thread's hub: a bug in a primitive."""


class HubClosedError(RuntimeError):
    """The hub was torn down with its thread; nothing can be scheduled on it any more."""


class CancelledError(Exception):
    """The result was given up by ``cancel``: the call was not made, or goes on without anybody who wants to know."""


__all__ = ["BlockingInHubError", "CancelledError", "GreenletExit", "HubClosedError", "LoopExit", "WokenTwiceError"]
