"""Which connection speaks to a server: TCP here, and what a scheme's own library makes (RFC 7858, 8484, 9250)."""

from __future__ import annotations

from ... import lazy
from ...dns.server_health import Health
from .links import Driver, Framed, Stream, StreamLink


def stream_to(engine: Driver, state: Health, now: float) -> Stream:
    """A new connection to the server by the scheme of its address. Raises OSError when it cannot be made."""
    scheme = state.server.scheme
    if scheme in ("udp", "tcp"):
        return StreamLink(engine, state, now, Framed())
    made: Stream = lazy.transport(scheme)(engine, state, now)
    return made
