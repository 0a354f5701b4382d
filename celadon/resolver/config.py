"""resolv.conf and server addresses, from text to values (resolv.conf(5)). Broken lines are noted, never fatal."""

from __future__ import annotations

import _socket

from .errors import ResolverConfigError
from .model import Config, Server

_MAX_SERVERS = 3  # MAXNS
_FLAGS = {
    "rotate": "rotate",
    "single-request": "single_request",
    "single-request-reopen": "single_request_reopen",
    "use-vc": "use_vc",
    "edns0": "edns0",
    "trust-ad": "trust_ad",
    "no-aaaa": "no_aaaa",
}
# option -> (field, least, most), as glibc clamps them
_NUMBERS = {"ndots": ("ndots", 0, 15), "timeout": ("timeout", 1, 30), "attempts": ("attempts", 1, 5)}


def _is_address(text: str) -> bool:
    address = text.partition("%")[0]
    try:
        _socket.inet_pton(_socket.AF_INET6 if ":" in address else _socket.AF_INET, address)
    except (OSError, ValueError):
        return False
    return True


def parse_server(text: str) -> Server:
    """``1.2.3.4``, ``1.2.3.4:5301``, ``[::1]:53``, ``fe80::1%lo``, ``1.1.1.1#53``, or ResolverConfigError."""
    given = text.strip()
    if given.startswith("["):
        address, bracket, port = given[1:].partition("]")
        if not bracket or (port and port[0] not in ":#"):
            raise ResolverConfigError(f"server {text!r}: write [address]:port")
        port = port[1:] if port else "53"
    elif "#" in given:
        address, _, port = given.partition("#")
    elif given.count(":") == 1:
        address, _, port = given.partition(":")
    else:
        address, port = given, "53"
    if not _is_address(address):
        raise ResolverConfigError(f"server {text!r}: {address!r} is not an IP address")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ResolverConfigError(f"server {text!r}: {port!r} is not a port from 1 to 65535")
    return Server(address, int(port))


def parse_resolv_conf(text: bytes) -> Config:
    """What the file says, with glibc's limits: three servers, clamped numbers, the last search or domain line."""
    servers: list[Server] = []
    search: tuple[str, ...] = ()
    fields: dict[str, object] = {}
    unknown: list[str] = []
    warnings: list[str] = []
    for number, raw in enumerate(text.split(b"\n"), 1):
        line = raw.decode("latin-1")
        if line[:1] in ("#", ";"):
            continue
        words = line.split()
        if not words:
            continue
        keyword, rest = words[0], words[1:]
        if keyword == "nameserver":
            if not rest or not _is_address(rest[0]):
                warnings.append(f"line {number}: nameserver without an IP address")
            elif len(servers) < _MAX_SERVERS:
                servers.append(Server(rest[0]))
        elif keyword == "domain":
            search = tuple(rest[:1])
        elif keyword == "search":
            search = tuple(rest)
        elif keyword == "options":
            for word in rest:
                option, _, value = word.partition(":")
                if option in _NUMBERS and value.isascii() and value.isdigit():
                    field, least, most = _NUMBERS[option]
                    fields[field] = min(max(int(value), least), most)
                elif option in _FLAGS:
                    fields[_FLAGS[option]] = True
                else:
                    unknown.append(word)
        else:
            warnings.append(f"line {number}: unknown keyword {keyword!r}")
    if servers:
        fields["servers"] = tuple(servers)
    clean = tuple(one.rstrip(".") for one in search if one.rstrip("."))
    return Config(search=clean, options=tuple(unknown), warnings=tuple(warnings), **fields)  # type: ignore[arg-type]
