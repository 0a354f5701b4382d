"""resolv.conf and server addresses, from text to values (resolv.conf(5)). Broken lines are noted, never fatal."""

from __future__ import annotations

import _socket
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .errors import ResolverConfigError
from .model import Config, Server
from .names.domain import escaped
from .plans import Source

_MAX_SERVERS = 3  # MAXNS
_WHITE = " \t\n\v\f\r"  # isspace, in any locale that libc's parsers run in
# option -> field of Config; glibc looks at a word's beginning only, and takes the first that fits
_FLAGS = {
    "rotate": "rotate",
    "edns0": "edns0",
    "single-request-reopen": "single_request_reopen",
    "single-request": "single_request",
    "no-tld-query": "no_tld_query",
    "no_tld_query": "no_tld_query",
    "no-reload": None,
    "use-vc": "use_vc",
    "trust-ad": "trust_ad",
    "no-aaaa": "no_aaaa",
}
_WITHOUT_EFFECT = frozenset(("inet6", "ip6-bytestring", "ip6-dotint", "no-ip6-dotint", "debug"))
# option -> (field, least, most), as glibc clamps them
_NUMBERS = {"ndots:": ("ndots", 0, 15), "timeout:": ("timeout", 1, 30), "attempts:": ("attempts", 1, 5)}

#: How a server may be spoken to, and the ports for it (RFC 1035, 7858, 8484, 9250).
SCHEMES = {"udp": 53, "tcp": 53, "tls": 853, "https": 443, "quic": 853}


def _is_address(text: str) -> bool:
    address = text.partition("%")[0]
    try:
        _socket.inet_pton(_socket.AF_INET6 if ":" in address else _socket.AF_INET, address)
    except (OSError, ValueError):
        return False
    return True


def parse_server(text: str | Server) -> Server:
    """``1.2.3.4``, ``1.2.3.4:5301``, ``[::1]:53``, ``fe80::1%lo``, ``1.1.1.1#53``, a URI, or ResolverConfigError.

    URIs are ``udp://``, ``tcp://``, ``tls://``, ``https://`` and ``quic://`` with an address, port and path as in any
    URI; behind a ``#`` the name that the certificate must have, if that is not the address: ``tls://192.0.2.1#a.test``.
    """
    if isinstance(text, Server):
        return text
    given = text.strip()
    scheme, uri, rest = given.partition("://")
    if not uri:
        return Server(*_endpoint(given, text, 53))
    if scheme not in SCHEMES:
        raise ResolverConfigError(f"server {text!r}: {scheme!r} is none of {', '.join(SCHEMES)}")
    rest, _, hostname = rest.partition("#")
    where, _, path = rest.removesuffix("{?dns}").partition("/")
    if (scheme != "https" and path) or "#" in hostname:
        raise ResolverConfigError(f"server {text!r}: write {scheme}://address:port#name")
    path = f"/{path or 'dns-query'}" if scheme == "https" else ""
    return Server(*_endpoint(where, text, SCHEMES[scheme]), scheme, hostname, path)


def _endpoint(given: str, text: str, port_by_default: int) -> tuple[str, int]:
    if given.startswith("["):
        address, bracket, port = given[1:].partition("]")
        if not bracket or (port and port[0] not in ":#"):
            raise ResolverConfigError(f"server {text!r}: write [address]:port")
        port = port[1:] if port else str(port_by_default)
    elif "#" in given:
        address, _, port = given.partition("#")
    elif given.count(":") == 1:
        address, _, port = given.partition(":")
    else:
        address, port = given, str(port_by_default)
    if not _is_address(address):
        raise ResolverConfigError(f"server {text!r}: {address!r} is not an IP address")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ResolverConfigError(f"server {text!r}: {port!r} is not a port from 1 to 65535")
    return address, int(port)


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


