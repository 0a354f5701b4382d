"""gevent's errors. Those that Celadon raises are its own; the others exist to be named in an ``except``."""

from __future__ import annotations

from celadon.hub import BlockingInHubError, GreenletExit, InvalidSwitchError, LoopExit


class ConcurrentObjectUseError(AssertionError):
    """Never raised: several greenlets may wait for one socket."""


class InvalidThreadUseError(RuntimeError):
    """An object was used in another thread than the one that it belongs to."""


class HubDestroyed(GreenletExit):
    """Never raised: a hub that is destroyed forgets its greenlets."""

    def __init__(self, destroy_loop: bool) -> None:
        super().__init__(destroy_loop)
        self.destroy_loop = destroy_loop


BlockingSwitchOutError = BlockingInHubError

__all__ = [
    "BlockingSwitchOutError",
    "ConcurrentObjectUseError",
    "HubDestroyed",
    "InvalidSwitchError",
    "InvalidThreadUseError",
    "LoopExit",
]
