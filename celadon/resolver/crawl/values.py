"""Values of the crawler's resolver: lookups, events, counts, orders of addresses, keys."""

from __future__ import annotations

import _socket
from collections import deque
from collections.abc import Callable
from typing import Any

from ..events import ResolverStats
from ..frozen import frozen
from ..model import AddrInfo
from ..names import domain

_numeric: Any = _socket.getaddrinfo
_NUMERICHOST, _CANONNAME = _socket.AI_NUMERICHOST, _socket.AI_CANONNAME
_INET, _INET6 = int(_socket.AF_INET), int(_socket.AF_INET6)


@frozen
class Lookup:
    """A host's addresses, in the order to try them, and where they came from.

    ``source`` is ``pin``, ``literal``, ``cache``, ``dns`` or ``system`` (hosts file, libc). With a DNS answer, ``ttl``
    is the seconds that are left, ``chain`` the names from the host to the canonical one, ``server`` and ``rtt``
    (seconds) are of the query; else they are None, empty and 0. ``fresh`` is False for an answer that serves after its
    TTL because the servers failed.
    """

    host: str
    addresses: tuple[str, ...]
    ttl: float | None = None
    chain: tuple[str, ...] = ()
    server: str | None = None
    rtt: float = 0.0
    fresh: bool = True
    source: str = "system"


@frozen
class CrawlEvent:
    """The end of one lookup: ``kind`` is ``answer``, ``error`` or ``blocked``.

    ``when`` is its end by the wall clock, ``seconds`` its duration, ``source`` as in Lookup, ``status`` NOERROR or the
    error's kind, ``server`` the server that answered, if that is known.
    """

    kind: str
    host: str
    when: float
    seconds: float
    source: str
    status: str
    server: str | None = None


@frozen
class CrawlStats(ResolverStats):
    """A snapshot of a CrawlerResolver's counts since it was made; ``members`` has those of the resolver underneath.

    ``in_flight`` lookups are under way, ``answered`` ones had an answer, ``pinned`` ones had it from a pin, ``blocked``
    ones were refused as a whole; ``refused`` counts the addresses that the guard took out, ``prefetching`` the hosts
    that wait for their prefetch.
    """

    in_flight: int = 0
    answered: int = 0
    pinned: int = 0
    blocked: int = 0
    refused: int = 0
    prefetching: int = 0


def interleave(found: list[AddrInfo], first: int = 0) -> list[AddrInfo]:
    """Families in turns, beginning with the first address' (or ``first``), each in its own order (RFC 8305 §4)."""
    if len(found) < 2:
        return found
    leading = first or found[0][0]
    one = deque(row for row in found if row[0] == leading)
    other = deque(row for row in found if row[0] != leading)
    if not one or not other:
        return found
    mixed = []
    while one or other:
        if one:
            mixed.append(one.popleft())
        if other:
            mixed.append(other.popleft())
    return mixed


def _as_given(found: list[AddrInfo]) -> list[AddrInfo]:
    return found


def _ipv4_first(found: list[AddrInfo]) -> list[AddrInfo]:
    return sorted(found, key=lambda row: row[0] != _INET)


Order = Callable[[list[AddrInfo]], list[AddrInfo]]
#: By name, the order in which addresses are tried.
ORDERS: dict[str, Order] = {
    "system": _as_given,
    "happy": interleave,
    "ipv4-first": _ipv4_first,
}


def plain_name(host: str | bytes) -> str:
    """The host in ASCII and lower case, without a final dot. ResolveError for what IDNA cannot encode."""
    text = host.decode("latin-1") if isinstance(host, bytes) else domain.to_ascii(host)
    return text.lower().removesuffix(".")


def _ip_key(value: tuple[int, int]) -> str:
    bits, number = value
    raw = number.to_bytes(bits // 8, "big")
    return _socket.inet_ntop(_INET if bits == 32 else _INET6, raw)


def _prefix_key(value: tuple[int, int]) -> str:
    bits, number = value
    length = 24 if bits == 32 else 48
    return f"{_ip_key((bits, number >> (bits - length) << (bits - length)))}/{length}"


#: By name, the key that an address gives.
KEYS: dict[str, Callable[[tuple[int, int]], str]] = {"ip": _ip_key, "prefix24": _prefix_key, "host": str}
