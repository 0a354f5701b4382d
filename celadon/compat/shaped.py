"""Modules of a peer that have the shape of one of the standard library: all of that one's names, ours over them."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from types import ModuleType
from typing import Any


def public(module: ModuleType) -> list[str]:
    """The names that ``from module import *`` gives."""
    names = getattr(module, "__all__", None)
    if names is not None:
        return list(names)
    return [
        name for name, value in vars(module).items() if not name.startswith("_") and not isinstance(value, ModuleType)
    ]


def fill(names: dict[str, Any], like: str, source: ModuleType | None = None, extensions: Iterable[str] = ()) -> None:
    """Give a module's ``names`` (its ``globals()``) all of the standard library's module ``like``.

    What it defines itself stays; the rest comes from ``source``, a green copy of that module, or from it.
    ``extensions`` are names that the standard library lacks. Sets ``__all__``, and gevent's lists that make it up.
    """
    std = importlib.import_module(like)
    for name, value in vars(source or std).items():
        if not (name.startswith("__") and name.endswith("__")):
            names.setdefault(name, value)
    exported = [name for name in public(std) if name in names]
    names["__implements__"] = [name for name in exported if names[name] is not getattr(std, name, None)]
    names["__imports__"] = [name for name in exported if names[name] is getattr(std, name, None)]
    names["__extensions__"] = list(extensions)
    names["__all__"] = [*exported, *extensions]
