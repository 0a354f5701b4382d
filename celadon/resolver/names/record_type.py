"""Record types by name or number."""

from __future__ import annotations

from ..errors import ResolverConfigError
from ..model import RRType


def parse_type(rdtype: str | int) -> int:
    """A record type's number from its mnemonic, ``TYPE123`` or itself. Raises ResolverConfigError."""
    number = -1
    if isinstance(rdtype, int):
        number = int(rdtype)
    else:
        word = rdtype.upper()
        if word in RRType.__members__:
            number = int(RRType[word])
        elif word.startswith("TYPE") and word[4:].isascii() and word[4:].isdigit():
            number = int(word[4:])
    if not 0 <= number <= 0xFFFF:
        raise ResolverConfigError(f"unknown record type {rdtype!r}")
    if number in (RRType.AXFR, RRType.IXFR):
        raise ResolverConfigError(f"{rdtype} is a zone transfer and no question (RFC 5936); dig can do that")
    return number
