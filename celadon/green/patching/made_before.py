"""What was there before the patch: names that modules took from patched ones, and locks that objects hold.

A name in a module (``from time import sleep``) is given the replacement. A lock of the operating system that nobody
holds is replaced by a green one in all its holders, with its identity kept: who shared one lock shares one still.
What cannot be mended is told, with its holder.
"""

from __future__ import annotations

import gc
import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import (
    AsyncGeneratorType,
    BuiltinMethodType,
    CellType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    GetSetDescriptorType,
    ModuleType,
    NoneType,
)
from typing import Any

from ..thread import RLock, allocate_lock, lock
from .originals import ORIGINAL, is_ours

_NATIVE_LOCK: Any = type(ORIGINAL["_thread"].allocate_lock())
_NATIVE_RLOCK: Any = ORIGINAL["_thread"].RLock

# What `type` itself says of a class, whatever its metaclass says.
_vars_of: Any = type.__dict__["__dict__"].__get__
_base_of: Any = type.__dict__["__base__"].__get__
_mro_of: Any = type.__dict__["__mro__"].__get__
_flags_of: Any = type.__dict__["__flags__"].__get__


def _home(kind: type) -> str:
    """The module of a class; empty where that is no text, as for a proxy's property."""
    found = kind.__module__
    return found if isinstance(found, str) else ""


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
            kind = type(value)
            if kind is str or kind is int or kind is dict or kind is NoneType:
                continue  # more than half of what there is; only what can be called is replaced
            if id(value) in replaced and (new := instead(value, home)) is not None:
                yield holder, attribute, value, new
                continue
            # By their types: what a proxy stands for may not be there now, and is nobody's business here.
            inner = value.__func__ if kind is staticmethod or kind is classmethod else value
            if kind is FunctionType or type(inner) is FunctionType:
                if (inner.__defaults__ or inner.__kwdefaults__) and inner.__module__ == home:
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
            home = _home(one)
            if not home.startswith("celadon.") and home not in ("ssl", "socket", "threading"):
                yield f"{home}.{one.__qualname__} is a subclass of the original {original.__qualname__}"


# -- locks -----------------------------------------------------------------------------------------------------


# Py_TPFLAGS_MANAGED_DICT of CPython: attributes may lie in the object itself, without a dict.
_MANAGED_DICT = 1 << 4
# What may hold a lock: namespaces, and what cannot be given another one, so that it is reported.
_CONTAINERS = {
    id(kind)
    for kind in (
        dict,
        list,
        set,
        frozenset,
        deque,
        defaultdict,
        OrderedDict,
        partial,
        CellType,
        GeneratorType,
        CoroutineType,
        AsyncGeneratorType,
    )
}
_LOCK_LIKE = {id(_NATIVE_LOCK), id(_NATIVE_RLOCK), id(BuiltinMethodType)}
# Up to so many locks and methods of locks, the collector is asked who refers to them: it compares each reference there
# is with each of them, in C. With more, every object is asked what it holds.
_FEW = 100


def _native(value: Any) -> Any:
    """The operating system's lock that ``value`` is, or whose method it is; None for anything else."""
    kind = type(value)  # compared by identity: a metaclass may have its own ideas of what is equal
    if kind is BuiltinMethodType:
        value = value.__self__
        kind = type(value)
    return value if kind is _NATIVE_LOCK or kind is _NATIVE_RLOCK else None


def _is_plain(kind: type) -> bool:
    """Whether class statements made the class, all the way down to ``object``.

    A class statement leaves one of these two names in the lowest of them; a type made in C has neither.
    """
    while (base := _base_of(kind)) is not None and base is not object:
        kind = base
    names = _vars_of(kind)
    return "__weakref__" in names or "__slots__" in names


