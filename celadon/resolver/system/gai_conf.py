"""gai.conf: the tables for ordering addresses (gai.conf(5), RFC 6724)."""

from __future__ import annotations

import _socket
import re
from collections.abc import Sequence
from typing import NamedTuple

from ..frozen import frozen

Table = tuple[tuple[int, int, int], ...]  # (prefix, its length, value), longest first
MAPPED = 0xFFFF << 32


def table(rows: Sequence[tuple[str, int, int]]) -> Table:
    """Rows of (IPv6 prefix, length, value) as numbers, longest prefix first; equal lengths in the order given."""
    made = [
        (int.from_bytes(_socket.inet_pton(_socket.AF_INET6, prefix), "big"), size, value)
        for prefix, size, value in rows
    ]
    return tuple(sorted(made, key=lambda row: -row[1]))


# RFC 6724 §2.1 as glibc 2.36 ships it.
_PRECEDENCE = table([("::1", 128, 50), ("2002::", 16, 30), ("::", 96, 20), ("::ffff:0:0", 96, 10), ("::", 0, 40)])
_LABEL = table(
    [
        ("::1", 128, 0),
        ("2002::", 16, 2),
        ("::", 96, 3),
        ("::ffff:0:0", 96, 4),
        ("fec0::", 10, 5),
        ("fc00::", 7, 6),
        ("2001::", 32, 7),
        ("::", 0, 1),
    ]
)
_SCOPE4: Table = ((0xA9FE0000, 16, 2), (0x7F000000, 8, 2), (0, 0, 14))


class Rules(NamedTuple):
    """gai.conf's tables, or the built-in ones. ``scope4`` is over IPv4 numbers."""

    precedence: Table = _PRECEDENCE
    label: Table = _LABEL
    scope4: Table = _SCOPE4


@frozen
class Interface:
    """One address of the host: its ``prefix`` length in bits, and the ``index`` of its interface.

    ``deprecated`` is for rule 3 of RFC 6724, ``home`` for rule 4, ``native`` (False: a tunnel) for rule 7.
    """

    prefix: int
    deprecated: bool = False
    home: bool = False
    index: int = 0
    native: bool = True


_unsigned = re.compile(r"(?:\+?[0-9]+)?").fullmatch


def _number_to(text: str, most: int) -> int | None:
    """As strtoul(3), then a check of the range. An empty text is 0."""
    if _unsigned(text) is None:
        return None
    value = int(text or 0)
    return value if value <= most else None


def _prefix(text: str, mapped_only: bool = False) -> tuple[str, int] | None:
    """Prefix and length in bits; None if one is missing or broken."""
    address, slash, size = text.partition("/")
    bits = _number_to(size, 128)
    if not slash or bits is None:
        return None
    try:
        if ":" not in address:
            _socket.inet_pton(_socket.AF_INET, address)
            return (f"::ffff:{address}", 96 + bits) if mapped_only and bits <= 32 else None
        packed = _socket.inet_pton(_socket.AF_INET6, address)
    except (OSError, ValueError):
        return None
    if mapped_only and (bits < 96 or packed[:12] != bytes(10) + b"\xff\xff"):
        return None
    return address, bits


def parse_gai_conf(text: bytes) -> Rules:
    """See gai.conf(5). One line of a kind replaces the whole built-in table of that kind. Broken lines are ignored."""
    rows: dict[str, list[tuple[str, int, int]]] = {"precedence": [], "label": [], "scopev4": []}
    for raw in text.split(b"\n"):
        line = raw.partition(b"\0")[0].partition(b"#")[0]
        words = [one.decode("latin-1") for one in line.split()[:3]]
        if len(words) < 2 or words[0] not in rows:
            continue
        found = _prefix(words[1], words[0] == "scopev4")
        value = _number_to(words[2] if len(words) > 2 else "", 0x7FFFFFFF)
        if found is not None and value is not None:
            rows[words[0]].append((*found, value))

    def made(kind: str, default: int, built_in: Table) -> Table:
        if not rows[kind]:
            return built_in
        if not any(size == 0 for _, size, _ in rows[kind]):
            rows[kind].append(("::", 0, default))
        return table(rows[kind])

    scope4: Table = _SCOPE4
    if rows["scopev4"]:
        scope4 = tuple((prefix & 0xFFFFFFFF, size - 96, value) for prefix, size, value in table(rows["scopev4"]))
        if not any(size == 0 for _, size, _ in scope4):
            scope4 = (*scope4, (0, 0, 14))
    return Rules(made("precedence", 40, _PRECEDENCE), made("label", 1, _LABEL), scope4)
