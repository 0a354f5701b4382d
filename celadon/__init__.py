"""Celadon: greenlets, green sockets, and a swappable DNS resolver under ``socket.getaddrinfo``.

Nothing is imported before it is used: ``resolve`` never needs the green part, ``celadon --version`` not even the hub.
"""

import importlib
import os
import typing

if typing.TYPE_CHECKING:
    from . import compat as compat
    from . import resolver as resolver
    from .green import patch_all
    from .hub import Greenlet, Timeout, joinall, kill, sleep, spawn

#: The version of the package; pyproject.toml reads it here.
__version__ = "0.1.0"

__all__ = ["Greenlet", "Timeout", "joinall", "kill", "patch_all", "sleep", "spawn"]


if os.environ.get("CELADON_AS"):
    importlib.import_module("celadon.compat").install(os.environ["CELADON_AS"])


def __getattr__(name: str) -> typing.Any:
    if name in __all__:
        part = importlib.import_module("celadon.green" if name == "patch_all" else "celadon.hub")
        found = globals()[name] = getattr(part, name)
        return found
    if name in ("compat", "green", "hub", "resolver"):
        return importlib.import_module(f"celadon.{name}")
    raise AttributeError(f"module 'celadon' has no attribute {name!r}")
