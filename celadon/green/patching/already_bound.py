"""What was there before the patch: names that modules took from patched ones, and locks that objects hold.

A name in a module (``from time import sleep``) is given the replacement. A lock of the operating system that nobody
holds is replaced by a green one in all its holders, with its identity kept: who shared one lock shares one still.
What cannot be mended is told, with its holder.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from types import BuiltinMethodType, FunctionType, ModuleType
from typing import Any

from ..originals import ORIGINAL, is_ours
from ..thread import RLock, allocate_lock, lock

_NATIVE_LOCK: Any = type(ORIGINAL["_thread"].allocate_lock())
_NATIVE_RLOCK: Any = ORIGINAL["_thread"].RLock
_LOCKS = (_NATIVE_LOCK, _NATIVE_RLOCK)


def _keeps_originals(name: str, module: ModuleType) -> bool:
    """Modules in C are where the originals live, ours need them, and importing has locks of its own."""
    if is_ours(name) or name.startswith(("celadon.", "importlib", "_frozen_importlib")):
        return True
    return not (getattr(module, "__file__", None) or "").endswith((".py", ".pyc")) and name != "__main__"


def bound_names(replaced: dict[int, tuple[Any, Any]]) -> Iterator[tuple[Any, str, Any, Any]]:
    """(holder, attribute, what stands there, what shall) for each place that a Python module gave to an original.

    Places are globals of modules, attributes of classes (``poller = select.epoll``), and defaults of functions
    (``def retry(sleep=time.sleep)``). ``replaced`` is by the original's id, so that what cannot be hashed can be asked
    for. A module keeps what it defines itself: that is no name it took.
    """

    def instead(value: Any, home: str) -> Any:
        found = replaced.get(id(value))
        if found is None or found[0] is not value or getattr(value, "__module__", None) == home:
            return None
        return found[1]

    def places(holder: Any, home: str) -> Iterator[tuple[Any, str, Any, Any]]:
        for attribute, value in list(vars(holder).items()):
            new = instead(value, home)
            if new is not None:
                yield holder, attribute, value, new
                continue
            # By their types: what a proxy stands for may not be there now, and is nobody's business here.
            inner = value.__func__ if type(value) in (staticmethod, classmethod) else value
            if type(inner) is FunctionType:
                if inner.__module__ == home:
                    yield from _defaults(inner, lambda one: instead(one, home))
            elif issubclass(type(inner), type) and inner.__module__ == home and _is_part(inner, holder):
                yield from places(inner, home)

    for name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType) and not _keeps_originals(name, module):
            yield from places(module, name)


def _is_part(kind: type, holder: Any) -> bool:
    """Whether the class is defined in ``holder``, a module or a class, and has not just another name there."""
    path = kind.__qualname__.rpartition(".")[0]
    return path == (holder.__qualname__ if isinstance(holder, type) else "")


def _defaults(function: FunctionType, instead: Callable[[Any], Any]) -> Iterator[tuple[FunctionType, str, Any, Any]]:
    given = function.__defaults__
    if given is not None:
        new = tuple(one if (other := instead(one)) is None else other for one in given)
        if any(one is not other for one, other in zip(new, given, strict=True)):
            yield function, "__defaults__", given, new
    named: dict[str, Any] | None = function.__kwdefaults__
    if named:
        changed = {name: one if (other := instead(one)) is None else other for name, one in named.items()}
        if any(changed[name] is not one for name, one in named.items()):
            yield function, "__kwdefaults__", named, changed


def holder_name(holder: Any) -> str:
    """What a module, a class or a function is called."""
    return holder.__name__ if isinstance(holder, ModuleType) else f"{holder.__module__}.{holder.__qualname__}"


def subclasses(replaced: Iterable[tuple[type, type]]) -> Iterator[str]:
    """Classes made from an original before it was replaced: they go on blocking."""
    for original, _ in replaced:
        found: list[type] = type.__subclasses__(original)
        for one in found:
            if not one.__module__.startswith("celadon.") and one.__module__ not in ("ssl", "socket", "threading"):
                yield f"{one.__module__}.{one.__qualname__} is a subclass of the original {original.__qualname__}"


# -- locks -----------------------------------------------------------------------------------------------------


def _free(native: Any) -> bool:
    if type(native) is _NATIVE_LOCK:
        return not native.locked()
    if native._is_owned() or not native.acquire(False):
        return False
    native.release()
    return True


class LockRepair:
    """Finds the holders of the operating system's locks, and gives them green ones."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[Any, Any]] = {}
        self._classes: set[type] = set()
        #: (namespace of the holder, name in it, what stood there)
        self.changed: list[tuple[dict[str, Any], str, Any]] = []
        self.left: list[str] = []

    def run(self) -> None:
        """Look at everything that the garbage collector knows."""
        spared = {id(vars(one)) for name, one in list(sys.modules.items()) if _spared(name, one)}
        for module in ORIGINAL.values():
            spared |= {id(vars(module)), *map(id, vars(module).values())}
        self._classes = {one for module in ORIGINAL.values() for one in vars(module).values() if isinstance(one, type)}
        self._classes.update((lock, RLock))
        for holder in gc.get_objects():
            for one in gc.get_referents(holder):
                if type(one) in _LOCKS or (type(one) is BuiltinMethodType and type(one.__self__) in _LOCKS):
                    if id(holder) not in spared:
                        self._mend(holder)
                    break

    def _mend(self, holder: Any) -> None:
        kind = type(holder)
        if holder is self._made or kind is tuple or kind in self._classes or _is_private(kind.__module__):
            return
        if kind is dict:
            self._mend_namespace(holder, "a dict")
        elif isinstance(getattr(holder, "__dict__", None), dict):
            self._mend_namespace(holder.__dict__, f"a {kind.__module__}.{kind.__qualname__}")
        elif kind is not BuiltinMethodType:
            self.left.append(
                f"a lock is held by a {kind.__module__}.{kind.__qualname__}, which cannot be given another"
            )

    def _mend_namespace(self, names: dict[str, Any], what: str) -> None:
        for name, value in list(names.items()):
            if type(value) in _LOCKS:
                native, method = value, None
            elif type(value) is BuiltinMethodType and type(value.__self__) in _LOCKS:
                native, method = value.__self__, value.__name__
            else:
                continue
            green = self._green(native)
            if green is None:
                self.left.append(f"{name!r} of {what} is locked now, and stays the operating system's")
                continue
            self.changed.append((names, name, value))
            names[name] = green if method is None else getattr(green, method)

    def _green(self, native: Any) -> Any:
        known = self._made.get(id(native))
        if known is None:
            if not _free(native):
                return None
            # The lock itself is kept, so that its id stays its own.
            known = self._made[id(native)] = (native, allocate_lock() if type(native) is _NATIVE_LOCK else RLock())
        return known[1]


def _is_private(module: str) -> bool:
    return is_ours(module) or module.startswith(("celadon.", "_frozen_importlib", "importlib"))


def _spared(name: str, module: Any) -> bool:
    return isinstance(module, ModuleType) and _keeps_originals(name, module) and name != "threading"


__all__ = ["LockRepair", "bound_names", "holder_name", "subclasses"]