def _dict_of(holder: Any) -> Any:
    """The dict of an object's attributes, or None. Runs no code of its class: no property, no ``__getattr__``."""
    for kind in _mro_of(type(holder)):
        found = _vars_of(kind).get("__dict__")
        if type(found) is GetSetDescriptorType:
            return found.__get__(holder)
    return None


def _look_into(kind: type) -> Callable[[Any], list[Any]] | None:
    """How to see what an object of this class holds; None where no lock can be.

    Types made in C are not asked: each has its own idea of what it holds, and some show what is freed already, as the
    module ``_asyncio`` does on CPython 3.12. The interpreter's own containers and plain classes are read without making
    a dict for each object; the attributes of a class over one made in C are read from its dict. Whatever has a real
    dict needs no look: the dict is an object of its own.
    """
    if id(kind) in _CONTAINERS or _is_plain(kind):
        return gc.get_referents
    if _flags_of(kind) & _MANAGED_DICT:
        return lambda holder: gc.get_referents(_dict_of(holder))
    return None


def _suspects() -> list[Any]:
    """Objects among which are all that hold a lock: few of them where there are few locks."""
    # An instance refers to its class, and a method to what it is bound to.
    natives = [one for one in gc.get_referrers(_NATIVE_LOCK, _NATIVE_RLOCK) if _native(one) is not None]
    if len(natives) <= _FEW:
        natives += [one for one in gc.get_referrers(*natives) if _native(one) is not None]
    return gc.get_referrers(*natives) if len(natives) <= _FEW else gc.get_objects()


def _holders() -> Iterator[Any]:
    """The objects that hold a lock, of those that the garbage collector knows. A million take 0.4 to 1.1 s."""
    # By the class' id: a class may refuse to be hashed. The list keeps each object, so that no id is used twice.
    looks: dict[int, Callable[[Any], list[Any]] | None] = {}
    for holder in _suspects():
        kind = type(holder)
        try:
            look = looks[id(kind)]
        except KeyError:
            look = looks[id(kind)] = _look_into(kind)
        if look is not None:
            for one in look(holder):
                if id(type(one)) in _LOCK_LIKE and _native(one) is not None:
                    yield holder
                    break


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
        self._classes: set[int] = set()
        #: (namespace of the holder, name in it, what stood there)
        self.changed: list[tuple[dict[str, Any], str, Any]] = []
        self.left: list[str] = []

    def run(self) -> None:
        """Look at everything that the garbage collector knows, but for what ``gc.freeze`` took out of its sight."""
        spared = {id(vars(one)) for name, one in list(sys.modules.items()) if _spared(name, one)}
        for module in ORIGINAL.values():
            spared |= {id(vars(module)), *map(id, vars(module).values())}
        # What these modules define; what they took from others, such as a deque, may hold anybody's lock.
        self._classes = {
            id(one)
            for name, module in ORIGINAL.items()
            for one in vars(module).values()
            if isinstance(one, type) and one.__module__ == name
        }
        self._classes |= {id(lock), id(RLock)}
        for holder in _holders():
            if id(holder) not in spared:
                self._mend(holder)

    def _mend(self, holder: Any) -> None:
        kind = type(holder)
        home = _home(kind)
        if holder is self._made or id(kind) in self._classes or _is_private(home):
            return
        if kind is dict:
            self._mend_namespace(holder, "a dict")
        elif issubclass(type(names := _dict_of(holder)), dict):
            self._mend_namespace(names, f"a {home}.{kind.__qualname__}")
        else:
            self.left.append(f"a lock is held by a {home}.{kind.__qualname__}, which cannot be given another")

    def _mend_namespace(self, names: dict[str, Any], what: str) -> None:
        for name, value in list(dict.items(names)):
            native = _native(value)
            if native is None:
                continue
            green = self._green(native)
            if green is None:
                self.left.append(f"{name!r} of {what} is locked now, and stays the operating system's")
                continue
            self.changed.append((names, name, value))
            dict.__setitem__(names, name, green if value is native else getattr(green, value.__name__))

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
