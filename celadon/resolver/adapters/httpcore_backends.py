"""Network backends for httpcore and its successor httpcore2: they have one interface, so one source serves both.

The connect time-out covers the lookup. A literal goes through the resolver as well, and so through its guard.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from ..errors import Kind, ResolveError
from .asyncio import on_loop


def _left(ends: float | None) -> float | None:
    return None if ends is None else max(ends - time.monotonic(), 0.001)


def backend(httpcore: Any) -> Any:
    """The class for a ``ConnectionPool(network_backend=…)`` of ``httpcore``, the module."""

    class Backend(httpcore.NetworkBackend):
        """For ``ConnectionPool(network_backend=…)``; ``resolver`` is a ResolverThread or a CrawlerResolver."""

        def __init__(self, resolver: Any, inner: Any = None) -> None:
            self._resolver = resolver
            self._inner = inner or httpcore.SyncBackend()

        def connect_tcp(self, host: str, port: int, timeout: float | None = None, **kwargs: Any) -> Any:
            """See ``NetworkBackend.connect_tcp``: one address after the other, within the time-out."""
            ends = None if timeout is None else time.monotonic() + timeout
            try:
                found = self._resolver.find(host, port, 0, timeout)
            except ResolveError as error:
                raise _failed(httpcore, error, ends) from error
            failed: Exception | None = None
            for row in found:
                try:
                    return self._inner.connect_tcp(row[4][0], port, timeout=_left(ends), **kwargs)
                except httpcore.ConnectError as error:
                    failed = error
            assert failed is not None  # a resolver gives at least one address or raises
            raise failed

        def connect_unix_socket(self, path: str, **kwargs: Any) -> Any:
            """See ``NetworkBackend.connect_unix_socket``."""
            return self._inner.connect_unix_socket(path, **kwargs)

        def sleep(self, seconds: float) -> None:
            """See ``NetworkBackend.sleep``."""
            self._inner.sleep(seconds)

    return Backend


def async_backend(httpcore: Any) -> Any:
    """The class for an ``AsyncConnectionPool(network_backend=…)`` of ``httpcore``, the module, on asyncio."""

    class AsyncBackend(httpcore.AsyncNetworkBackend):
        """For ``AsyncConnectionPool(network_backend=…)`` on asyncio.

        ``resolver`` is an ``aio.Resolver``; or, with a guard, a CrawlerResolver, which then works on the running loop,
        a LoopResolver or a ResolverThread.
        """

        def __init__(self, resolver: Any, inner: Any = None) -> None:
            self._calls = on_loop(resolver)
            self._inner = inner or httpcore.AnyIOBackend()

        async def connect_tcp(self, host: str, port: int, timeout: float | None = None, **kwargs: Any) -> Any:
            """See ``AsyncNetworkBackend.connect_tcp``: one address after the other, within the time-out."""
            ends = None if timeout is None else time.monotonic() + timeout
            try:
                found = await asyncio.wait_for(asyncio.wrap_future(self._calls.submit(host, port)), timeout)
            except TimeoutError:
                raise httpcore.ConnectTimeout(f"{host}: no address within {timeout} s") from None
            except ResolveError as error:
                raise _failed(httpcore, error, ends) from error
            failed: Exception | None = None
            for row in found:
                try:
                    return await self._inner.connect_tcp(row[4][0], port, timeout=_left(ends), **kwargs)
                except httpcore.ConnectError as error:
                    failed = error
            assert failed is not None
            raise failed

        async def connect_unix_socket(self, path: str, **kwargs: Any) -> Any:
            """See ``AsyncNetworkBackend.connect_unix_socket``."""
            return await self._inner.connect_unix_socket(path, **kwargs)

        async def sleep(self, seconds: float) -> None:
            """See ``AsyncNetworkBackend.sleep``."""
            await self._inner.sleep(seconds)

    return AsyncBackend


def _failed(httpcore: Any, error: ResolveError, ends: float | None) -> Exception:
    late = error.kind is Kind.TIMEOUT and ends is not None and time.monotonic() >= ends
    made: Exception = (httpcore.ConnectTimeout if late else httpcore.ConnectError)(f"{error} ({error.explain()})")
    return made