def _set_options(text: str, fields: dict[str, object], unknown: list[str]) -> None:
    for found in re.finditer(r"[^ \t]+", text):
        word = found[0]
        number = next((one for one in _NUMBERS if word.startswith(one)), None)
        if number is not None:
            field, least, most = _NUMBERS[number]
            value = _atoi(text[found.start() + len(number) :])
            # A negative ndots is the largest: the field has four bits.
            fields[field] = most if field == "ndots" and value < 0 else min(max(value, least), most)
            continue
        flag = next((one for one in _FLAGS if word.startswith(one)), None)
        if flag is not None:
            if _FLAGS[flag] is not None:
                fields[str(_FLAGS[flag])] = True
        elif word not in _WITHOUT_EFFECT:
            unknown.append(word)


def _atoi(text: str) -> int:
    """As atoi(3): white space, a sign, digits; 0 for anything else."""
    found = re.match(r"[ \t\n\v\f\r]*([+-]?[0-9]+)", text)
    return int(found[1]) if found else 0


def _sort_list(text: str) -> tuple[tuple[int, int], ...]:
    """(network, mask) of each pair, the mask of the address' class where none is given (resolv.conf(5), sortlist)."""
    made = []
    for word in text.partition(";")[0].split():
        net, _, mask = word.replace("&", "/").partition("/")
        number = _inet_aton(net)
        if number is None:
            continue
        by_class = 0xFF000000 if number < 1 << 31 else 0xFFFF0000 if number < 3 << 30 else 0xFFFFFF00
        given = _inet_aton(mask) if mask else None
        made.append((number, by_class if given is None else given))
    return tuple(made)


def _inet_aton(text: str) -> int | None:
    try:
        return int.from_bytes(_socket.inet_aton(text), "big") if text and not text[-1:].isspace() else None
    except (OSError, UnicodeError):
        return None


def _search_list(words: list[str]) -> tuple[str, ...]:
    """The domains, without final dot; the root is the empty string. As glibc, only one dot at the beginning is none."""
    domains = [one.removeprefix(".") for one in words]
    return tuple([escaped(one[:-1] if one[-1:] == "." and one[-2:] not in (".", "..") else one) for one in domains])


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
        line = raw.partition(b"\0")[0].decode("latin-1")
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
            _set_options(line[len(keyword) :], fields, unknown)
        elif keyword == "sortlist":
            fields["sortlist"] = _sort_list(line[len(keyword) :])
        elif line.strip():
            unknown.append(keyword)
            warnings.append(f"line {number}: unknown keyword {keyword!r}")
    if servers:
        fields["servers"] = tuple(servers)
    if search is None:
        search = (domain,) if domain else ()
    if environ:
        if "LOCALDOMAIN" in environ:
            search = _search_list(environ["LOCALDOMAIN"].split())
        _set_options(environ.get("RES_OPTIONS", ""), fields, unknown)
    return Config(search=search, options=tuple(unknown), warnings=tuple(warnings), **fields)  # type: ignore[arg-type]


# -- nsswitch.conf, host.conf, the file of HOSTALIASES -------------------------------------------------------------

_STATUSES = ("success", "notfound", "unavail", "tryagain")
_SOURCE = re.compile(r"([^\s\[]+)\s*(\[[^]]*(?:\]|$))?\s*", re.ASCII)
_CRITERIA = re.compile(
    rf"\[\s*(?:!?(?:{'|'.join(_STATUSES)})\s*=\s*(?:return|continue|merge)(?:\s+|(?=\])))+\]", re.ASCII | re.IGNORECASE
).fullmatch
_CRITERION = re.compile(r"(!?)([a-z]+)\s*=\s*([a-z]+)", re.ASCII)
_DATABASES = frozenset(
    [
        *("aliases", "ethers", "group", "group_compat", "gshadow", "hosts", "initgroups", "netgroup", "networks"),
        *("passwd", "passwd_compat", "protocols", "publickey", "rpc", "services", "shadow", "shadow_compat"),
    ]
)
#: What libc makes of a file in which a line is broken: no source at all.
_BROKEN = (Source("broken line"),)


