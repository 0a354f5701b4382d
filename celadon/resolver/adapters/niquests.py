"""niquests and urllib3.future: their resolver interface, sync and async, over a resolver of ours.

``niquests.Session(resolver=Resolver(resolver))``, ``niquests.AsyncSession(resolver=AsyncResolver(resolver))``,
``urllib3.PoolManager(resolver=Resolver(resolver))``. ``resolver`` is
a ResolverThread, or a CrawlerResolver under ``patch_all`` or on asyncio. Closing a session leaves it open.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from .asyncio import on_loop

if TYPE_CHECKING:  # which do not follow niquests' own names for its urllib3
    from urllib3_future.contrib.resolver import BaseResolver, ProtocolResolver
    from urllib3_future.contrib.resolver._async import AsyncBaseResolver
else:
    try:
        from niquests.packages.urllib3.contrib.resolver import BaseResolver, ProtocolResolver
        from niquests.packages.urllib3.contrib.resolver._async import AsyncBaseResolver
    except ModuleNotFoundError as missing:  # niquests before 3.13, where its urllib3 is the installed one
        if missing.name != "niquests.packages":
            raise
        from urllib3.contrib.resolver import BaseResolver, ProtocolResolver
        from urllib3.contrib.resolver._async import AsyncBaseResolver


class _Ours:
    """What both kinds have in common."""

    protocol: Any = ProtocolResolver.CUSTOM
    implementation = "celadon"

    def __init__(self, resolver: Any, *patterns: str) -> None:
        super().__init__(None, None, *patterns)  # type: ignore[call-arg]
        self._resolver = resolver

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
        return list(self._resolver.getaddrinfo(host, port, family, type, proto, flags))

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
        found = await asyncio.wrap_future(on_loop(self._resolver).submit(host, port, family, type, proto, flags))
        return list(found)

    async def close(self) -> None:
        """See ``AsyncBaseResolver.close``."""
