"""Celadon: greenlets, green sockets, and a swappable DNS resolver under ``socket.getaddrinfo``.

Nothing is imported before it is used: ``resolve`` never needs the green part, ``celadon --version`` not even the hub.
"""

import importlib
import typing

if typing.TYPE_CHECKING:
    from .green import patch_all
    from .hub import Greenlet, Timeout, joinall, kill, sleep, spawn

#: The version of the package; pyproject.toml reads it here.
__version__ = "0.1.0"

__all__ = ["Greenlet", "Timeout", "joinall", "kill", "patch_all", "sleep", "spawn"]


def __getattr__(name: str) -> typing.Any:
    if name in __all__:
        part = importlib.import_module("celadon.green" if name == "patch_all" else "celadon.hub")
        found = globals()[name] = getattr(part, name)
        return found
    if name in ("green", "hub", "resolver"):
        return importlib.import_module(f"celadon.{name}")
    raise AttributeError(f"module 'celadon' has no attribute {name!r}")
