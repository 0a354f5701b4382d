"""The listening sockets of a master: bound by it, or taken over from the one that has started it (SIGUSR2).

A master hands its sockets on by number, with what they are for, in an environment variable. The next one binds only
what is not there, so no connection is lost in between: those that wait in a socket's queue stay there.
"""

from __future__ import annotations

import json
import os
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...socket import socket
from .. import unix_path
from ..inherited import from_fd
from ..listeners import Listener, listen, parse_address

VARIABLE = "CELADON_PREFORK"


@dataclass(frozen=True)
class Left:
    """What another master has left to this one: its pid, and its sockets' numbers by their names."""

    master: int
    fds: dict[str, int]

    def written(self) -> str:
        """The value of the variable."""
        return json.dumps({"master": self.master, "fds": self.fds})


def left(environ: MutableMapping[str, str], parent: int) -> Left | None:
    """Take the variable out of ``environ``; None if there is none, or it was not our ``parent`` that wrote it."""
    text = environ.pop(VARIABLE, "")
    if not text:
        return None
    found = json.loads(text)
    made = Left(int(found["master"]), {str(name): int(fd) for name, fd in found["fds"].items()})
    return made if made.master == parent else None


@dataclass
class Sockets:
    """The sockets of all addresses. With ``reuse_port`` each slot has its own, else all share one for each address."""

    addresses: Sequence[Listener]
    reuse_port: bool = False
    backlog: int = 256
    unix_mode: int | None = None
    _inherited: dict[str, int] = field(default_factory=dict)
    _open: dict[str, socket] = field(default_factory=dict)
    _places: list[unix_path.Place] = field(default_factory=list)

    def inherit(self, fds: dict[str, int]) -> None:
        """Use these in place of new ones."""
        self._inherited.update(fds)

    def of(self, slot: int) -> list[socket]:
        """The sockets for the worker in a slot, in the order of the addresses. OSError if one cannot be bound."""
        return [self._one(number, address, slot) for number, address in enumerate(self.addresses)]

    def _one(self, number: int, address: Listener, slot: int) -> socket:
        family, parsed = (0, None) if isinstance(address, socket) else parse_address(address)
        own = self.reuse_port and isinstance(parsed, tuple)
        name = f"{number if parsed is None else parsed!r}{f' of {slot}' if own else ''}"
        found = self._open.get(name)
        if found is not None:
            return found
        fd = self._inherited.pop(name, None)
        if parsed is None:
            made: socket = address  # type: ignore[assignment]
        elif fd is not None:
            made = from_fd(fd)
        else:
            made = listen(
                self._chosen(number, parsed) if own else parsed, family,
                backlog=self.backlog, reuse_port=self.reuse_port and own, unix_mode=self.unix_mode,
            )  # fmt: skip
        self._open[name] = made
        place = unix_path.place(parsed) if isinstance(parsed, str) else None
        self._places.extend([place] if place is not None else [])
        return made

    def _chosen(self, number: int, address: Any) -> Any:
        """The address with the port that the first slot's socket was given for 0."""
        first = self._open.get(f"{address!r} of 0")
        return address if first is None else (address[0], first.getsockname()[1], *address[2:])

    def close_the_rest(self) -> None:
        """Close what was inherited and is not an address of ours any more."""
        for fd in self._inherited.values():
            os.close(fd)
        self._inherited.clear()

    def keep_only(self, mine: Sequence[socket]) -> None:
        """In a worker: close those of the others."""
        for one in self._open.values():
            if not any(one is own for own in mine):
                one.close()

    def fds(self) -> dict[str, int]:
        """All of them, by name, for the next master."""
        return {name: one.fileno() for name, one in self._open.items()}

    def close(self, leave_paths: bool) -> None:
        """Close all, once; unlink the paths of Unix sockets, unless ``leave_paths``: another master uses them."""
        for place in [] if leave_paths else self._places:
            unix_path.leave(place)
        self._places.clear()
        for one in self._open.values():
            one.close()
        self._open.clear()


__all__ = ["VARIABLE", "Left", "Sockets", "left"]
