"""``eventlet.support.greendns``: names are looked up by Celadon's resolver, which stops the calling green thread only.

libc's answers on any engine; ``celadon.resolver.use`` chooses one. eventlet's own classes, which are dnspython's over
green sockets, are not here.
"""

from __future__ import annotations

import socket as _std
from typing import Any

import dns
import dns.resolver
from dns import ipv4, ipv6, reversename

from celadon import resolver as _resolver

from ..green import socket

getaddrinfo = socket.getaddrinfo  # type: ignore[attr-defined]
gethostbyname = socket.gethostbyname  # type: ignore[attr-defined]
gethostbyname_ex = socket.gethostbyname_ex  # type: ignore[attr-defined]
getnameinfo = socket.getnameinfo  # type: ignore[attr-defined]
EAI_NONAME_ERROR = _std.gaierror(_std.EAI_NONAME, "No address associated with hostname")
EAI_NODATA_ERROR = EAI_NONAME_ERROR


def _is(family: int, host: Any) -> bool:
    try:
        _std.inet_pton(family, host)
    except (OSError, TypeError, ValueError):
        return False
    return True


def is_ipv4_addr(host: Any) -> bool:
    """Whether it is an IPv4 address."""
    return _is(_std.AF_INET, host)


def is_ipv6_addr(host: Any) -> bool:
    """Whether it is an IPv6 address, with a scope or without."""
    return _is(_std.AF_INET6, host.partition("%")[0] if isinstance(host, str) else host)


def is_ip_addr(host: Any) -> bool:
    """Whether it is an address."""
    return is_ipv4_addr(host) or is_ipv6_addr(host)


def resolve(
    name: str, family: int = _std.AF_INET, raises: bool = True, _proxy: Any = None, use_network: bool = True
) -> Any:
    """The addresses of a name in one family, as text. Without any: gaierror if ``raises``, else []."""
    try:
        found = getaddrinfo(name, None, family, _std.SOCK_STREAM, 0, 0 if use_network else _std.AI_NUMERICHOST)
    except _std.gaierror:
        if raises:
            raise
        return []
    return [one[4][0] for one in found]


def resolve_cname(host: str) -> str:
    """The canonical name."""
    found = getaddrinfo(host, None, 0, _std.SOCK_STREAM, 0, _std.AI_CANONNAME)
    return found[0][3] or host


def getaliases(host: str) -> list[str]:
    """The other names of a host."""
    return list(gethostbyname_ex(host)[1])


def reset() -> None:
    """Forget the resolver; the next lookup makes one, from the system's files as they are then."""
    _resolver.reset()


__all__ = [
    "dns",
    "getaddrinfo",
    "getaliases",
    "gethostbyname",
    "gethostbyname_ex",
    "getnameinfo",
    "ipv4",
    "ipv6",
    "is_ip_addr",
    "is_ipv4_addr",
    "is_ipv6_addr",
    "reset",
    "resolve",
    "resolve_cname",
    "reversename",
]
