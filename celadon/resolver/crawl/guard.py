"""Which addresses a crawler must not connect to: the guard against SSRF and DNS rebinding, as functions of addresses.

A name's owner decides what it resolves to, and a page's author where it redirects to. So a fetcher of other people's
URLs can be sent to the machine it runs on, to its neighbours, or to a cloud's metadata service. The guard judges
addresses only, in every form of a literal, and after the lookup: the address judged is the address connected to. It
refuses all that is not an address of the public Internet.

Sources: the IANA special-purpose address registries (RFC 6890 and its updates), RFC 4291, 6052 (NAT64), 3056 (6to4),
4380 (Teredo), 5214 (ISATAP), 2765 (SIIT); inet_aton(3) for the odd forms of IPv4.
"""

from __future__ import annotations

from _socket import AF_INET, AF_INET6, inet_ntop
from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from ..errors import Kind, ResolveError
from ..names.address import V4_BITS, value_of

_V4 = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared by a carrier's NAT",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "a cloud's own service",  # Azure's wire server: answers every virtual machine there
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "protocol assignments",
    "192.0.2.0/24": "documentation",
    "192.88.99.0/24": "6to4 relays",
    "192.168.0.0/16": "private",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
}
# Of IPv6 only 2000::/3 is global unicast (RFC 4291 §2.4); all else is refused, named here or not.
_V6 = {
    "::/128": "unspecified",
    "::1/128": "loopback",
    "64:ff9b:1::/48": "local NAT64",
    "100::/64": "discarded",
    "2001::/23": "protocol assignments",  # Teredo, benchmarking, overlay identifiers; no site has such an address
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",  # its relays are no more (RFC 7526)
    "3fff::/20": "documentation",
    "5f00::/16": "segment routing",
    "fc00::/7": "private",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}


class Network(NamedTuple):
    """A block of addresses: from ``first`` to ``last``, as numbers of ``bits`` bits; ``word`` says what it is."""

    bits: int
    first: int
    last: int
    word: str = ""


