"""Tornado: its resolver interface. ``Resolver.configure("celadon.resolver.adapters.tornado.Resolver", resolver=…)``."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from tornado.netutil import Resolver as _Resolver

from .asyncio import on_loop


class Resolver(_Resolver):
    """For the whole process as above, or ``TCPClient(resolver=Resolver(resolver=…))``.

    ``resolver`` is a CrawlerResolver, which then works on the running loop, or a LoopResolver or ResolverThread;
    closing this leaves it open. Tornado asks for literals and redirects as well. CurlAsyncHTTPClient does not ask.
    """

    def initialize(self, resolver: Any) -> None:
        """See ``tornado.util.Configurable.initialize``."""
        self._resolver = resolver

    async def resolve(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> list[tuple[int, Any]]:
        """See ``tornado.netutil.Resolver.resolve``. ResolveError, which is an OSError."""
        found = await asyncio.wrap_future(on_loop(self._resolver).submit(host, port, int(family)))
        return [(row[0], row[4]) for row in found]
