"""Scrapy, by one line of settings: ``TWISTED_DNS_RESOLVER = "celadon.resolver.adapters.scrapy.Resolver"``.

(``DNS_RESOLVER`` before Scrapy 2.15.) TTLs, negative answers, one query for all who wait, IPv6, no ceiling of a thread
pool, and ``DNS_TIMEOUT`` counted from the call. It reads, from the process' settings:

DNSCACHE_ENABLED, DNSCACHE_SIZE, DNS_TIMEOUT
    as Scrapy means them; the size counts answers.
CELADON_RESOLVER
    the engine: ``python`` (default), ``ares``, ``thread``.
CELADON_SERVERS
    name servers in place of resolv.conf's.
CELADON_GUARD, CELADON_GUARD_ALLOW
    whether addresses that are not of the public Internet are refused (default True), and networks that pass.
CELADON_OPTIONS
    a dictionary of any other arguments of ``CrawlerResolver``.

Each spider's stats get ``dns/…`` as it closes: counts of the process, since the reactor is its.

Without a reactor (``TWISTED_REACTOR_ENABLED = False``) Scrapy asks no such resolver: see ``scrapy_aiohttp``.

``RetryMiddleware`` tries again only where another lookup may go better; the settings for it are::

    DOWNLOADER_MIDDLEWARES = {
        "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
        "celadon.resolver.adapters.scrapy.RetryMiddleware": 550,
    }
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any
from urllib.parse import urlsplit

from pydispatch import dispatcher
from scrapy import signals
from scrapy.downloadermiddlewares.retry import RetryMiddleware as _RetryMiddleware

from ..crawl.crawler import CRAWL_CACHE
from ..crawl.guard import Guard
from ..crawl.verdicts import is_temporary, lookup_error
from ..errors import ResolveError
from ..frozen import asdict, replace
from . import twisted

#: The last errors of the process' resolver by host, as Twisted's interface has no room for them; and how many are kept.
_last: OrderedDict[str, ResolveError] = OrderedDict()
_MOST = 10_000


def options_of(settings: Any) -> tuple[str, dict[str, Any]]:
    """The engine's name and the resolver's options that Scrapy's settings ask for."""
    size = settings.getint("DNSCACHE_SIZE")
    caching = settings.getbool("DNSCACHE_ENABLED") and size > 0
    options: dict[str, Any] = {
        "deadline": settings.getfloat("DNS_TIMEOUT"),
        "cache": replace(CRAWL_CACHE, entries=size) if caching else False,
        "guard": settings.getbool("CELADON_GUARD", True) and Guard(allow=settings.getlist("CELADON_GUARD_ALLOW")),
        **settings.getdict("CELADON_OPTIONS"),
    }
    servers = settings.getlist("CELADON_SERVERS")
    return settings.get("CELADON_RESOLVER", "python"), {**options, **({"servers": servers} if servers else {})}


class Resolver(twisted.Resolver):
    """See the module."""

    @classmethod
    def from_crawler(cls, crawler: Any, reactor: Any) -> Resolver:
        """Made by Scrapy, from the process' settings."""
        name, options = options_of(crawler.settings)
        return cls(reactor, name, **options)

    def tell(self, host: str, error: BaseException) -> None:
        """See ``twisted.Resolver.tell``; for the RetryMiddleware."""
        super().tell(host, error)
        if isinstance(error, ResolveError):
            _last[host] = error
            _last.move_to_end(host)
            if len(_last) > _MOST:
                _last.popitem(last=False)

    def install_on_reactor(self) -> None:
        """Called by Scrapy once the reactor is there."""
        self.install()
        dispatcher.connect(self._spider_closed, signals.spider_closed, dispatcher.Any)

    def _spider_closed(self, spider: Any) -> None:
        write_stats(self.calls.stats(), spider.crawler.stats)


def write_stats(stats: Any, collector: Any) -> None:
    """A resolver's counts into a crawler's, as ``dns/…``, ``dns/error/…`` and ``dns/cache/…``."""
    values = {name: value for name, value in asdict(stats).items() if isinstance(value, int)}
    cache = asdict(stats.cache) if stats.cache is not None else {}
    for prefix, counts in (("dns", values), ("dns/error", stats.errors), ("dns/cache", cache)):
        for name, count in counts.items():
            collector.set_value(f"{prefix}/{name}", count)


#: What ``celadon proxy`` says of a host that does not exist (RFC 9209), and of one that leads where nobody may go.
_FINAL = (b'rcode="NXDOMAIN"', b'rcode="NODATA"', b"error=destination_ip_prohibited", b"error=http_request_denied")
#: What Scrapy and Twisted raise for a name that was not found.
_NOT_FOUND = frozenset(("CannotResolveHostError", "DNSLookupError"))


class RetryMiddleware(_RetryMiddleware):
    """Scrapy's, but a request whose host does not exist, or that the guard refused, is not tried again.

    A server that failed or was silent is. Counted as ``retry/not_again/NXDOMAIN`` and so on.
    """

    def process_response(self, request: Any, response: Any, spider: Any = None) -> Any:
        """See ``scrapy.downloadermiddlewares.retry.RetryMiddleware.process_response``: ``celadon proxy`` says why."""
        status = response.headers.get("Proxy-Status") or b""
        if status.startswith(b"celadon;") and any(one in status for one in _FINAL):
            self.crawler.stats.inc_value("retry/not_again/proxy")
            return response
        more = () if spider is None else (spider,)
        return super().process_response(request, response, *more)

    def process_exception(self, request: Any, exception: Exception, spider: Any = None) -> Any:
        """See ``scrapy.downloadermiddlewares.retry.RetryMiddleware.process_exception``."""
        why = lookup_error(exception)
        if why is None and type(exception).__name__ in _NOT_FOUND:
            why = _last.get(urlsplit(request.url).hostname or "")
        if why is not None and not is_temporary(why):
            self.crawler.stats.inc_value(f"retry/not_again/{why.kind.value}")
            return None
        more = () if spider is None else (spider,)  # Scrapy gives it up to 2.13
        return super().process_exception(request, exception, *more)
