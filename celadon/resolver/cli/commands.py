"""What only some command lines need, by name: imported when it is asked for, so that a plain question starts fast."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ... import __version__
from .. import accel

#: The first words of a command line that is not in dig's dialect.
COMMANDS = ("bench", "bulk", "compare", "hosts", "massdns", "servers")


def load(module: str) -> Any:
    """A module of this folder by its path in it (``"dig.formats"``), imported now.

    tests/test_layers.py reads each call, and the table in ``entry``, as an import.
    """
    return import_module(f"{__package__}.{module}")


def version() -> str:
    """The version of the package."""
    return __version__


def version_line() -> str:
    """What ``--version`` prints."""
    return f"celadon {version()}, accelerator {accel.state()}"
