"""aiohttp: its resolver interface, and a connector that has literals judged as well.

aiohttp looks no literal up, so the guard stands a second time where sockets are made; ``connector`` does both.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from .thread import ResolverThread


class Resolver(AbstractResolver):
    """For ``TCPConnector(resolver=…, use_dns_cache=False)``: the cache is in the thread's resolver.

    Failures are ResolveErrors, which are OSErrors. Closing it leaves the thread running: it may serve others.
    """

    def __init__(self, thread: ResolverThread) -> None:
        self._thread = thread

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_UNSPEC) -> list[ResolveResult]:
        """See ``AbstractResolver.resolve``. Cancelling it cancels the lookup, if nobody else waits for it."""
        found = await asyncio.wrap_future(self._thread.submit(host, port, int(family)))
        return [
            ResolveResult(
                hostname=host,
                host=str(sockaddr[0]),
                port=sockaddr[1],
                family=family,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for family, _, proto, _, sockaddr in found
        ]

    async def close(self) -> None:
        """See ``AbstractResolver.close``."""


def connector(thread: ResolverThread, **kwargs: Any) -> aiohttp.TCPConnector:
    """A ``TCPConnector`` whose names the thread looks up and whose every connect its guard has judged.

    Needs aiohttp 3.12 or later (``socket_factory``). ``kwargs`` are TCPConnector's.
    """

    def make(info: tuple[Any, ...]) -> socket.socket:
        family, kind, proto, _, sockaddr = info
        thread.permit(str(sockaddr[0]))
        return socket.socket(family, kind, proto)

    options = {"resolver": Resolver(thread), "use_dns_cache": False, "socket_factory": make, **kwargs}
    return aiohttp.TCPConnector(**options)
