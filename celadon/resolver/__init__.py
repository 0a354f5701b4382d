"""Names to addresses: libc's answers on any engine, blocking only the greenlet that asks."""

import typing

from .. import late

if typing.TYPE_CHECKING:
    from .answers.cache import Cache, CachePolicy, CacheStats
    from .bulk_lookup import bulk
    from .crawl.crawler import CrawlerResolver
    from .crawl.guard import BlockedAddress, Guard
    from .crawl.values import CrawlEvent, CrawlStats, Lookup
    from .crawl.verdicts import is_temporary, lookup_error
    from .errors import Kind, ResolveError, ResolverConfigError, ResolverUnavailable
    from .events import Event, ResolverStats
    from .factory import ResolverLike, check_option_names, make
    from .in_use import (
        current,
        discard,
        explain,
        getaddrinfo,
        getfqdn,
        gethostbyaddr,
        gethostbyname,
        gethostbyname_ex,
        getnameinfo,
        permit,
        preload,
        reset,
        scope,
        stats,
        use,
    )
    from .model import (
        AddrInfo,
        Answer,
        Config,
        Edns,
        QueryOptions,
        Question,
        Rcode,
        Record,
        RRType,
        Security,
        Server,
        SockAddr,
        Validation,
    )
    from .policy.explain import Explanation
    from .protocols import Engine, FullResolver, Resolver
    from .query_answer import Https, Mx, QueryAnswer, Srv
    from .record_queries import https, mx, query, reverse, srv, txt
    from .resolvers.stub import StubResolver
else:
    __getattr__, __dir__ = late.door(
        __name__,
        {
            "answers.cache": "Cache CachePolicy CacheStats",
            "bulk_lookup": "bulk",
            "crawl.crawler": "CrawlerResolver",
            "crawl.guard": "BlockedAddress Guard",
            "crawl.values": "CrawlEvent CrawlStats Lookup",
            "crawl.verdicts": "is_temporary lookup_error",
            "errors": "Kind ResolveError ResolverConfigError ResolverUnavailable",
            "events": "Event ResolverStats",
            "factory": "ResolverLike check_option_names make",
            "in_use": "current discard explain getaddrinfo getfqdn gethostbyaddr gethostbyname gethostbyname_ex "
            "getnameinfo permit preload reset scope stats use",
            "model": "AddrInfo Answer Config Edns QueryOptions Question Rcode Record RRType Security Server SockAddr "
            "Validation",
            "policy.explain": "Explanation",
            "protocols": "Engine FullResolver Resolver",
            "query_answer": "Https Mx QueryAnswer Srv",
            "record_queries": "https mx query reverse srv txt",
            "resolvers.stub": "StubResolver",
        },
    )

__all__ = [
    "AddrInfo",
    "Answer",
    "BlockedAddress",
    "Cache",
    "CachePolicy",
    "CacheStats",
    "Config",
    "CrawlEvent",
    "CrawlStats",
    "CrawlerResolver",
    "Edns",
    "Engine",
    "Event",
    "Explanation",
    "FullResolver",
    "Guard",
    "Https",
    "Kind",
    "Lookup",
    "Mx",
    "QueryAnswer",
    "QueryOptions",
    "Question",
    "RRType",
    "Rcode",
    "Record",
    "ResolveError",
    "Resolver",
    "ResolverConfigError",
    "ResolverLike",
    "ResolverStats",
    "ResolverUnavailable",
    "Security",
    "Server",
    "SockAddr",
    "Srv",
    "StubResolver",
    "Validation",
    "bulk",
    "check_option_names",
    "current",
    "discard",
    "explain",
    "getaddrinfo",
    "getfqdn",
    "gethostbyaddr",
    "gethostbyname",
    "gethostbyname_ex",
    "getnameinfo",
    "https",
    "is_temporary",
    "lookup_error",
    "make",
    "mx",
    "permit",
    "preload",
    "query",
    "reset",
    "reverse",
    "scope",
    "srv",
    "stats",
    "txt",
    "use",
]
