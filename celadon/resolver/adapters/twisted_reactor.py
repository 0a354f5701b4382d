"""A resolver on the thread of Twisted's reactor, which watches the hub's poller as one reader more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer

from ...hub import Guest
from .base import Job
from .in_loop import GuestBridge


@implementer(IReadDescriptor)
class ReactorResolver(GuestBridge):
    """A CrawlerResolver (or what one is made of) on the reactor's own thread, in which its hub is a guest.

    For that thread only. It closes itself as the reactor stops; ``call`` gives Deferreds.
    """

    def __init__(self, reactor: Any, resolver: Any = "python", **options: Any) -> None:
        super().__init__(Guest(reactor.callLater), resolver, **options)
        self._reactor = reactor
        self.fileno: Callable[[], int] = self.guest.fileno
        reactor.addReader(self)
        reactor.addSystemEventTrigger("during", "shutdown", self.close)

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """See ``Bridge.call``; a Deferred."""
        waiting: Any = Deferred(lambda _: job.cancel())

        def done(value: Any, error: BaseException | None) -> None:
            if error is not None:
                waiting.errback(error)
            else:
                waiting.callback(value)

        job: Job = self.begin(done, function, *args)
        return waiting

    def doRead(self) -> None:  # noqa: N802
        """See ``IReadDescriptor``."""
        self.guest.pump()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """See ``IReadDescriptor``: the reactor lets go of all its readers at its end."""

    def logPrefix(self) -> str:  # noqa: N802
        """See ``IReadDescriptor``."""
        return "celadon"

    def close(self) -> None:
        """Cancel what is pending, close the resolver, and be no more the reactor's guest."""
        if not self.closed:
            super().close()
            self.guest.close()
            self._reactor.removeReader(self)
