"""pycurl: libcurl resolves in C, where no patch reaches, so it is told the addresses beforehand.

``curl.setopt(pycurl.RESOLVE, resolve_list(resolver, url))`` before ``perform``. What a redirect leads to is not in that
list: ``curl.setopt(pycurl.OPENSOCKETFUNCTION, opener(resolver))`` has the guard judge every address as it is connected.
"""

from __future__ import annotations

import _socket
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pycurl

from ..crawl.guard import BlockedAddress
from ..names.address import value_of


class _Fd:
    """pycurl copies the descriptor of what it is given, and drops the rest: this closes its own without a word."""

    def __init__(self, made: _socket.socket) -> None:
        self._fd = made.detach()

    def fileno(self) -> int:
        return self._fd

    def __del__(self) -> None:
        os.close(self._fd)


_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}


def resolve_list(resolver: Any, url: str, seconds: float | None = None) -> list[str]:
    """The addresses of a URL's host as libcurl's ``+HOST:PORT:ADDRESS[,ADDRESS]``, ``+`` for an entry that may expire.

    ``resolver`` is a ResolverThread or a CrawlerResolver. ValueError for a URL without a host or a known port;
    ResolveError as the lookup's.
    """
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme)
    if not parts.hostname or port is None:
        raise ValueError(f"{url!r} has no host, or no port that is known here")
    found = resolver.find(parts.hostname, port, 0, seconds)
    addresses = dict.fromkeys(f"[{row[4][0]}]" if ":" in row[4][0] else row[4][0] for row in found)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return [f"+{host}:{port}:{','.join(addresses)}"]


def opener(resolver: Any, pinned: str | None = None) -> Callable[[int, Any], Any]:
    """A function for OPENSOCKETFUNCTION: makes the socket, unless the guard refuses its destination.

    libcurl gives the address without its host, so a pin does not count here. ``pinned`` is the one host whose pins do;
    they then do for every redirect of this transfer.
    """

    def open_socket(purpose: int, address: Any) -> Any:
        family, kind, proto, target = address
        if family in (_socket.AF_INET, _socket.AF_INET6):
            host = target[0].decode() if isinstance(target[0], bytes) else str(target[0])
            passes = () if pinned is None else [row[4][0] for row in resolver.find(pinned, 0)]
            try:
                resolver.permit(next((one for one in passes if value_of(one) == value_of(host)), host))
            except BlockedAddress:
                return pycurl.SOCKET_BAD
        return _Fd(_socket.socket(family, kind, proto))

    return open_socket