def network(text: str, word: str = "") -> Network:
    """``10.0.0.0/8``, ``fc00::/7`` or a single address as a Network. ValueError for anything else, host bits too."""
    address, slash, length = text.partition("/")
    value = value_of(address)
    if value is None or (slash and not (length.isascii() and length.isdigit() and int(length) <= value[0])):
        raise ValueError(f"{text!r} is neither a network such as 10.0.0.0/8 nor an address")
    bits, first = value
    size = 1 << (bits - int(length) if slash else 0)
    if first % size:
        whole = inet_ntop(AF_INET if bits == V4_BITS else AF_INET6, (first - first % size).to_bytes(bits // 8, "big"))
        raise ValueError(
            f"{text!r} has host bits set: write {whole}/{length} for the network, {address} for the address"
        )
    return Network(bits, first, first + size - 1, word)


class _Table:
    """Networks that do not overlap; searched by bisection."""

    __slots__ = ("_rows", "_starts")

    def __init__(self, networks: Iterable[Network]) -> None:
        self._rows = sorted(networks)
        self._starts = [(one.bits, one.first) for one in self._rows]

    def find(self, value: tuple[int, int]) -> Network | None:
        at = bisect_right(self._starts, value) - 1
        if at < 0:
            return None
        row = self._rows[at]
        return row if row.bits == value[0] and value[1] <= row.last else None


_SPECIAL = _Table(network(text, word) for table in (_V4, _V6) for text, word in table.items())
_GLOBAL = network("2000::/3")
_LOW32 = 0xFFFF_FFFF


def _low(number: int) -> int:
    return number & _LOW32


def _turned(number: int) -> int:
    return ~number & _LOW32


def _at64(number: int) -> int:
    return number >> 64 & _LOW32


def _at80(number: int) -> int:
    return number >> 80 & _LOW32


# Prefixes under which an IPv6 address carries an IPv4 one, to which a translator or a tunnel takes the packets.
_CARRIERS = (
    (network("::ffff:0:0/96", "IPv4-mapped"), (_low,)),
    (network("::ffff:0:0:0/96", "IPv4-translated"), (_low,)),
    (network("::/96", "IPv4-compatible"), (_low,)),
    (network("64:ff9b::/96", "NAT64"), (_low,)),
    (network("2002::/16", "6to4"), (_at80,)),
    # Teredo: the server in the clear, the client with all its bits turned over (RFC 4380 §4).
    (network("2001::/32", "Teredo"), (_at64, _turned)),
)
# What these carry is reached like the IPv4 address itself; under the others, even a public one is not a site's address.
_TRANSLATED = frozenset(("IPv4-mapped", "IPv4-translated", "NAT64"))
# RFC 5214 §6.1: with the universal bit, and without.
_ISATAP = frozenset((0x0000_5EFE, 0x0200_5EFE))


def carried(number: int) -> tuple[str, tuple[int, ...]] | None:
    """The IPv4 addresses that an IPv6 address carries, and the mechanism; None if it carries none."""
    for prefix, parts in _CARRIERS:
        if prefix.first <= number <= prefix.last and number > 1:  # :: and ::1 are themselves
            return prefix.word, tuple(part(number) for part in parts)
    if number >> 32 & _LOW32 in _ISATAP:
        return "ISATAP", (number & _LOW32,)
    return None


class BlockedAddress(ResolveError):
    """The guard refused a lookup or a connect: ``socket.gaierror`` with EAI_FAIL, kind BLOCKED.

    Another try is useless. ``name`` is what was asked for; ``detail`` names the refused addresses and the reasons.
    """


class Guard:
    """Judges addresses: ``allow`` passes, then ``block`` is refused, then only the public Internet passes.

    Both are networks (``10.1.2.0/24``) or addresses. An IPv6 address that carries an IPv4 one (mapped, NAT64, 6to4,
    Teredo, ISATAP) is judged by what it carries as well. Immutable; safe for any number of threads. ValueError
    for what is no network.
    """

    __slots__ = ("_allow", "_block")

    def __init__(self, allow: Iterable[str] = (), block: Iterable[str] = ()) -> None:
        self._allow = tuple(network(one) for one in ((allow,) if isinstance(allow, str) else allow))
        self._block = tuple(network(one, "blocked here") for one in ((block,) if isinstance(block, str) else block))

    def reason(self, address: str | bytes) -> str | None:
        """Why an address is refused, in a few words; None if it is allowed, or if the text is a name."""
        value = value_of(address)
        return None if value is None else self._reason(value)

    def _reason(self, value: tuple[int, int]) -> str | None:
        for one in self._allow:
            if one.bits == value[0] and one.first <= value[1] <= one.last:
                return None
        for one in self._block:
            if one.bits == value[0] and one.first <= value[1] <= one.last:
                return one.word
        if value[0] == V4_BITS:
            special = _SPECIAL.find(value)
            return special.word if special is not None else None
        inside = carried(value[1])
        if inside is not None:
            means, addresses = inside
            for one_inside in addresses:
                word = self._reason((V4_BITS, one_inside))
                if word is not None:
                    return f"{word}, {means}"
            if means in _TRANSLATED:
                return None
        special = _SPECIAL.find(value)
        if special is not None:
            return special.word
        return None if _GLOBAL.first <= value[1] <= _GLOBAL.last else "not global unicast"

    def refusal(self, name: str | bytes, refused: Iterable[str]) -> BlockedAddress:
        """The error for ``name`` whose addresses were refused."""
        shown = name.decode("latin-1") if isinstance(name, bytes) else name
        detail = ", ".join(f"{one} is {self.reason(one)}" for one in refused)
        return BlockedAddress(Kind.BLOCKED, shown, detail=f"refused by the guard: {detail}")
