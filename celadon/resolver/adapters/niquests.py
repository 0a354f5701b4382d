"""niquests and urllib3.future: their resolver interface, sync and async, over a resolver thread of ours.

``niquests.Session(resolver=Resolver(thread))``, ``niquests.AsyncSession(resolver=AsyncResolver(thread))``,
``urllib3.PoolManager(resolver=Resolver(thread))``. Closing a session leaves the thread running: it may serve others.
"""

from __future__ import annotations

import asyncio
from typing import Any

from niquests.packages.urllib3.contrib.resolver import BaseResolver, ProtocolResolver
from niquests.packages.urllib3.contrib.resolver._async import AsyncBaseResolver

from .thread import ResolverThread


class _Ours:
    """What both kinds have in common."""

    protocol = ProtocolResolver.CUSTOM
    implementation = "celadon"

    def __init__(self, thread: ResolverThread, *patterns: str) -> None:
        super().__init__(None, None, *patterns)  # type: ignore[call-arg]
        self._thread = thread

    def recycle(self) -> Any:
        """A resolver to go on with after ``close``: this one, as nothing was closed."""
        return self

    def is_available(self) -> bool:
        """True: that the thread was closed shows at the next lookup."""
        return True


class Resolver(_Ours, BaseResolver):
    """For sessions and pool managers; ``patterns`` limit it to the hosts that match (``*.example.com``)."""

    def getaddrinfo(
        self,
        host: Any,
        port: Any,
        family: int,
        type: int,
        proto: int = 0,
        flags: int = 0,
        *,
        quic_upgrade_via_dns_rr: bool = False,
    ) -> list[Any]:
        """See ``BaseResolver.getaddrinfo``; no HTTPS record is asked for."""
        return list(self._thread.getaddrinfo(host, port, family, type, proto, flags))

    def close(self) -> None:
        """See ``BaseResolver.close``."""


class AsyncResolver(_Ours, AsyncBaseResolver):
    """As ``Resolver``, on asyncio."""

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        family: int,
        type: int,
        proto: int = 0,
        flags: int = 0,
        *,
        quic_upgrade_via_dns_rr: bool = False,
    ) -> list[Any]:
        """See ``AsyncBaseResolver.getaddrinfo``."""
        found = await asyncio.wrap_future(self._thread.submit(host, port, family, type, proto, flags))
        return list(found)

    async def close(self) -> None:
        """See ``AsyncBaseResolver.close``."""
