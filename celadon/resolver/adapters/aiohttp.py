"""aiohttp: its resolver interface, and a connector that has literals judged as well.

aiohttp looks no literal up, so the guard stands a second time where sockets are made; ``connector`` does both.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from .asyncio import on_loop


class Resolver(AbstractResolver):
    """For ``TCPConnector(resolver=…, use_dns_cache=False)``: the cache is in the resolver.

    ``resolver`` is an ``aio.Resolver``; or, with a guard, a CrawlerResolver, which then works on the running loop, a
    LoopResolver or a ResolverThread.
    Failures are ResolveErrors, which are OSErrors. Closing this leaves the resolver open: it may serve others.
    """

    def __init__(self, resolver: Any) -> None:
        self._calls = on_loop(resolver)

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_UNSPEC) -> list[ResolveResult]:
        """See ``AbstractResolver.resolve``. Cancelling it cancels the lookup, if nobody else waits for it."""
        found = await asyncio.wrap_future(self._calls.submit(host, port, int(family)))
        return [
            ResolveResult(
                hostname=host,
                host=sockaddr[0],  # the object itself: see GuardedResolver.pin
                port=sockaddr[1],
                family=family,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for family, _, proto, _, sockaddr in found
        ]

    async def close(self) -> None:
        """See ``AbstractResolver.close``."""


def connector(resolver: Any, **kwargs: Any) -> aiohttp.TCPConnector:
    """A ``TCPConnector`` whose names ``resolver`` looks up and whose every connect its guard has judged.

    Needs aiohttp 3.12 or later (``socket_factory``). ``kwargs`` are TCPConnector's.
    """

    def make(info: tuple[Any, ...]) -> socket.socket:
        family, kind, proto, _, sockaddr = info
        resolver.permit(sockaddr[0])
        return socket.socket(family, kind, proto)

    options = {"resolver": Resolver(resolver), "use_dns_cache": False, "socket_factory": make, **kwargs}
    return aiohttp.TCPConnector(**options)
