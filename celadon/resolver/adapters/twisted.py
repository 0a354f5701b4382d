"""Twisted: a name resolver for the reactor, of both kinds (IHostnameResolver, IResolverSimple).

Nothing is patched: Twisted binds ``getaddrinfo`` at import and calls it in its own thread pool, where no patch reaches,
and where ten slow names hold all others up. Here lookups run on the reactor's own thread, without a pool.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from functools import partial
from socket import AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IHostnameResolver, IHostResolution, IResolverSimple
from zope.interface import implementer

from ..errors import Kind, ResolveError
from .base import Bridge, Done, Job
from .in_thread import ResolverThread
from .twisted_reactor import ReactorResolver

_log = logging.getLogger(__name__)
_KINDS = {"TCP": SOCK_STREAM, "UDP": SOCK_DGRAM}
_FAMILIES = {IPv4Address: AF_INET, IPv6Address: AF_INET6}


@implementer(IHostResolution)
class _Resolution:
    def __init__(self, name: str) -> None:
        self.name = name
        self.job: Job | None = None

    def cancel(self) -> None:
        """See ``IHostResolution.cancel``."""
        if self.job is not None:
            self.job.cancel()


@implementer(IHostnameResolver, IResolverSimple)
class Resolver:
    """``Resolver(reactor, "python", servers=…).install()``: on the reactor's own thread.

    The arguments are a CrawlerResolver's. A ResolverThread or a ReactorResolver may be given in their place; a thread
    stays its owner's to close.
    """

    def __init__(self, reactor: Any, resolver: Any = "python", **options: Any) -> None:
        self.reactor = reactor
        self.calls: Bridge = resolver if isinstance(resolver, Bridge) else ReactorResolver(reactor, resolver, **options)
        #: How an outcome gets into the reactor's thread.
        self._inside: Callable[[Done], Done] = _as_it_is
        if isinstance(self.calls, ResolverThread):
            self._inside = partial(partial, reactor.callFromThread)

    def install(self) -> None:
        """Have the reactor look all names up here; ``reactor.resolve`` too."""
        self.reactor.installNameResolver(self)

    def tell(self, host: str, error: BaseException) -> None:
        """Twisted's interface has no room for a reason; one that is not the name's own fault goes to the log."""
        if isinstance(error, ResolveError) and error.kind is Kind.BLOCKED:
            _log.warning("%s", error.explain())
        elif isinstance(error, ResolveError):
            _log.debug("%s", error.explain())
        elif not isinstance(error, UnicodeError | ValueError | CancelledError):
            _log.error("a lookup failed", exc_info=error)

    def _begin(self, done: Done, host: str, port: int, family: int, kind: int) -> Job:
        return self.calls.begin(self._inside(done), "getaddrinfo", host, port, family, kind, 0, 0)

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

        def done(found: Any, error: BaseException | None) -> None:
            if error is not None:
                self.tell(hostName, error)
            else:
                for family, _, _, _, sockaddr in found:
                    kind = IPv4Address if family == AF_INET else IPv6Address
                    resolutionReceiver.addressResolved(kind(transportSemantics, sockaddr[0], sockaddr[1]))
            resolutionReceiver.resolutionComplete()

        family = families.pop() if len(families) == 1 else 0
        resolution.job = self._begin(done, hostName, portNumber, family, _KINDS[transportSemantics])
        return resolution

    def getHostByName(self, name: str, timeout: Sequence[int] = ()) -> Any:  # noqa: N802
        """See ``IResolverSimple.getHostByName``: one IPv4 address; ``timeout`` is the resolver's own business."""
        waiting: Any = Deferred(lambda _: job.cancel())

        def done(found: Any, error: BaseException | None) -> None:
            if waiting.called:
                return
            if error is None:
                waiting.callback(found[0][4][0])
            else:
                self.tell(name, error)
                why = error.explain() if isinstance(error, ResolveError) else str(error)
                waiting.errback(DNSLookupError(f"address {name!r} not found: {why}"))

        job: Job = self._begin(done, name, 0, AF_INET, SOCK_STREAM)
        return waiting


def _as_it_is(done: Done) -> Done:
    return done
