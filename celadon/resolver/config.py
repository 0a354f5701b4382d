"""resolv.conf and server addresses, from text to values (resolv.conf(5)). Broken lines are noted, never fatal."""

from __future__ import annotations

import _socket
import re
from collections.abc import Mapping

from .errors import ResolverConfigError
from .model import Config, Server
from .plans import Source

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
_WITHOUT_EFFECT = frozenset(("no-reload", "inet6", "ip6-bytestring", "ip6-dotint", "no-ip6-dotint", "debug"))
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


def _line_server(text: str) -> Server | None:
    """A nameserver line's address, as inet_aton and inet_pton take it."""
    address = text.partition("%")[0]
    try:
        if ":" in address:
            _socket.inet_pton(_socket.AF_INET6, address)
            return Server(text)
        return Server(_socket.inet_ntoa(_socket.inet_aton(address)))
    except (OSError, ValueError):
        return None


def _set_options(words: list[str], fields: dict[str, object], unknown: list[str]) -> None:
    for word in words:
        option, colon, value = word.partition(":")
        if option in _NUMBERS and colon:
            field, least, most = _NUMBERS[option]
            digits = value[: len(value) - len(value.lstrip("0123456789"))]  # as atoi
            fields[field] = min(max(int(digits or 0), least), most)
        elif option in _FLAGS:
            fields[_FLAGS[option]] = True
        elif option not in _WITHOUT_EFFECT:
            unknown.append(word)


def _search_list(words: list[str]) -> tuple[str, ...]:
    """The domains, without final dot; the root is the empty string."""
    return tuple([one.lstrip(".").removesuffix(".") for one in words])


def parse_resolv_conf(text: bytes, domain: str = "", environ: Mapping[str, str] | None = None) -> Config:
    """What the file says, with glibc's limits: three servers, clamped numbers, the last search or domain line.

    A keyword stands at the beginning of its line. ``domain`` is this host's own, searched where the file says nothing
    of it. ``environ`` may hold LOCALDOMAIN and RES_OPTIONS, which come before and after the file (resolv.conf(5)).
    """
    servers: list[Server] = []
    search: tuple[str, ...] | None = None
    fields: dict[str, object] = {}
    unknown: list[str] = []
    warnings: list[str] = []
    for number, raw in enumerate(text.split(b"\n"), 1):
        line = raw.decode("latin-1")
        if line[:1] in ("#", ";"):
            continue
        keyword = line.replace("\t", " ").partition(" ")[0]
        rest = [one for one in line.replace("\t", " ").split(" ")[1:] if one]
        if keyword == "nameserver":
            server = _line_server(rest[0].partition("#")[0].partition(";")[0]) if rest else None
            if server is None:
                warnings.append(f"line {number}: nameserver without an IP address")
            elif len(servers) < _MAX_SERVERS:
                servers.append(server)
        elif keyword == "domain":
            if rest:
                search = _search_list(rest[:1])
        elif keyword == "search":
            if rest:
                search = _search_list(rest)
        elif keyword == "options":
            _set_options(rest, fields, unknown)
        elif line.strip():
            warnings.append(f"line {number}: unknown keyword {keyword!r}")
    if servers:
        fields["servers"] = tuple(servers)
    if search is None:
        search = (domain,) if domain else ()
    if environ:
        if "LOCALDOMAIN" in environ:
            search = _search_list(environ["LOCALDOMAIN"].split())
        _set_options(environ.get("RES_OPTIONS", "").split(), fields, unknown)
    return Config(search=search, options=tuple(unknown), warnings=tuple(warnings), **fields)  # type: ignore[arg-type]


# -- nsswitch.conf, host.conf, the file of HOSTALIASES -------------------------------------------------------------

_STATUSES = ("success", "notfound", "unavail", "tryagain")
_CRITERION = re.compile(r"(!?)\s*([a-z]+)\s*=\s*([a-z]+)")


def parse_nsswitch(text: bytes) -> tuple[Source, ...]:
    """The sources of the hosts line with their criteria; files and dns where there is none (nsswitch.conf(5))."""
    order: tuple[Source, ...] = ()
    for line in text.decode("latin-1").split("\n"):
        # As glibc: no comment but a whole line, and the colon may be missing.
        database, _, rest = line.lstrip().replace(":", " ", 1).partition(" ")
        if database.rstrip() == "hosts":
            order = _sources(rest)
    return order or (Source("files"), Source("dns"))


def _sources(text: str) -> tuple[Source, ...]:
    made: list[Source] = []
    for word in re.findall(r"\[[^]]*\]|[^\s\[]+", text):
        if word[0] != "[":
            made.append(Source(word))
        elif made:
            returns = set(made[-1].returns)
            for negated, status, action in _CRITERION.findall(word.lower()):
                if status not in _STATUSES:
                    continue
                of = [one for one in _STATUSES if one != status] if negated else [status]
                returns = returns.union(of) if action == "return" else returns.difference(of)
            made[-1] = Source(made[-1].name, frozenset(returns), plain=False)
    return tuple(made)


def parse_host_conf(text: bytes) -> bool:
    """Whether all lines of a name count in the hosts file, or its first one only (host.conf(5), ``multi``)."""
    multi = False
    for line in text.decode("latin-1").split("\n"):
        words = line.partition("#")[0].split()
        if words[:1] == ["multi"] and len(words) > 1:
            multi = words[1].lower() == "on"
    return multi


def parse_aliases(text: bytes) -> dict[str, str]:
    """What HOSTALIASES' file calls single-label names (gethostbyname(3), hostname(7)); the first line counts."""
    made: dict[str, str] = {}
    for line in text.decode("latin-1").split("\n"):
        words = line.split()
        if len(words) > 1:
            made.setdefault(words[0].lower(), words[1])
    return made
