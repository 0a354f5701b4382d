"""Names as text: what may be asked, in which order the search list is tried, and the names of addresses."""

from __future__ import annotations

import _socket

from .errors import Kind, ResolveError
from .model import Config

_LEGAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def to_ascii(name: str) -> str:
    """IDNA 2003, as the standard library's sockets do. ResolveError(ILLEGAL) for what has no such form."""
    if "\0" in name:
        raise ResolveError(Kind.ILLEGAL, name, detail="an embedded null character")
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ResolveError(Kind.ILLEGAL, name, detail=str(error)) from None


def is_hostname(name: str) -> bool:
    """What glibc takes for a host's name (res_hnok): letters, digits, ``-``, ``_``; no empty or overlong label."""
    bare = name.removesuffix(".")
    if not bare or len(bare) > 253 or bare[0] == "-" or not _LEGAL.issuperset(bare):
        return False
    return all(0 < len(label) <= 63 for label in bare.split("."))


def candidates(name: str, config: Config) -> list[str]:
    """The absolute names to ask for, in order (resolv.conf(5), ndots and search); each without final dot."""
    if name.endswith("."):
        return [name[:-1]]
    if not config.search:
        return [name]
    searched = [f"{name}.{domain}" for domain in config.search]
    return [name, *searched] if name.count(".") >= config.ndots else [*searched, name]


def special(name: str) -> str | None:
    """``loopback`` or ``nothing`` for the names that never reach DNS (RFC 6761 §6.3 and §6.4, RFC 7686); else None."""
    last = name.removesuffix(".").lower().rpartition(".")[2]
    bare = name.removesuffix(".").lower()
    if last == "localhost" and (bare != "localhost" or name.endswith(".")):
        return "loopback"
    return "nothing" if last in ("invalid", "onion") else None


def reverse(address: str) -> str:
    """The name under which an address' PTR record stands (RFC 1035 §3.5, RFC 3596 §2.5)."""
    plain = address.partition("%")[0]
    if ":" not in plain:
        return ".".join(reversed(plain.split("."))) + ".in-addr.arpa"
    return ".".join(reversed(_socket.inet_pton(_socket.AF_INET6, plain).hex())) + ".ip6.arpa"
