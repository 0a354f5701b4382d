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


__all__ = ["BlockingInHubError", "GreenletExit", "HubClosedError", "LoopExit", "WokenTwiceError"]