def parse_nsswitch(text: bytes) -> tuple[Source, ...]:
    """The sources of the hosts line with their criteria; files and dns where there is none (nsswitch.conf(5)).

    Criteria that glibc cannot read, of any database, leave it without any source, and so this: every lookup fails then.
    """
    order: tuple[Source, ...] = ()
    for raw in text.split(b"\n")[:-1]:
        # As glibc: no comment but a whole line, no last line without its end; the colon may be missing or stand alone.
        line = raw.partition(b"\0")[0].decode("latin-1")
        key, rest = _KEY(line).groups()
        if key in _DATABASES and rest:
            sources = _sources(rest[1:])
            if sources is _BROKEN:
                return _BROKEN  # whichever line it is, glibc gives up on the whole file
            if key == "hosts":
                order = sources
    return order or (Source("files"), Source("dns"))


_KEY: Any = re.compile(r"\s*([^\s:]*)(.*)", re.ASCII | re.DOTALL).match


def _sources(text: str) -> tuple[Source, ...]:
    made: list[Source] = []
    at = len(text) - len(text.lstrip(_WHITE))
    while word := _SOURCE.match(text, at):
        at = word.end()
        name, criteria = word.groups()
        if not criteria:
            made.append(Source(name))
            continue
        if not _CRITERIA(criteria):
            return _BROKEN
        returns = set(Source(name).returns)
        for negated, status, action in _CRITERION.findall(criteria.lower()):
            of = [one for one in _STATUSES if one != status] if negated else [status]
            returns = returns.union(of) if action == "return" else returns.difference(of)
        made.append(Source(name, frozenset(returns), plain=False))
    return tuple(made)


class HostConf(NamedTuple):
    """host.conf(5): whether all lines of a name count, whether addresses of a local net go first, what is trimmed."""

    multi: bool = False
    reorder: bool = False
    trim: tuple[str, ...] = ()


def parse_host_conf(text: bytes, environ: Mapping[str, str] | None = None) -> HostConf:
    """The file, and the variables that override it (RESOLV_MULTI and its like)."""
    flags = {"multi": False, "reorder": False}
    trim: list[str] = []
    for raw in text.split(b"\n"):
        line = raw.partition(b"\0")[0].decode("latin-1")
        found = re.match(r"\s*([^\s#,]*)\s*(.*)", line, re.ASCII | re.DOTALL)
        assert found is not None
        command, rest = found[1].lower(), found[2]
        if command in flags:
            _set_switch(flags, command, rest)
        elif command == "trim":
            trim += _domains(rest)
    for command in flags:
        _set_switch(flags, command, (environ or {}).get(f"RESOLV_{command.upper()}", ""))
    trim += _domains((environ or {}).get("RESOLV_ADD_TRIM_DOMAINS", ""))
    if environ and "RESOLV_OVERRIDE_TRIM_DOMAINS" in environ:
        trim = _domains(environ["RESOLV_OVERRIDE_TRIM_DOMAINS"])
    return HostConf(flags["multi"], flags["reorder"], tuple(trim[:4]))  # TRIMDOMAINS_MAX


def _set_switch(flags: dict[str, bool], name: str, text: str) -> None:
    if text[:2].lower() == "on":
        flags[name] = True
    elif text[:3].lower() == "off":
        flags[name] = False


def _domains(text: str) -> list[str]:
    return [one for one in re.split(r"[\s,:;]+", text.partition("#")[0], flags=re.ASCII) if one]


def parse_aliases(text: bytes) -> dict[str, str]:
    """What HOSTALIASES' file calls single-label names (gethostbyname(3), hostname(7)); the first line counts.

    A name stands at the beginning of its line. One without another behind it has none.
    """
    made: dict[str, str] = {}
    for raw in text.split(b"\n"):
        found = re.match(r"(\S*)\s*(\S*)", raw.partition(b"\0")[0].decode("latin-1"), re.ASCII)
        assert found is not None
        made.setdefault(found[1].lower().removesuffix("."), found[2])
    return made
