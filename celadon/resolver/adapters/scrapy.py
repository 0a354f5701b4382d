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
"""

from __future__ import annotations

from typing import Any

from pydispatch import dispatcher
from scrapy import signals

from ..crawl.crawler import CRAWL_CACHE
from ..crawl.guard import Guard
from ..frozen import asdict, replace
from . import twisted


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

    def install_on_reactor(self) -> None:
        """Called by Scrapy once the reactor is there."""
        self.install()
        dispatcher.connect(self._spider_closed, signals.spider_closed, dispatcher.Any)

    def _spider_closed(self, spider: Any) -> None:
        stats = self.calls.resolver.stats()
        values = {name: value for name, value in asdict(stats).items() if isinstance(value, int)}
        cache = asdict(stats.cache) if stats.cache is not None else {}
        collector = spider.crawler.stats
        for prefix, counts in (("dns", values), ("dns/error", stats.errors), ("dns/cache", cache)):
            for name, count in counts.items():
                collector.set_value(f"{prefix}/{name}", count)
