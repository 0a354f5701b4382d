"""What the options of `celadon serve` and `celadon proxy` may be; ValueError says what was wanted."""

from __future__ import annotations


def count(text: str) -> int:
    """A whole number, at least 1."""
    found = int(text)
    if found < 1:
        raise ValueError("a whole number, at least 1")
    return found


def seconds(text: str) -> float:
    """A number of seconds, more than 0 and not infinite."""
    found = float(text)
    if not 0 < found < float("inf"):
        raise ValueError("a number of seconds, more than 0")
    return found


def octal(text: str) -> int:
    """A file's mode, such as 660."""
    try:
        found = int(text, 8)
    except ValueError:
        found = -1
    if not 0 <= found <= 0o777:
        raise ValueError("in octal digits, such as 660")
    return found


__all__ = ["count", "octal", "seconds"]
