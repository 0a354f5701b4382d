"""The connection to a server by its scheme: TCP here, the others in their modules (RFC 7858, 8484, 9250)."""

from __future__ import annotations

from importlib import import_module

from ...dns.server_health import Health
from ...errors import ResolverUnavailable
from .udp_tcp import Driver, Framed, Stream, StreamLink

# scheme -> module. Imported at the first question by that scheme: its library may be slow to import, or missing.
TRANSPORTS = {"tls": "tls", "https": "https", "quic": "quic"}


def stream_to(engine: Driver, state: Health, now: float) -> Stream:
    """A new connection to the server by the scheme of its address.

    Raises OSError when it cannot be made, ResolverUnavailable without the library that the scheme needs.
    """
    scheme = state.server.scheme
    if scheme in ("udp", "tcp"):
        return StreamLink(engine, state, now, Framed())
    try:
        module = import_module(f"{__package__}.{TRANSPORTS[scheme]}")
    except ImportError as error:
        raise ResolverUnavailable(f"servers by {scheme}:// need a library that cannot be imported: {error}") from None
    made: Stream = module.connect(engine, state, now)
    return made
