"""The owners of a zone file (RFC 1035 §5), line by line, for zones of any size. Pure."""

from __future__ import annotations

import re

#: Words of a line: quoted strings, parentheses, anything else; a comment ends it.
_word = re.compile(r'"(?:[^"\\]|\\.)*"|[()]|;.*|[^\s();"]+').findall
_CLASSES = frozenset(("IN", "CH", "HS", "CS"))
_SECONDS = re.compile(r"(?:\d+[smhdwSMHDW]?)+").fullmatch
#: Records that say nothing of a name that is asked for: signatures, and hashes of names.
_PASSED = frozenset(("RRSIG", "SIG", "NSEC3", "NSEC3PARAM"))


class ZoneLines:
    """Gives each owner once in a row. Knows $ORIGIN, $TTL, ``@``, owners left out, parentheses and comments."""

    def __init__(self, origin: str = "") -> None:
        self._origin = origin.rstrip(".")
        self._owner = ""
        self._given: str | None = None
        self._open = 0

    def owner(self, line: str) -> str:
        """The owner of the record that begins in this line; empty for no record, or the owner before."""
        words = [one for one in _word(line) if not one.startswith(";")]
        inside, depth = self._open > 0, self._open
        for one in words:
            depth += (one == "(") - (one == ")")
        self._open = max(depth, 0)
        if inside or not words:
            return ""
        if words[0].upper() == "$ORIGIN" and len(words) > 1:
            self._origin = self._whole(words[1])
        if words[0].startswith("$"):
            return ""
        if not line[:1].isspace():
            self._owner = self._whole(words.pop(0))
        while words and (words[0].upper() in _CLASSES or _SECONDS(words[0])):
            words.pop(0)
        if not words or words[0].upper() in _PASSED or self._owner == self._given:
            return ""
        self._given = self._owner
        return self._owner or "."

    def _whole(self, name: str) -> str:
        if name == "@":
            return self._origin
        if name.endswith(".") and not name.endswith("\\."):
            return name[:-1]
        return f"{name}.{self._origin}" if self._origin else name
