"""Destination address selection, RFC 6724 §6, as glibc does it without a gai.conf of one's own (gai.conf(5))."""

from __future__ import annotations

import _socket
from functools import cmp_to_key

# (prefix, length, precedence) and (prefix, length, label): RFC 6724 §2.1 as glibc 2.36 ships it.
_PRECEDENCE = [("::1", 128, 50), ("::", 0, 40), ("2002::", 16, 30), ("::", 96, 20), ("::ffff:0:0", 96, 10)]
_LABEL = [
    ("::1", 128, 0),
    ("::", 0, 1),
    ("2002::", 16, 2),
    ("::", 96, 3),
    ("::ffff:0:0", 96, 4),
    ("fec0::", 10, 5),
    ("fc00::", 7, 6),
    ("2001::", 32, 7),
]


def _table(rows: list[tuple[str, int, int]]) -> list[tuple[int, int, int]]:
    made = [
        (int.from_bytes(_socket.inet_pton(_socket.AF_INET6, prefix), "big"), size, value)
        for prefix, size, value in rows
    ]
    return sorted(made, key=lambda row: -row[1])


_PRECEDENCES, _LABELS = _table(_PRECEDENCE), _table(_LABEL)


def _number(address: str) -> int:
    plain = address.partition("%")[0]
    if ":" in plain:
        return int.from_bytes(_socket.inet_pton(_socket.AF_INET6, plain), "big")
    return 0xFFFF << 32 | int.from_bytes(_socket.inet_pton(_socket.AF_INET, plain), "big")


def _match(table: list[tuple[int, int, int]], number: int) -> int:
    for prefix, size, value in table:
        if (number ^ prefix) >> (128 - size) == 0:
            return value
    return 0


def _scope(number: int) -> int:
    if number >> 32 == 0xFFFF:
        v4 = number & 0xFFFFFFFF
        return 2 if v4 >> 24 == 127 or v4 >> 16 == 0xA9FE else 14
    top = number >> 112
    if top >> 8 == 0xFF:
        return top & 15
    if top & 0xFFC0 == 0xFE80 or number == 1:
        return 2
    return 5 if top & 0xFFC0 == 0xFEC0 else 14


def order(addresses: list[str], sources: list[str | None]) -> list[str]:
    """The addresses, best first; ``sources`` are what the kernel would send from, None where it cannot. Stable."""
    rows = []
    for address, source in zip(addresses, sources, strict=True):
        number = _number(address)
        mine = None if source is None else _number(source)
        rows.append((address, number, mine))

    def compare(a: tuple[str, int, int | None], b: tuple[str, int, int | None]) -> int:
        (_, dest_a, source_a), (_, dest_b, source_b) = a, b
        if (source_a is None) != (source_b is None):  # rule 1
            return 1 if source_a is None else -1
        if source_a is not None and source_b is not None:
            scope_a, scope_b = _scope(dest_a) == _scope(source_a), _scope(dest_b) == _scope(source_b)
            if scope_a != scope_b:  # rule 2
                return -1 if scope_a else 1
            label_a = _match(_LABELS, dest_a) == _match(_LABELS, source_a)
            label_b = _match(_LABELS, dest_b) == _match(_LABELS, source_b)
            if label_a != label_b:  # rule 5
                return -1 if label_a else 1
        by_rank = _match(_PRECEDENCES, dest_b) - _match(_PRECEDENCES, dest_a)  # rule 6
        if by_rank:
            return by_rank
        by_scope = _scope(dest_a) - _scope(dest_b)  # rule 8
        if by_scope:
            return by_scope
        if source_a is not None and source_b is not None and dest_a >> 32 != 0xFFFF and dest_b >> 32 != 0xFFFF:
            return (dest_a ^ source_a).bit_length() - (dest_b ^ source_b).bit_length()  # rule 9
        return 0

    return [row[0] for row in sorted(rows, key=cmp_to_key(compare))]
