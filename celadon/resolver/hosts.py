"""The hosts file as two dicts (hosts(5)): a block list of 100,000 lines costs a look-up, not a scan."""

from __future__ import annotations

import _socket
from dataclasses import dataclass, field

_AF_INET, _AF_INET6 = int(_socket.AF_INET), int(_socket.AF_INET6)


@dataclass(frozen=True, slots=True)
class Line:
    """One line: an address, the canonical name, its aliases."""

    family: int
    address: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hosts:
    """The lines by name (lower case) and by address, in the file's order."""

    by_name: dict[str, list[Line]] = field(default_factory=dict)
    by_address: dict[str, Line] = field(default_factory=dict)

    def find(self, name: str) -> list[Line]:
        """All lines that have ``name``, in any case."""
        return self.by_name.get(name.lower(), [])


def normal(address: str) -> tuple[int, str] | None:
    """Family and canonical text of an address literal, a scope id kept; None for anything else."""
    plain, percent, scope = address.partition("%")
    family = _AF_INET6 if ":" in plain else _AF_INET
    try:
        return family, _socket.inet_ntop(family, _socket.inet_pton(family, plain)) + percent + scope
    except (OSError, ValueError):
        return None


def parse_hosts(text: bytes) -> Hosts:
    """Every line that has an address and a name; comments and broken lines are passed over."""
    by_name: dict[str, list[Line]] = {}
    by_address: dict[str, Line] = {}
    for raw in text.decode("latin-1").split("\n"):
        words = raw.partition("#")[0].split()
        if len(words) < 2:
            continue
        found = normal(words[0])
        if found is None:
            continue
        line = Line(*found, tuple(words[1:]))
        by_address.setdefault(line.address, line)
        for name in dict.fromkeys(one.lower() for one in line.names):
            by_name.setdefault(name, []).append(line)
    return Hosts(by_name, by_address)
