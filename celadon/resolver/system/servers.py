"""Name servers as users write them: address, port, scheme."""

from __future__ import annotations

from ..errors import ResolverConfigError
from ..model import Server
from ..names.address import normal

#: scheme -> default port (RFC 1035, 7858, 8484, 9250)
SCHEMES = {"udp": 53, "tcp": 53, "tls": 853, "https": 443, "quic": 853}


def parse_server(text: str | Server) -> Server:
    """A Server from ``1.2.3.4``, ``1.2.3.4:5301``, ``[::1]:53``, ``fe80::1%lo``, ``1.1.1.1#53`` or a URI.

    A URI begins with ``udp://``, ``tcp://``, ``tls://``, ``https://`` or ``quic://``; the rest is as in any URI.
    After a ``#``: the name that the certificate must carry, if it is not the address (``tls://192.0.2.1#a.test``).
    ResolverConfigError for all else.
    """
    if isinstance(text, Server):
        return text
    given = text.strip()
    scheme, uri, rest = given.partition("://")
    if not uri:
        return Server(*_endpoint(given, text, 53))
    if scheme not in SCHEMES:
        raise ResolverConfigError(f"server {text!r}: the scheme {scheme!r} is not one of {', '.join(SCHEMES)}")
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
    if normal(address) is None:
        raise ResolverConfigError(
            f"server {text!r}: {address!r} is not an IP address; "
            "a server is written as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353"
        )
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ResolverConfigError(f"server {text!r}: {port!r} is not a port from 1 to 65535")
    return address, int(port)
