"""Patching what is imported later: an import hook that calls back before and after a module is executed.

Also a module that is imported a second time, as tests do to get a fresh copy, comes by here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class _Loader:
    """The module's own loader, a call before it and one after it."""

    def __init__(
        self, original: Any, begin: Callable[[ModuleType], object], done: Callable[[ModuleType], object]
    ) -> None:
        self.original = original
        self._begin = begin
        self._done = done

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        create = getattr(self.original, "create_module", None)
        return create(spec) if create is not None else None

    def exec_module(self, module: ModuleType) -> None:
        # The module must keep its own loader, also for a later reload.
        spec = module.__spec__
        mine: Any = self
        if spec is not None and spec.loader is mine:
            spec.loader = self.original
        if getattr(module, "__loader__", None) is self:
            module.__loader__ = self.original
        self._begin(module)
        self.original.exec_module(module)
        self._done(module)


def own_loader(spec: ModuleSpec) -> Any:
    """The loader of a module as it is without any hook of ours; None if it has none."""
    loader: Any = spec.loader
    while isinstance(loader, _Loader):
        loader = loader.original
    return loader


class Finder:
    """An entry of ``sys.meta_path``: finds the modules that ``wants`` is true for, by means of the other entries.

    ``begin(module)`` is called before a module is executed, ``done(module)`` after it.
    """

    def __init__(
        self,
        wants: Callable[[str], bool],
        begin: Callable[[ModuleType], object],
        done: Callable[[ModuleType], object],
    ) -> None:
        self._wants = wants
        self._begin = begin
        self._done = done

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See ``importlib.abc.MetaPathFinder.find_spec``."""
        if not self._wants(name):
            return None
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(name, path, target) if find is not None else None
            if spec is not None:
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    made: Any = _Loader(spec.loader, self._begin, self._done)
                    spec.loader = made
                return spec
        return None

    def install(self) -> None:
        """Put this in front of ``sys.meta_path``, once."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Take this out of ``sys.meta_path``."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)


__all__ = ["Finder", "own_loader"]
