"""What a proxy in front says of the client, in Forwarded (RFC 7239) or X-Forwarded-*; trusted proxies are believed."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any, NamedTuple

from ..proxied import Trusted
from .errors import BadRequest
from .request_target import is_authority

#: The fields that such a proxy sets. Of others they are lies, or of nobody's interest.
FORWARDED = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_BY",
    "HTTP_X_REAL_IP",
)

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_PAIR = rf'({_TOKEN})=({_TOKEN}|"(?:[^"\\]|\\.)*")'
_ELEMENT = re.compile(rf"[ \t]*+(?:{_PAIR}(?:[ \t]*+;[ \t]*+{_PAIR})*)?[ \t]*+(?:,|$)")
_PAIRS = re.compile(_PAIR)
_NODE = re.compile(
    r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)|([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*))(?::([0-9]{1,5}))?"
)

#: An IPv6 address that embeds an IPv4 one, in brackets, with a port; longer ones are none, and would take long.
_LONGEST_NODE = 60


class Hop(NamedTuple):
    """One step of a request's way: from whom, and what it asked for. Empty for what was not said."""

    client: str = ""
    proto: str = ""
    host: str = ""


def parse_forwarded(text: str) -> list[Hop]:
    """The hops of a Forwarded field, the client's first. BadRequest if it is malformed."""
    hops, at = [], 0
    while at < len(text):
        match = _ELEMENT.match(text, at)
        if match is None:
            raise BadRequest(400, "Forwarded is malformed")
        at = match.end()
        said = {name.lower(): _unquoted(value) for name, value in _PAIRS.findall(match[0])}
        hops.append(Hop(said.get("for", ""), said.get("proto", "").lower(), said.get("host", "")))
    return hops


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] == '"' else text


def parse_x_forwarded(environ: dict[str, Any]) -> list[Hop]:
    """The same from X-Forwarded-For, -Proto and -Host; of the last two the last value, which the nearest proxy set."""
    hops = [Hop(one.strip()) for one in environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if one.strip()]
    proto, host = (environ.get(f"HTTP_X_FORWARDED_{one}", "").rpartition(",")[2].strip() for one in ("PROTO", "HOST"))
    if (proto or host) and not hops:
        hops = [Hop()]
    return [one._replace(proto=proto.lower(), host=host) for one in hops]


def node_address(node: str) -> tuple[str, str] | None:
    """Address and port ("" if none) of a node of Forwarded; None for ``unknown`` and for names that hide it."""
    match = _NODE.fullmatch(node) if len(node) <= _LONGEST_NODE else None
    if match is None:
        return None
    try:
        return str(ip_address(match[1] or match[2] or match[3])), match[4] or ""
    except ValueError:
        return None


def believe(environ: dict[str, Any], trusted: Trusted) -> None:
    """Set REMOTE_ADDR, REMOTE_PORT, wsgi.url_scheme and HTTP_HOST from what a trusted peer says of the client.

    Each hop is believed as long as the one that tells of it is trusted. What another peer says is removed. BadRequest
    for what is malformed.
    """
    if not _is_trusted(environ, trusted):
        for name in FORWARDED:
            environ.pop(name, None)
        return
    text = environ.get("HTTP_FORWARDED")
    hops = parse_x_forwarded(environ) if text is None else parse_forwarded(text)
    for hop in reversed(hops):
        _believe(environ, hop)
        if node_address(hop.client) is None or not _is_trusted(environ, trusted):
            break


def _is_trusted(environ: dict[str, Any], trusted: Trusted) -> bool:
    host = environ.get("REMOTE_ADDR")
    return ((host,) if host else None) in trusted  # without an address it is a Unix socket


def _believe(environ: dict[str, Any], hop: Hop) -> None:
    address = node_address(hop.client)
    if address is not None:
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = address
    if hop.proto:
        if hop.proto not in ("http", "https"):
            raise BadRequest(400, "the proxy names a scheme that is neither http nor https")
        environ["wsgi.url_scheme"] = hop.proto
    if hop.host:
        if not is_authority(hop.host):
            raise BadRequest(400, "the proxy names a host that is not valid")
        environ["HTTP_HOST"] = hop.host
