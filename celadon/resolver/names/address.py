"""IP addresses as text: every literal form, IPv4-mapped ones, and the names for their reverse lookup."""

from __future__ import annotations

import _socket

AF_INET, AF_INET6 = int(_socket.AF_INET), int(_socket.AF_INET6)


def normal(address: str) -> tuple[int, str] | None:
    """Family and canonical text of an address literal, a scope id kept; None for anything else."""
    plain, percent, scope = address.partition("%")
    family = AF_INET6 if ":" in plain else AF_INET
    try:
        if family == AF_INET and not percent:
            _socket.inet_pton(family, plain)  # takes one way to write it only
            return family, plain
        return family, _socket.inet_ntop(family, _socket.inet_pton(family, plain)) + percent + scope
    except (OSError, ValueError):
        return None


V4_BITS, V6_BITS = 32, 128
# Bound at import, so that a patched module is never asked.
_inet_aton, _inet_pton = _socket.inet_aton, _socket.inet_pton


def value_of(text: str | bytes) -> tuple[int, int] | None:
    """(bits, number) of an address in any form that libc takes: (32, …) or (128, …); None for what is a name.

    ``127.1``, ``0x7f.1``, ``0177.0.0.1`` and ``2130706433`` are addresses (inet_aton(3)); an IPv6 scope is dropped.
    """
    try:
        plain = text.decode("ascii") if isinstance(text, bytes) else text
        if ":" in plain:
            return V6_BITS, int.from_bytes(_inet_pton(_socket.AF_INET6, plain.partition("%")[0]), "big")
        if plain[:1].isdigit():
            return V4_BITS, int.from_bytes(_inet_aton(plain), "big")
    except (OSError, ValueError):
        return None
    return None


_DIGITS_DOTS = frozenset("0123456789.")


def digits_and_dots(name: str) -> bool:
    """What gethostbyname takes for an IPv4 address before it asks anybody."""
    return name[:1].isdigit() and name[-1] != "." and _DIGITS_DOTS.issuperset(name)


def unmapped(address: str) -> str:
    """The IPv4 address in an IPv4-mapped or -compatible one (RFC 4291 §2.5.5), as glibc's reverse lookup sees it."""
    if ":" not in address:
        return address
    packed = _socket.inet_pton(_socket.AF_INET6, address)
    compatible = packed[:12] == bytes(12) and packed[12:] != b"\0\0\0\1"
    if compatible or packed[:12] == bytes(10) + b"\xff\xff":
        return _socket.inet_ntop(_socket.AF_INET, packed[12:])
    return address


def reverse(address: str) -> str:
    """The name under which an address' PTR record stands (RFC 1035 §3.5, RFC 3596 §2.5)."""
    plain = address.partition("%")[0]
    if ":" not in plain:
        return ".".join(reversed(plain.split("."))) + ".in-addr.arpa"
    return ".".join(reversed(_socket.inet_pton(_socket.AF_INET6, plain).hex())) + ".ip6.arpa"
