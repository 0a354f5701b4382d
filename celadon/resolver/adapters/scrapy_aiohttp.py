"""Scrapy without a reactor, where no resolver of Twisted's is asked: its aiohttp handler, with a resolver of ours.

Scrapy 2.19 or later with ``TWISTED_REACTOR_ENABLED = False``, and in the settings::

    DOWNLOAD_HANDLERS = {
        "http": "celadon.resolver.adapters.scrapy_aiohttp.DownloadHandler",
        "https": "celadon.resolver.adapters.scrapy_aiohttp.DownloadHandler",
    }

It reads the settings that ``adapters.scrapy`` names, each spider's stats get ``dns/…``, and the RetryMiddleware of
that module goes with it.
"""

from __future__ import annotations

import logging
from typing import Any
from weakref import WeakKeyDictionary

from scrapy import signals
from scrapy.core.downloader.handlers._aiohttp import AiohttpDownloadHandler

from ..crawl.verdicts import lookup_error
from ..errors import Kind
from . import aiohttp
from .asyncio import LoopResolver
from .scrapy import options_of, write_stats

_log = logging.getLogger(__name__)


class _Shared:
    """The resolver of one crawler, for its handlers; closed by the last."""

    def __init__(self, crawler: Any) -> None:
        name, options = options_of(crawler.settings)
        self.resolver = LoopResolver(name, **options)
        self.users = 0
        crawler.signals.connect(self._spider_closed, signals.spider_closed)

    def _spider_closed(self, spider: Any) -> None:
        write_stats(self.resolver.stats(), spider.crawler.stats)


_shared: WeakKeyDictionary[Any, _Shared] = WeakKeyDictionary()


class DownloadHandler(AiohttpDownloadHandler):
    """See the module."""

    def __init__(self, crawler: Any) -> None:
        super().__init__(crawler)
        self._mine = _shared.get(crawler) or _shared.setdefault(crawler, _Shared(crawler))
        self._mine.users += 1
        # Scrapy makes its connector without a resolver, and gives no other way to one.
        self._unused = self._session.connector
        self._session._connector = aiohttp.connector(
            self._mine.resolver,
            local_addr=self._bind_address,
            limit=self._pool_size_total,
            limit_per_host=self._pool_size_per_host,
        )

    async def download_request(self, request: Any) -> Any:
        """See Scrapy's; what the guard refuses goes to the log as well."""
        try:
            return await super().download_request(request)
        except Exception as error:
            why = lookup_error(error)
            if why is not None and why.kind is Kind.BLOCKED:
                _log.warning("%s", why.explain())
            raise

    async def close(self) -> None:
        """Close the session, the resolver with the last of a crawler's handlers."""
        await super().close()
        await self._unused.close()
        self._mine.users -= 1
        if not self._mine.users:
            self._mine.resolver.close()
