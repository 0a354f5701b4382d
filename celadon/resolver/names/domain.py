"""Domain names as text: which are legal, which are special, and their ASCII form."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..errors import Kind, ResolveError
from .idna import encode

#: A match if glibc takes it for a host's name (res_hnok), unless it is too long.
legal: Callable[[str], re.Match[str] | None] = re.compile(
    r"(?!-)(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?"
).fullmatch
_labels = re.compile(r"(?:[^.]{1,63}\.)*[^.]{1,63}").fullmatch  # RFC 1035 §2.3.4
#: Top-level domains that never reach DNS, and what they are.
SPECIAL = {"localhost": "loopback", "invalid": "nothing", "onion": "nothing"}
MAX_NAME = 253  # RFC 1035 §2.3.4, in text and without final dot


def to_ascii(name: str, year: int = 2003) -> str:
    """The name in ASCII, by IDNA 2003 as the standard library, or 2008. ResolveError(ILLEGAL) if it has none."""
    if "\0" in name:
        raise ResolveError(Kind.ILLEGAL, name, detail="it has a null character in it")
    if name.isascii():
        return name
    try:
        return encode(name, year).decode("ascii")
    except UnicodeError as error:
        raise ResolveError(Kind.ILLEGAL, name, detail=f"it has no IDNA form: {error}") from None


def fits(name: str) -> bool:
    """Whether a name without final dot fits a DNS message: labels of 1 to 63 bytes, at most 253 characters."""
    if "\\" in name:
        return _fits_escaped(name)
    return not name or (len(name) <= MAX_NAME and _labels(name) is not None)


def _fits_escaped(name: str) -> bool:
    return not re.search(r"(?<!\\)(\\\\)*\\$", name) and fits(re.sub(r"\\(\d\d\d|.)", "x", name))


def is_hostname(name: str) -> bool:
    """Whether glibc takes it for a host's name (res_hnok): letters, digits, ``-``, ``_``; labels of 1 to 63."""
    return legal(name) is not None and len(name) <= MAX_NAME + (name[-1] == ".")


def escaped(name: str) -> str:
    """A name of any bytes (as Latin-1) in presentation form (RFC 4343 §2.1)."""
    return "".join([one if " " < one <= "~" else f"\\{ord(one):03d}" for one in name])


def special(name: str) -> str | None:
    """``loopback`` or ``nothing`` for names that never reach DNS (RFC 6761 §6.3 and §6.4, RFC 7686); else None."""
    bare = name.removesuffix(".").lower()
    if bare == "localhost" and not name.endswith("."):
        return None
    return SPECIAL.get(bare.rpartition(".")[2])
