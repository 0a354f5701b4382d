"""Makes ``import gevent`` give ``celadon.compat.gevent``, and answers questions for its version so that checks pass.

Each name ``gevent.x`` stands for the module ``celadon.compat.gevent.x``: one module object under two names, imported
when the program imports it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import CodeType, ModuleType
from typing import Any

#: Which libraries there are facades for, and the version of each that the facade answers for.
PEERS = {"gevent": "26.9.0", "eventlet": "0.41.3"}
_HERE = os.path.dirname(__file__)


class _Alias:
    """Gives the module of ours, whole as it is."""

    def __init__(self, ours: str) -> None:
        self.ours = ours
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """See ``importlib.abc.Loader``."""
        module = importlib.import_module(self.ours)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is to be executed; the import system has put another spec there.

        The name is the one that it was imported by: ``from gevent import pool`` imports what that says.
        """
        assert module.__spec__ is not None
        module.__name__ = module.__spec__.name
        module.__spec__ = self._spec
        in_place = getattr(module, "_in_place", None)
        if in_place is not None:
            in_place()

    def get_code(self, name: str) -> CodeType | None:
        """For ``python -m``."""
        spec = importlib.util.find_spec(self.ours)
        return None if spec is None or spec.loader is None else spec.loader.get_code(self.ours)  # type: ignore[attr-defined]


class Facade:
    """Stands first among the finders for one library."""

    def __init__(self, peer: str) -> None:
        self.peer = peer

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec of our module of that name; None for what we have not."""
        if name != self.peer and not name.startswith(self.peer + "."):
            return None
        ours = f"{__package__}.{name}"
        # In our own folder: what a program puts on the package's path is not ours, and has its own name.
        found = PathFinder.find_spec(ours, [os.path.join(_HERE, *name.split(".")[:-1])])
        if found is None:
            return None
        package = found.submodule_search_locations is not None
        loader: Any = _Alias(ours)  # no Loader by its class: importing that takes longer than all of this
        spec = ModuleSpec(name, loader, origin=found.origin, is_package=package)
        if package:
            spec.submodule_search_locations = found.submodule_search_locations
        return spec

    def find_distributions(self, context: Any = None) -> Iterator[Any]:
        """For ``importlib.metadata``."""
        name = getattr(context, "name", None)
        if name is None or name.lower() == self.peer:
            yield importlib.import_module(f"{__package__}.distribution").Facade(self.peer, PEERS[self.peer])


def install(peer: str) -> None:
    """From now on ``import`` of that library, and of its submodules, gives Celadon's objects by its names.

    Call it first thing in a program. The second call does nothing. LookupError for a library without a facade,
    RuntimeError if the real one is imported already: its hub and ours cannot wait for each other.
    """
    if peer not in PEERS:
        raise LookupError(f"there is no facade for {peer!r}; there is one for {', '.join(PEERS)}")
    if any(isinstance(finder, Facade) and finder.peer == peer for finder in sys.meta_path):
        return
    real = sys.modules.get(peer)
    if real is not None:
        where = getattr(real, "__file__", None) or "an unknown place"
        raise RuntimeError(f"{peer} itself is imported already, from {where}; run celadon.compat.install before that")
    finder: Any = Facade(peer)
    sys.meta_path.insert(0, finder)


def submodules(names: Mapping[str, Any]) -> Callable[[str], ModuleType]:
    """``__getattr__`` of a package with these ``names`` (its ``globals()``): imports its module of that name."""

    def __getattr__(name: str) -> ModuleType:  # noqa: N807
        if name[:1] != "_":
            try:
                return importlib.import_module(f"{names['__name__']}.{name}")  # by the peer's name, once it has that
            except ModuleNotFoundError:
                pass
        raise AttributeError(f"module {names['__name__']!r} has no attribute {name!r}")

    return __getattr__


__all__ = ["PEERS", "Facade", "install", "submodules"]
