"""Internationalised names: IDNA 2003 as the standard library's sockets do, or IDNA 2008 by choice (RFC 5891).

The 2008 way needs the ``idna`` package (the extra of that name). Lengths are looked at first: what cannot be a name
any more must not cost the time that its encoding would take.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..errors import ResolverUnavailable

_MAX = 1024  # characters, generously more than any encoding to 253 bytes can come from


def load(year: int) -> None:
    """See that this way of encoding can be had. ResolverUnavailable without its package."""
    if year != 2003:
        _library()


def _library() -> Any:
    try:
        return import_module("idna")
    except ImportError:
        raise ResolverUnavailable("IDNA 2008 needs the package idna: pip install 'celadon[idna]'") from None


def encode(name: str, year: int = 2003) -> bytes:
    """The name as libc gets it. UnicodeError, as of CPython's own sockets, for what has no such form."""
    name = name[:_MAX]  # no name is that long: what is left fails as the whole would
    if name.isascii() or year == 2003:
        return name.encode("idna")
    library = _library()
    try:
        made: bytes = library.encode(name, uts46=True)
    except library.IDNAError as error:
        raise UnicodeError(f"encoding with 'idna' 2008 failed: {error}") from None
    return made
