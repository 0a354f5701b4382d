"""Puts the green replacements of the table into the standard library, and takes them out again."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from .. import resolver as _resolver
from ..resolver import Resolver
from .table import TABLE

# (object, attribute) -> what stood there, in the order of patching.
_saved: dict[tuple[str, str], Any] = {}


def _object(path: str) -> Any:
    module, _, name = path.partition(".")
    found = importlib.import_module(module)
    return getattr(found, name) if name else found


def patch_all(resolver: str | Resolver | None = None, servers: Iterable[str] | None = None, **modules: bool) -> None:
    """Make the standard library cooperative: ``socket``, ``ssl``, ``time``, ``select`` (with ``selectors``).

    Call it first thing in a program. ``resolver`` and ``servers`` go to ``celadon.resolver.use``; a keyword such as
    ``ssl=False`` leaves a module out. Doing it twice is harmless. Locks and threads stay the operating system's.
    TypeError for a module that is not in the table.
    """
    unknown = sorted(set(modules) - set(TABLE))
    if unknown:
        raise TypeError(f"patch_all: there is no module {', '.join(unknown)} to patch; there are {', '.join(TABLE)}")
    _resolver.preload()
    if resolver is not None or servers is not None:
        _resolver.use(resolver, servers=servers)
    for module, objects in TABLE.items():
        if modules.get(module, True):
            for path, attributes in objects.items():
                target = _object(path)
                for name, replacement in attributes.items():
                    if (path, name) not in _saved:
                        _saved[path, name] = vars(target)[name]
                        setattr(target, name, replacement)


def restore() -> None:
    """Put back everything that ``patch_all`` replaced, and forget the resolver that was chosen."""
    while _saved:
        (path, name), value = _saved.popitem()
        setattr(_object(path), name, value)
    _resolver.reset()


def is_patched(module: str, name: str | None = None) -> bool:
    """Whether ``module`` (or its attribute ``name``) is patched now."""
    return any(path.split(".")[0] == module and name in (None, attribute) for path, attribute in _saved)


def original(module: str, name: str) -> Any:
    """What ``module.name`` is, or was before the patch."""
    return _saved[module, name] if (module, name) in _saved else getattr(_object(module), name)


__all__ = ["is_patched", "original", "patch_all", "restore"]
