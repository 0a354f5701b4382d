"""Internationalised names: IDNA 2003 as the standard library's sockets do, or IDNA 2008 by choice (RFC 5891).

IDNA 2008 needs the ``idna`` package (the extra of that name). Names are cut before they are encoded, because encoding
takes more than linear time, and a name that long fails anyhow.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..errors import ResolverUnavailable

_MAX = 1024  # characters; far more than fit into 253 bytes in any encoding


def load(year: int) -> None:
    """Import what this year's encoding needs. ResolverUnavailable if the package is missing."""
    if year != 2003:
        _library()


def _library() -> Any:
    try:
        return import_module("idna")
    except ImportError:
        raise ResolverUnavailable("IDNA 2008 needs the package idna: pip install 'celadon[idna]'") from None


def encode(name: str, year: int = 2003) -> bytes:
    """The name in ASCII. UnicodeError, as from CPython's own sockets, if it has no such form."""
    name = name[:_MAX]  # the cut name is still too long, and fails as the whole would
    if name.isascii() or year == 2003:
        return name.encode("idna")
    library = _library()
    try:
        made: bytes = library.encode(name, uts46=True)
    except library.IDNAError as error:
        raise UnicodeError(f"encoding with 'idna' 2008 failed: {error}") from None
    return made
