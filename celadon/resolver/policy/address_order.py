"""Destination address selection, RFC 6724 §6 as glibc does it, with gai.conf(5)'s tables.

glibc sorts one entry for each address, type and protocol with a merge sort (qsort_r). Its rules are not
transitive: rule 9 compares each address with its own source. So the order also depends on the algorithm, and this
module uses the same one.
"""

from __future__ import annotations

import _socket
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from ..model import SockAddr
from ..system.gai_conf import MAPPED, Interface, Rules, Table

T = TypeVar("T")

_INET = int(_socket.AF_INET)


_UNKNOWN = Interface(0, index=-1)


def _number(address: str) -> int:
    if ":" in address:
        return int.from_bytes(_socket.inet_pton(_socket.AF_INET6, address.partition("%")[0]), "big")
    return MAPPED | int.from_bytes(_socket.inet_pton(_socket.AF_INET, address), "big")


def _match(rows: Table, number: int, bits: int = 128) -> int:
    for prefix, size, value in rows:
        if (number ^ prefix) >> (bits - size) == 0:
            return value
    return 0


def _scope(rules: Rules, four: bool, number: int) -> int:
    if four:
        return _match(rules.scope4, number & 0xFFFFFFFF, 32)
    top = number >> 112
    if top >> 8 == 0xFF:
        return top & 15
    if top & 0xFFC0 == 0xFE80 or number == 1:
        return 2
    return 5 if top & 0xFFC0 == 0xFEC0 else 14


class _Row:
    """One destination, and everything that the rules compare."""

    __slots__ = ("four", "interface", "label", "number", "precedence", "same_label", "same_scope", "scope", "source")

    def __init__(self, address: str, source: str | None, rules: Rules, interfaces: Mapping[str, Interface]) -> None:
        self.four = ":" not in address
        self.number = number = _number(address)
        self.scope = _scope(rules, self.four, number)
        self.precedence = _match(rules.precedence, number)
        self.source: int | None = None
        self.interface = _UNKNOWN
        self.same_scope = self.same_label = False
        if source is not None:
            self.source = mine = _number(source)
            self.interface = interfaces.get(source, _UNKNOWN)
            self.same_scope = self.scope == _scope(rules, self.four, mine)
            self.same_label = _match(rules.label, number) == _match(rules.label, mine)


def _common(row: _Row) -> int:
    """Rule 9 for IPv4: the bits in common with the source; 0 outside the subnet of the source, as in glibc."""
    assert row.source is not None
    differ = (row.number ^ row.source) & 0xFFFFFFFF
    outside = 32 - (row.interface.prefix or 32)  # none known: glibc shifts by 32, which x86 and ARM take for 0
    return 32 - differ.bit_length() if differ >> outside == 0 else 0


def _less(a: _Row, b: _Row) -> bool:
    """Whether one of the rules puts ``a`` before ``b``. If none does, the order stays as it came (rule 10)."""
    if (a.source is None) != (b.source is None):  # rule 1
        return b.source is None
    reached = a.source is not None
    if reached:
        if a.same_scope != b.same_scope:  # rule 2
            return a.same_scope
        if a.interface.deprecated != b.interface.deprecated:  # rule 3
            return b.interface.deprecated
        if a.interface.home != b.interface.home:  # rule 4
            return a.interface.home
        if a.same_label != b.same_label:  # rule 5
            return a.same_label
    if a.precedence != b.precedence:  # rule 6
        return a.precedence > b.precedence
    if reached and a.interface.index != b.interface.index and a.interface.native != b.interface.native:  # rule 7
        return a.interface.native
    if a.scope != b.scope:  # rule 8
        return a.scope < b.scope
    if reached and a.four == b.four:  # rule 9
        if a.four:
            return _common(a) > _common(b)
        assert a.source is not None
        assert b.source is not None
        left, right = a.number ^ a.source, b.number ^ b.source
        for shift in (96, 64, 32, 0):
            one, other = left >> shift & 0xFFFFFFFF, right >> shift & 0xFFFFFFFF
            if one or other:
                return one.bit_length() < other.bit_length()
    return False


def _merge_sort(items: list[T], less: Callable[[T, T], bool]) -> list[T]:
    if len(items) < 2:
        return items
    half = len(items) // 2
    left, right = _merge_sort(items[:half], less), _merge_sort(items[half:], less)
    merged: list[T] = []
    i = j = 0
    while i < len(left) and j < len(right):
        if less(right[j], left[i]):
            merged.append(right[j])
            j += 1
        else:
            merged.append(left[i])
            i += 1
    return merged + left[i:] + right[j:]


def order(
    addresses: Sequence[str],
    sources: Sequence[str | None],
    times: int = 1,
    rules: Rules | None = None,
    interfaces: Mapping[str, Interface] | None = None,
) -> list[tuple[int, int]]:
    """All entries in their order, each as (index of the address, which of its ``times`` entries).

    ``sources`` are the addresses that the kernel would send from, None where there is no route.
    """
    known: dict[str, _Row] = {}
    rows = []
    for address, source in zip(addresses, sources, strict=True):
        row = known.get(address)
        if row is None:
            row = known[address] = _Row(address, source, rules or Rules(), interfaces or {})
        rows.append(row)
    entries = [(index, entry, row) for index, row in enumerate(rows) for entry in range(times)]
    ordered = _merge_sort(entries, lambda a, b: _less(a[2], b[2]))
    return [(index, entry) for index, entry, _ in ordered]


def destination(address: str) -> SockAddr:
    """The address as a socket address without port."""
    return (address, 0, 0, 0) if ":" in address else (address, 0)
