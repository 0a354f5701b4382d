"""Addresses that a program gives for a host, in the place of what DNS says."""

from __future__ import annotations

import _socket
from collections import Counter
from collections.abc import Iterable
from typing import Any

from ..errors import Kind, ResolveError
from ..model import AddrInfo
from ..names.address import value_of
from .guard import network
from .values import plain_name

_numeric: Any = _socket.getaddrinfo
_NUMERICHOST, _CANONNAME = _socket.AI_NUMERICHOST, _socket.AI_CANONNAME


class Pinned(str):
    """An address that came out of a lookup of a pinned host.

    The guard lets this object pass, and not another text that says the same: a pin opens an address to its host alone.
    """

    __slots__ = ()


class Pins:
    """Hosts, and the address literals that each is pinned to."""

    def __init__(self) -> None:
        self._hosts: dict[str, tuple[str, ...]] = {}
        self._values: Counter[tuple[int, int]] = Counter()

    def of(self, host: str | bytes | None) -> tuple[str, ...] | None:
        """The addresses of a host; None if it is not pinned. ResolveError for what IDNA cannot encode."""
        if not self._hosts or not isinstance(host, str | bytes):
            return None
        if isinstance(host, Pinned):
            return (host,) if host in self else None
        return self._hosts.get(plain_name(host))

    def __contains__(self, address: str) -> bool:
        """True if a lookup of a pinned host gave this object, and the pin is still there."""
        return isinstance(address, Pinned) and value_of(address) in self._values

    def pin(self, host: str, addresses: Iterable[str]) -> None:
        """Pin a host, in place of a pin that it has. ValueError for no address, a network, or a name."""
        given = (addresses,) if isinstance(addresses, str) else tuple(addresses)
        if not given:
            raise ValueError(f"no address to pin {host!r} to")
        blocks = [network(one) for one in given]
        if any(one.first != one.last for one in blocks):
            raise ValueError(f"{host!r} can be pinned to addresses only, not to networks")
        self.unpin(host)
        self._hosts[plain_name(host)] = given
        self._values.update((one.bits, one.first) for one in blocks)

    def unpin(self, host: str) -> None:
        """Take a host's pin away; nothing happens if it has none."""
        for one in self._hosts.pop(plain_name(host), ()):
            value = value_of(one)
            if value is not None:
                self._values[value] -= 1
                if not self._values[value]:
                    del self._values[value]


def rows(
    host: str | bytes, addresses: tuple[str, ...], port: Any, family: int, type: int, proto: int, flags: int
) -> list[AddrInfo]:
    """What getaddrinfo returns for a host that has these literals and no others. Its addresses are Pinned."""
    hints = flags & ~_CANONNAME | _NUMERICHOST
    found: list[AddrInfo] = []
    error: OSError | None = None
    for address in addresses:
        try:
            found += _numeric(address, port, family, type, proto, hints)
        except _socket.gaierror as failed:
            error = failed
            if failed.errno != _socket.EAI_ADDRFAMILY:
                raise
    if not found:
        raise ResolveError(Kind.NODATA, plain_name(host), detail=f"pinned to {', '.join(addresses)}") from error
    found = [(*row[:4], (Pinned(row[4][0]), *row[4][1:])) for row in found]
    if flags & _CANONNAME:
        found[0] = (*found[0][:3], plain_name(host), found[0][4])
    return found
