"""Record types by name or number."""

from __future__ import annotations

from ..errors import ResolverConfigError
from ..model import RRType

_NUMBERS = {name: int(one) for name, one in RRType.__members__.items()}
_TRANSFERS = frozenset((int(RRType.AXFR), int(RRType.IXFR)))
#: As most programs write them: what needs no look at each letter.
_PLAIN = {name: number for name, number in _NUMBERS.items() if number not in _TRANSFERS}


def parse_type(rdtype: str | int) -> int:
    """A record type's number, from a mnemonic (``"MX"``), ``"TYPE123"`` or a number. Raises ResolverConfigError."""
    if rdtype.__class__ is str and (known := _PLAIN.get(rdtype)) is not None:
        return known
    number = -1
    if isinstance(rdtype, int):
        number = int(rdtype)
    else:
        word = rdtype.upper()
        if word in _NUMBERS:
            number = _NUMBERS[word]
        elif word.startswith("TYPE") and word[4:].isascii() and word[4:].isdigit():
            number = int(word[4:])
    if not 0 <= number <= 0xFFFF:
        raise ResolverConfigError(f"unknown record type {rdtype!r}: give a mnemonic, TYPE123 or a number up to 65535")
    if number in _TRANSFERS:
        raise ResolverConfigError(f"{rdtype} asks for a zone transfer: use the command, resolve ZONE {rdtype}")
    return number
