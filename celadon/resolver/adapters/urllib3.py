"""urllib3: connections whose host is looked up by a resolver of ours, with nothing patched.

The connect time-out covers the lookup (urllib3#1334). TLS, proxies and the Host header see the name as ever. Every
address that a redirect or a literal leads to goes through the same resolver, and so through its guard.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from ..errors import Kind, ResolveError


class _Resolving:
    """Over a connection class: finds the addresses, then has that class connect to one after the other."""

    def __init__(self, *args: Any, resolver: Any, **kwargs: Any) -> None:
        self._resolver = resolver
        super().__init__(*args, **kwargs)

    def _new_conn(self: Any) -> Any:
        name, timeout = self._dns_host, self.timeout
        limit = timeout if isinstance(timeout, int | float) else None
        ends = None if limit is None else time.monotonic() + limit
        try:
            host = name.strip("[]")
            found = self._resolver.find(host, self.port, allowed_gai_family(), limit)
        except ResolveError as error:
            if error.kind is Kind.TIMEOUT and ends is not None and time.monotonic() >= ends:
                raise ConnectTimeoutError(self, f"{self.host}: no address within {limit} s") from error
            raise NameResolutionError(self.host, self, error) from error
        failed: Exception | None = None
        try:
            for row in found:
                self._dns_host = row[4][0]
                if ends is not None:
                    self.timeout: float = max(ends - time.monotonic(), 0.001)
                try:
                    return super()._new_conn()  # type: ignore[misc]
                except (NewConnectionError, ConnectTimeoutError) as error:
                    failed = error
        finally:
            self._dns_host, self.timeout = name, timeout
        assert failed is not None  # a resolver gives at least one address or raises
        raise failed


class ResolvingHTTPConnection(_Resolving, HTTPConnection):
    """See ``urllib3.connection.HTTPConnection``; ``resolver`` is a CrawlerResolver or a ResolverThread."""


class ResolvingHTTPSConnection(_Resolving, HTTPSConnection):
    """See ``urllib3.connection.HTTPSConnection``; ``resolver`` is a CrawlerResolver or a ResolverThread."""


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = ResolvingHTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = ResolvingHTTPSConnection


def equip(manager: Any, resolver: Any) -> Any:
    """Have a urllib3.PoolManager (or ProxyManager) look its hosts up with ``resolver``; returns it.

    ValueError for a manager with connections of its own, such as SOCKSProxyManager.
    """
    if "pool_classes_by_scheme" in vars(type(manager)):
        raise ValueError(
            f"{type(manager).__name__} makes connections of its own (PySocks), which ask no resolver and no guard of"
            " ours: take an HTTP proxy, or a session without this adapter"
        )
    manager.pool_classes_by_scheme = {
        "http": partial(_HTTPPool, resolver=resolver),
        "https": partial(_HTTPSPool, resolver=resolver),
    }
    return manager


def PoolManager(resolver: Any, *args: Any, **kwargs: Any) -> urllib3.PoolManager:  # noqa: N802  (stands for the class)
    """A ``urllib3.PoolManager`` that looks hosts up with ``resolver``."""
    return equip(urllib3.PoolManager(*args, **kwargs), resolver)  # type: ignore[no-any-return]
