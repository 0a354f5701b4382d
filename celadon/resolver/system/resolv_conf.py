"""resolv.conf, from text to a Config (resolv.conf(5)). A broken line becomes a warning, never an error."""

from __future__ import annotations

import _socket
import re
from collections.abc import Iterator, Mapping

from ..model import Config, Server
from ..names.domain import escaped

_MAX_SERVERS = 3  # MAXNS
# option -> field of Config; glibc compares the beginning of a word only, and takes the first option that fits
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


def _line_server(words: list[str]) -> Server | None:
    """The server of a nameserver line; None if neither inet_aton nor inet_pton accepts the address."""
    text = words[0].partition("#")[0].partition(";")[0] if words else ""
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
            # A negative ndots becomes 15: glibc keeps it in four bits.
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
    """(network, mask) of each pair; without a mask, that of the address' class (resolv.conf(5), sortlist)."""
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
    """The domains without final dot; the root is the empty string. As glibc, one dot at the beginning is dropped."""
    domains = [one.removeprefix(".") for one in words]
    return tuple([escaped(one[:-1] if one[-1:] == "." and one[-2:] not in (".", "..") else one) for one in domains])


def _lines(text: bytes) -> Iterator[tuple[int, str]]:
    """Number and text of the lines that are no comments."""
    for number, raw in enumerate(text.split(b"\n"), 1):
        line = raw.partition(b"\0")[0].decode("latin-1")
        if line[:1] not in ("#", ";"):
            yield number, line


def _words(line: str) -> tuple[str, list[str]]:
    first, *rest = line.replace("\t", " ").split(" ")
    return first, [one for one in rest if one]


def names_a_server(text: bytes) -> bool:
    """True if a nameserver line of the file has an address; without one, ``parse_resolv_conf`` takes 127.0.0.1."""
    lines = (_words(line) for _, line in _lines(text))
    return any(keyword == "nameserver" and _line_server(rest) is not None for keyword, rest in lines)


def parse_resolv_conf(text: bytes, domain: str = "", environ: Mapping[str, str] | None = None) -> Config:
    """What the file says, with glibc's limits: three servers, clamped numbers, the last search or domain line.

    A keyword begins its line. ``domain`` is this host's own, searched if the file has no search or domain line.
    ``environ`` may hold LOCALDOMAIN, in place of the file's list, and RES_OPTIONS, after the file's options.
    """
    servers: list[Server] = []
    search: tuple[str, ...] | None = None
    fields: dict[str, object] = {}
    unknown: list[str] = []
    warnings: list[str] = []
    for number, line in _lines(text):
        keyword, rest = _words(line)
        if keyword == "nameserver":
            server = _line_server(rest)
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
