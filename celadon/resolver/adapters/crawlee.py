"""Crawlee: its HTTP client on httpx2 (httpx, in older ones), with every connect judged by a resolver of ours.

``HttpCrawler(http_client=crawlee.HttpxHttpClient(resolver))``, and so for each of its crawlers that fetch without a
browser. Crawlee's default client (impit) and its browsers take no resolver: give them a ``GuardedProxy``.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from crawlee.http_clients import HttpxHttpClient as _HttpxHttpClient

from .httpcore_backends import async_backend


class HttpxHttpClient(_HttpxHttpClient):
    """See ``crawlee.http_clients.HttpxHttpClient``, whose other arguments it takes.

    ``resolver`` is a CrawlerResolver, which then works on the running loop, or a LoopResolver or ResolverThread; it
    stays open. Redirects and literals go through it as well. With a proxy, that one's address is looked up here, and it
    connects to the site.
    """

    def __init__(self, resolver: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._resolver = resolver

    def _get_client(self, proxy_url: str | None) -> Any:
        known = proxy_url in self._client_by_proxy_url
        client = super()._get_client(proxy_url)
        if not known:
            pool = client._transport._pool  # of httpcore or httpcore2
            library = import_module(type(pool).__module__.partition(".")[0])
            pool._network_backend = async_backend(library)(self._resolver)
        return client
