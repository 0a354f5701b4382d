"""What only some command lines need, by name: imported when it is asked for, so that a plain question starts fast."""

from __future__ import annotations

from importlib import import_module
from typing import Any

#: The first word of a command line that is not in dig's dialect -> the module whose ``main`` takes the rest.
COMMANDS = {"bulk": "bulk", "compare": "compare", "hosts": "hosts"}
_MODULES = {*COMMANDS.values(), "bar", "dig", "formats", "manual", "nssearch", "trace", "why"}


def load(name: str) -> Any:
    """A module of this package."""
    assert name in _MODULES
    return import_module(f"{__package__}.{name}")


def version() -> str:
    """The installed version; the library that tells it costs 20 ms to import."""
    metadata = import_module("importlib.metadata")
    try:
        return str(metadata.version("celadon"))
    except metadata.PackageNotFoundError:
        return "(not installed)"
