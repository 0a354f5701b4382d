"""Clients behind a proxy that speaks the PROXY protocol: whose word is believed, and reading it from a socket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from ...hub import fail_after
from .proxy_protocol import ProxyHeader, ProxyProtocolError, parse, wanted


class ProxiedAddress(tuple[Any, ...]):
    """A client's address as its proxy said it, an ordinary address tuple; ``header`` is all that the proxy said."""

    header: ProxyHeader


@dataclass(frozen=True)
class Trusted:
    """Peers whose word is believed: addresses and networks, or "*" for everybody. ValueError for what is neither.

    Peers on a Unix socket are trusted: the rights of its file say who they may be.
    """

    peers: Sequence[str] = ("127.0.0.0/8", "::1")
    _networks: tuple[IPv4Network | IPv6Network, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.peers, str):
            raise TypeError(f"trusted peers are a sequence of texts, not one text: {self.peers!r}")
        networks = tuple(ip_network(one) for one in self.peers if one != "*")
        object.__setattr__(self, "_networks", networks)

    def __contains__(self, peer: object) -> bool:
        """Whether a peer, by its address as ``accept`` gives it, is trusted."""
        if not isinstance(peer, tuple) or "*" in self.peers:
            return True
        address = ip_address(str(peer[0]).partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        return any(one in network for one in (address, mapped) if one is not None for network in self._networks)


@dataclass(frozen=True)
class ProxyProtocol:
    """That a server's connections begin with a PROXY header; each must, and only trusted peers may connect."""

    trusted: Trusted = Trusted()
    #: Seconds that the header may take.
    timeout: float = 5.0

    def client_of(self, connection: Any, peer: Any) -> Any:
        """Read the header of a new connection; returns the client's address: ``peer`` if it is the proxy itself.

        ProxyProtocolError for a wrong header or a peer that is not trusted, OSError (TimeoutError) if none comes.
        """
        if peer not in self.trusted:
            raise ProxyProtocolError("this is no trusted proxy")
        data = b""
        with fail_after(self.timeout):
            while size := wanted(data):
                more = connection.recv(size)
                if not more:
                    raise ProxyProtocolError(f"the connection ended after {data!r}")
                data += more
        header = parse(data)
        if header.source is None:
            return peer
        if isinstance(header.source, bytes):
            return header.source.decode("utf-8", "surrogateescape")
        address = ProxiedAddress(header.source)
        address.header = header
        return address


__all__ = ["ProxiedAddress", "ProxyProtocol", "Trusted"]
