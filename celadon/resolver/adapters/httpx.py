"""httpx and httpcore, sync and async: a network backend that looks hosts up with a resolver of ours.

httpx offers no way to hand a backend in, so ``transport`` and ``async_transport`` put it into a transport's pool.
The connect time-out covers the lookup. A literal goes through the resolver as well, and so through its guard.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpcore
import httpx

from ..errors import Kind, ResolveError
from .asyncio import on_loop


def _left(ends: float | None) -> float | None:
    return None if ends is None else max(ends - time.monotonic(), 0.001)


def _failed(error: ResolveError, ends: float | None) -> Exception:
    late = error.kind is Kind.TIMEOUT and ends is not None and time.monotonic() >= ends
    return (httpcore.ConnectTimeout if late else httpcore.ConnectError)(f"{error} ({error.explain()})")


class Backend(httpcore.NetworkBackend):
    """For ``httpcore.ConnectionPool(network_backend=…)``; ``resolver`` is a ResolverThread or a CrawlerResolver."""

    def __init__(self, resolver: Any, inner: httpcore.NetworkBackend | None = None) -> None:
        self._resolver = resolver
        self._inner = inner or httpcore.SyncBackend()

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **kwargs: Any) -> Any:
        """See ``httpcore.NetworkBackend.connect_tcp``: one address after the other, within the time-out."""
        ends = None if timeout is None else time.monotonic() + timeout
        try:
            found = self._resolver.find(host, port, 0, timeout)
        except ResolveError as error:
            raise _failed(error, ends) from error
        failed: Exception | None = None
        for row in found:
            try:
                return self._inner.connect_tcp(row[4][0], port, timeout=_left(ends), **kwargs)
            except httpcore.ConnectError as error:
                failed = error
        assert failed is not None  # a resolver gives at least one address or raises
        raise failed

    def connect_unix_socket(self, path: str, **kwargs: Any) -> Any:
        """See ``httpcore.NetworkBackend.connect_unix_socket``."""
        return self._inner.connect_unix_socket(path, **kwargs)

    def sleep(self, seconds: float) -> None:
        """See ``httpcore.NetworkBackend.sleep``."""
        self._inner.sleep(seconds)


class AsyncBackend(httpcore.AsyncNetworkBackend):
    """For ``httpcore.AsyncConnectionPool(network_backend=…)`` on asyncio.

    ``resolver`` is a CrawlerResolver, which then works on the running loop, or a LoopResolver or ResolverThread.
    """

    def __init__(self, resolver: Any, inner: httpcore.AsyncNetworkBackend | None = None) -> None:
        self._calls = on_loop(resolver)
        self._inner = inner or httpcore.AnyIOBackend()

    async def connect_tcp(self, host: str, port: int, timeout: float | None = None, **kwargs: Any) -> Any:
        """See ``httpcore.AsyncNetworkBackend.connect_tcp``: one address after the other, within the time-out."""
        ends = None if timeout is None else time.monotonic() + timeout
        try:
            found = await asyncio.wait_for(asyncio.wrap_future(self._calls.submit(host, port)), timeout)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"{host}: no address within {timeout} s") from None
        except ResolveError as error:
            raise _failed(error, ends) from error
        failed: Exception | None = None
        for row in found:
            try:
                return await self._inner.connect_tcp(row[4][0], port, timeout=_left(ends), **kwargs)
            except httpcore.ConnectError as error:
                failed = error
        assert failed is not None
        raise failed

    async def connect_unix_socket(self, path: str, **kwargs: Any) -> Any:
        """See ``httpcore.AsyncNetworkBackend.connect_unix_socket``."""
        return await self._inner.connect_unix_socket(path, **kwargs)

    async def sleep(self, seconds: float) -> None:
        """See ``httpcore.AsyncNetworkBackend.sleep``."""
        await self._inner.sleep(seconds)


def transport(resolver: Any, **kwargs: Any) -> httpx.HTTPTransport:
    """For ``httpx.Client(transport=…)``; ``kwargs`` are HTTPTransport's."""
    made = httpx.HTTPTransport(**kwargs)
    made._pool._network_backend = Backend(resolver)
    return made


def async_transport(resolver: Any, **kwargs: Any) -> httpx.AsyncHTTPTransport:
    """For ``httpx.AsyncClient(transport=…)``, made while the loop runs; ``kwargs`` are AsyncHTTPTransport's."""
    made = httpx.AsyncHTTPTransport(**kwargs)
    made._pool._network_backend = AsyncBackend(resolver)
    return made


__all__ = ["AsyncBackend", "Backend", "async_transport", "transport"]
