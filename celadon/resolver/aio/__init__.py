"""The resolver for asyncio: libc's answers on any engine, awaited. Nothing is patched, no greenlet is needed.

The engines run on the running loop itself: its readers and timers, no thread. ``Resolver`` is one of the program's own;
the functions here use one that they make at their first call, and each loop has its own sockets.
"""

from .aio_resolver import (
    Resolver,
    default,
    getaddrinfo,
    getfqdn,
    gethostbyaddr,
    gethostbyname,
    gethostbyname_ex,
    getnameinfo,
    query,
)
from .bulk_awaited import bulk

__all__ = [
    "Resolver",
    "bulk",
    "default",
    "getaddrinfo",
    "getfqdn",
    "gethostbyaddr",
    "gethostbyname",
    "gethostbyname_ex",
    "getnameinfo",
    "query",
]
