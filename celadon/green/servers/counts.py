"""What a server has done so far, as numbers."""

from __future__ import annotations

from typing import NamedTuple


class ServerStatistics(NamedTuple):
    """A server's counts since it was made. ``active`` and ``opening`` are how many there are now."""

    #: Connections that were accepted, or datagrams that were read.
    accepted: int = 0
    #: Those whose handler has ended, in whatever way.
    handled: int = 0
    #: Those whose handler runs, or will as soon as its greenlet does.
    active: int = 0
    #: Connections in their TLS handshake or PROXY header, or after it without a place in the pool yet.
    opening: int = 0
    #: TLS handshakes that failed, were too slow, or gave way to newer ones.
    failed_handshakes: int = 0
    #: Connections that were closed for their PROXY header: none, a wrong one, or from a peer that is not trusted.
    refused: int = 0
    #: Errors of ``accept`` that the server has survived.
    errors: int = 0


__all__ = ["ServerStatistics"]
