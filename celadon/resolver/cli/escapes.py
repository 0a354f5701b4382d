r"""What others wrote, made safe to show: one line, no terminal's commands, no lone surrogates.

Servers choose the texts of extended errors, names and certificates; lists of names are written by anybody. In all of
them a character that does not print becomes its UTF-8 bytes as ``\DDD`` (RFC 4343 §2.1), a byte that is no UTF-8 as
well. JSON needs no more than ``strict``, since it escapes the rest itself.
"""

from __future__ import annotations

import codecs

_MOST = 255  # octets of a name (RFC 1035 §2.3.4), and of anything else that is only echoed


def _surrogate(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "".join(map(_octets, error.object[error.start : error.end])), error.end


def _octets(char: str) -> str:
    code = ord(char)
    raw = bytes((code - 0xDC00,)) if 0xDC80 <= code <= 0xDCFF else char.encode("utf-8", "surrogatepass")
    return "".join([f"\\{byte:03d}" for byte in raw])


codecs.register_error("celadon.octets", _surrogate)


def strict(text: str) -> str:
    r"""Text that any UTF-8 stream and strict JSON reader takes: lone surrogates as ``\DDD``."""
    return text if text.isascii() else text.encode("utf-8", "celadon.octets").decode()


def printable(text: str) -> str:
    """Text that only prints: no control or format character, no line or paragraph end, no lone surrogate."""
    if text.isprintable():
        return text
    return "".join([one if one.isprintable() else _octets(one) for one in text])


def clipped(text: str) -> str:
    """Printable text of at most 255 octets; ``...`` stands for the rest."""
    text = printable(text[: _MOST + 1])
    raw = text.encode()
    return text if len(raw) <= _MOST else raw[: _MOST - 3].decode("utf-8", "ignore") + "..."
