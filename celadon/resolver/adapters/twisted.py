"""Twisted: a name resolver for the reactor, of both kinds (IHostnameResolver, IResolverSimple).

Nothing is patched: Twisted binds ``getaddrinfo`` at import and calls it in its own thread pool, where no patch reaches,
and where ten slow names hold all others up. Answers come in by ``reactor.callFromThread``.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from functools import partial
from socket import AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IHostnameResolver, IHostResolution, IResolverSimple
from zope.interface import implementer

from ..errors import Kind, ResolveError
from .thread import ResolverThread

_log = logging.getLogger(__name__)
_KINDS = {"TCP": SOCK_STREAM, "UDP": SOCK_DGRAM}
_FAMILIES = {IPv4Address: AF_INET, IPv6Address: AF_INET6}


def _told(error: BaseException | None) -> None:
    """Twisted's interface has no room for a reason; one that is not the name's own fault goes to the log."""
    if isinstance(error, ResolveError) and error.kind is Kind.BLOCKED:
        _log.warning("%s", error.explain())
    elif isinstance(error, ResolveError):
        _log.debug("%s", error.explain())
    elif error is not None and not isinstance(error, UnicodeError | ValueError | CancelledError):
        _log.error("a lookup failed", exc_info=error)


@implementer(IHostResolution)
class _Resolution:
    def __init__(self, name: str) -> None:
        self.name = name
        self.future: Future[Any] | None = None

    def cancel(self) -> None:
        """See ``IHostResolution.cancel``."""
        if self.future is not None:
            self.future.cancel()


@implementer(IHostnameResolver, IResolverSimple)
class Resolver:
    """``Resolver(reactor, thread).install()``. The thread ends with the reactor."""

    def __init__(self, reactor: Any, thread: ResolverThread) -> None:
        self.reactor = reactor
        self.thread = thread

    def install(self) -> None:
        """Have the reactor look all names up here; ``reactor.resolve`` too. Closes the thread as the reactor stops."""
        self.reactor.installNameResolver(self)
        self.reactor.addSystemEventTrigger("during", "shutdown", self.thread.close)

    def resolveHostName(  # noqa: N802  (the interface's name)
        self,
        resolutionReceiver: Any,  # noqa: N803
        hostName: str,  # noqa: N803
        portNumber: int = 0,  # noqa: N803
        addressTypes: Sequence[type] | None = None,  # noqa: N803
        transportSemantics: str = "TCP",  # noqa: N803
    ) -> Any:
        """See ``IHostnameResolver.resolveHostName``; a failure completes without an address, as there."""
        families = {_FAMILIES[one] for one in addressTypes or _FAMILIES}
        resolution = _Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)

        def deliver(future: Future[Any]) -> None:
            error = CancelledError() if future.cancelled() else future.exception()
            _told(error)
            for family, _, _, _, sockaddr in [] if error is not None else future.result():
                kind = IPv4Address if family == AF_INET else IPv6Address
                resolutionReceiver.addressResolved(kind(transportSemantics, sockaddr[0], sockaddr[1]))
            resolutionReceiver.resolutionComplete()

        family = families.pop() if len(families) == 1 else 0
        future = self.thread.submit(hostName, portNumber, family, _KINDS[transportSemantics])
        resolution.future = future
        future.add_done_callback(partial(self.reactor.callFromThread, deliver))
        return resolution

    def getHostByName(self, name: str, timeout: Sequence[int] = ()) -> Any:  # noqa: N802
        """See ``IResolverSimple.getHostByName``: one IPv4 address; ``timeout`` is the thread's resolver's business."""
        future = self.thread.submit(name, 0, AF_INET)
        waiting: Any = Deferred(lambda _: future.cancel())

        def deliver(_: Future[Any]) -> None:
            if waiting.called:
                return
            error = CancelledError() if future.cancelled() else future.exception()
            _told(error)
            if error is None:
                waiting.callback(future.result()[0][4][0])
            else:
                why = error.explain() if isinstance(error, ResolveError) else str(error)
                waiting.errback(DNSLookupError(f"address {name!r} not found: {why}"))

        future.add_done_callback(partial(self.reactor.callFromThread, deliver))
        return waiting
