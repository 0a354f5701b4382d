"""Imports that wait until somebody needs them: the names of a door, and slow modules of the standard library.

A start pays for what it uses. ``door`` is PEP 562's ``__getattr__`` from a table; ``module`` stands for a module whose
import costs more than all that most programs do with it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any


def door(package: str, table: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package: a module of it -> the names, with spaces, that it gives.

    A name is taken once. tests/test_layers.py compares the table with what the package imports for type checkers.
    """
    where = {name: module for module, names in table.items() for name in names.split()}
    mine = vars(sys.modules[package])

    def __getattr__(name: str) -> Any:  # noqa: N807
        if name in where:
            found = mine[name] = getattr(import_module(f"{package}.{where[name]}"), name)
            return found
        if name[:1] != "_":
            with suppress(ModuleNotFoundError):
                return import_module(f"{package}.{name}")  # celadon.green.socket, without an import of its own
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return __getattr__, lambda: sorted({*mine, *where})


class _Module:
    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)


def module(name: str) -> Any:
    """Stands for a module, which is imported when one of its attributes is read."""
    return _Module(name)


__all__ = ["door", "module"]
