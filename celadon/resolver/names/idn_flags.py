"""What glibc's flags AI_IDN, AI_CANONIDN and NI_IDN do to names: libidn2, in the locale's encoding, as glibc itself.

CPython encodes a str itself (``idna``), so these flags matter for names given as bytes, and for names in results.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ... import late
from ..errors import Kind, ResolveError

ctypes: Any = late.module("ctypes")  # few ask for these flags
AI_IDN, AI_CANONIDN, NI_IDN = 0x40, 0x80, 0x20  # netdb.h
_EAI_IDN_ENCODE = -105


@lru_cache(maxsize=1)
def _library() -> Any:
    """libidn2; None if it is not installed."""
    try:
        library = ctypes.CDLL("libidn2.so.0")
        for name in ("idn2_lookup_ul", "idn2_to_unicode_lzlz"):
            getattr(library, name).argtypes = [ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p), ctypes.c_int]
        library.idn2_free.argtypes = [ctypes.c_void_p]
    except (OSError, AttributeError):
        return None
    return library


def _convert(function: str, name: bytes) -> bytes | None:
    library = _library()
    if library is None:
        return None
    made = ctypes.c_void_p()
    if getattr(library, function)(name, ctypes.byref(made), 0) or not made:
        return None
    try:
        found: bytes = ctypes.string_at(made.value or 0)
        return found
    finally:
        library.idn2_free(made)


def to_dns(name: bytes) -> bytes:
    """AI_IDN: the ASCII form of a name. ResolveError(EAI_IDN_ENCODE) if it has none."""
    made = None if b"\\" in name else _convert("idn2_lookup_ul", name)
    if made is None:
        text = name.decode("latin-1")
        raise ResolveError(Kind.ARGUMENT, text, code=_EAI_IDN_ENCODE)
    return made


def from_dns(name: str) -> str:
    """AI_CANONIDN, NI_IDN: the name in the locale's characters; unchanged if it has no such form."""
    made = _convert("idn2_to_unicode_lzlz", name.encode("latin-1"))
    return (name.encode("latin-1") if made is None else made).decode()
