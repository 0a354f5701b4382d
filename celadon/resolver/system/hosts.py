"""The hosts file as dicts (hosts(5)): a block list of 100,000 lines costs a look-up, not a scan.

As glibc's nss_files: inet_pton must accept the address, so no scope id and no ``127.1``. If only IPv4 is wanted,
``::1`` counts as 127.0.0.1, and an IPv4-mapped address as the IPv4 one.
"""

from __future__ import annotations

import gc
import re
from typing import NamedTuple

from ..frozen import field, frozen
from ..names.address import AF_INET, AF_INET6, normal


class Line(NamedTuple):
    """One line: an address, the canonical name, its aliases."""

    family: int
    address: str
    names: tuple[str, ...]

    def as_family(self, family: int) -> str | None:
        """The line's address if only this family is wanted; None if it has none of it."""
        if family == self.family:
            return self.address
        if family == AF_INET:
            if self.address == "::1":
                return "127.0.0.1"
            if self.address.startswith("::ffff:") and "." in self.address:
                return self.address[7:]
        return None


@frozen
class Hosts:
    """The lines by name (lower case) and by address, in the file's order. ``readable``: the file could be read."""

    by_name: dict[str, list[Line]] = field(default_factory=dict)
    by_address: dict[str, Line] = field(default_factory=dict)
    readable: bool = True

    def find(self, name: str) -> list[Line]:
        """All lines that have ``name``, in any case of its ASCII letters."""
        return self.by_name.get(name.lower() if name.isascii() else _lower(name), [])


def _lower(name: str) -> str:
    return name.encode("latin-1", "replace").lower().decode("latin-1")


def parse_hosts(text: bytes) -> Hosts:
    """Every line with an address. Comments and broken lines are ignored."""
    # Without garbage collection: it would scan all of a long file's lines again and again, a third of the time.
    collects = gc.isenabled()
    gc.disable()
    try:
        return _parse(text)
    finally:
        if collects:
            gc.enable()


def _parse(text: bytes) -> Hosts:
    by_name: dict[str, list[Line]] = {}
    by_address: dict[str, Line] = {}
    known: dict[bytes, tuple[int, str] | None] = {}  # a block list repeats one address a hundred thousand times
    if b"\0" in text:  # a C string, and so glibc's line, ends there
        text = re.sub(rb"\0[^\n]*", b"", text)
    for raw in text.split(b"\n"):
        words = (raw.partition(b"#")[0] if b"#" in raw else raw).split()
        if not words:
            continue
        if len(words) == 1:
            words.append(b"")  # to glibc, a line without names is one of the empty name
        literal = words[0]
        if literal in known:
            found = known[literal]
        else:
            found = known[literal] = None if b"%" in literal else normal(literal.decode("latin-1"))
        if found is None:
            continue
        family, address = found
        line = Line(family, address, tuple([one.decode("latin-1") for one in words[1:]]))
        by_address.setdefault(address, line)
        if family == AF_INET6:
            as_four = line.as_family(AF_INET)
            if as_four is not None:
                by_address.setdefault(as_four, line)
        if len(words) == 2:
            name = words[1].lower().decode("latin-1")
            if name in by_name:
                by_name[name].append(line)
            else:
                by_name[name] = [line]
        else:
            for lower in {one.lower(): None for one in words[1:]}:
                by_name.setdefault(lower.decode("latin-1"), []).append(line)
    return Hosts(by_name, by_address)
