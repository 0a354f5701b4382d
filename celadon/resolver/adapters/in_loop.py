"""Calls of a resolver whose hub is a guest in another loop: what asyncio's and Twisted's share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...hub import Guest, spawn
from ..protocols import Resolver
from .base import Bridge, Done


class GuestBridge(Bridge):
    """To be called in the thread of the guest's host only. ``done`` is called in the host's greenlet."""

    def __init__(self, guest: Guest, resolver: str | Resolver, **options: Any) -> None:
        super().__init__(resolver, **options)
        self.guest = guest
        self.closed: bool = False

    def start(self, function: Callable[..., object], *args: Any) -> None:
        """See ``Bridge.start``."""
        if self.closed:
            raise RuntimeError(f"{self!r} is closed")
        spawn(function, *args)
        self.guest.run()

    def soon(self, function: Callable[..., object], *args: Any) -> None:
        """See ``Bridge.soon``."""
        self.guest.hub.call_soon(function, *args)
        self.guest.run()

    def deliver(self, done: Done, value: Any, error: BaseException | None) -> None:
        """See ``Bridge.deliver``."""
        self.guest.call(done, value, error)

    def close(self) -> None:
        """Cancel what is pending, and close the resolver. Doing it twice is harmless."""
        if not self.closed:
            for job in list(self.jobs):
                job.cancel()
            self.closed = True
            self.resolver.close()
            self.guest.run()
