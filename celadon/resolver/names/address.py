"""IP addresses as text: every literal form, IPv4-mapped ones, and the names for their reverse lookup."""

from __future__ import annotations

import _socket

AF_INET, AF_INET6 = int(_socket.AF_INET), int(_socket.AF_INET6)


V4_BITS, V6_BITS = 32, 128
# Bound at import, so that a patched module is never asked.
_inet_aton, _inet_pton, _inet_ntop = _socket.inet_aton, _socket.inet_pton, _socket.inet_ntop


def _packed(text: str) -> tuple[int, bytes, str] | None:
    """Family, bytes and scope (``%eth0``, or nothing) of a literal in the form of inet_pton(3); None for the others."""
    plain, percent, scope = text.partition("%")
    family = AF_INET6 if ":" in plain else AF_INET
    if percent and (family == AF_INET or not scope):
        return None  # only IPv6 has scopes (RFC 4007 §11)
    try:
        return family, _inet_pton(family, plain), percent + scope
    except (OSError, ValueError):
        return None


def normal(text: str) -> tuple[int, str] | None:
    """Family and canonical text of an address literal, a scope kept; None for what inet_pton(3) does not take."""
    found = _packed(text)
    if found is None:
        return None
    family, packed, scope = found
    return family, text if family == AF_INET else _inet_ntop(family, packed) + scope  # IPv4 has one way to be written


def value_of(text: str | bytes | bytearray | memoryview) -> tuple[int, int] | None:
    """(bits, number) of an address in any form that getaddrinfo(3) takes: (32, …) or (128, …); None for a name.

    ``127.1``, ``0x7f.1``, ``0177.0.0.1`` and ``2130706433`` are addresses (inet_aton(3)); an IPv6 scope is dropped.
    """
    plain = text if isinstance(text, str) else str(text, "latin-1")
    if ":" in plain:
        found = _packed(plain)
        return None if found is None else (V6_BITS, int.from_bytes(found[1], "big"))
    # inet_aton takes anything behind white space, which getaddrinfo does not.
    if plain[:1].isdigit() and len(plain.split(None, 1)[0]) == len(plain):
        try:
            return V4_BITS, int.from_bytes(_inet_aton(plain), "big")
        except (OSError, ValueError):
            return None
    return None


_DIGITS_DOTS = frozenset("0123456789.")


def digits_and_dots(name: str) -> bool:
    """Whether gethostbyname takes the name for an IPv4 address, so that it asks no source (digits_dots.c)."""
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
    """The name that holds an address' PTR record (RFC 1035 §3.5, RFC 3596 §2.5)."""
    plain = address.partition("%")[0]
    if ":" not in plain:
        return ".".join(reversed(plain.split("."))) + ".in-addr.arpa"
    return ".".join(reversed(_socket.inet_pton(_socket.AF_INET6, plain).hex())) + ".ip6.arpa"
