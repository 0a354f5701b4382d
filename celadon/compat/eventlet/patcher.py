"""``eventlet.patcher``: Celadon's patch by eventlet's keywords, and single modules that are green."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
import threading
from collections.abc import Callable, Iterable
from functools import wraps
from types import ModuleType
from typing import Any

from celadon.green import original_module, patch_all

#: eventlet's keyword -> those of ``celadon.patch_all``.
_KEYWORDS: dict[str, tuple[str, ...]] = {
    "os": ("os",),
    "select": ("select",),
    "socket": ("socket", "ssl"),
    "thread": ("thread", "queue", "signal", "asyncio", "multiprocessing"),
    "time": ("time",),
    "subprocess": ("subprocess",),
    "psycopg": ("psycopg",),
    "builtins": ("builtins",),
    "MySQLdb": (),
}
#: Only if asked for by name.
_BY_CHOICE = ("MySQLdb", "builtins")
#: What is patched by ``monkey_patch``, by its keyword.
already_patched: dict[str, bool] = {}
#: The modules that ``inject`` gives in place of the real ones, as ``eventlet.green`` names them.
_GREEN = {
    "os": "os",
    "select": "select",
    "selectors": "selectors",
    "socket": "socket",
    "ssl": "ssl",
    "queue": "Queue",
    "_thread": "thread",
    "threading": "threading",
    "time": "time",
}
_EXCLUDED = frozenset(("__builtins__", "__file__", "__name__", "__spec__", "__loader__"))

Pairs = Iterable[tuple[str, ModuleType]]


def monkey_patch(**on: Any) -> None:
    """Make the standard library cooperative, all of it or the keywords that are True, or all but those that are False.

    Keywords: os, select, socket (with ssl), thread (with threading, queue, signal), time, subprocess, psycopg,
    builtins; MySQLdb, which does nothing: call it with ``tpool``. TypeError for another one.
    """
    if "__builtin__" in on:
        on["builtins"] = on.pop("__builtin__")
    everything = on.pop("all", None)
    for keyword in on:
        if keyword not in _KEYWORDS:
            raise TypeError(f"monkey_patch() got an unexpected keyword argument {keyword!r}")
    if everything is None:
        everything = True not in on.values()
    chosen = [one for one in _KEYWORDS if on.get(one, everything and one not in _BY_CHOICE)]
    wanted = {name: True for keyword in chosen for name in _KEYWORDS[keyword]}
    if wanted:
        patch_all(None, None, **wanted)
    if "thread" in chosen:
        threading.currentThread = threading.current_thread  # as eventlet's: without the warning  # type: ignore[method-assign]
    already_patched.update(dict.fromkeys((one for one in chosen if _KEYWORDS[one]), True))
    if not _has_psycopg():
        already_patched.pop("psycopg", None)


def _has_psycopg() -> bool:
    return any(importlib.util.find_spec(name) is not None for name in ("psycopg2", "psycopg"))


def is_monkey_patched(module: Any) -> bool:
    """Whether a module, or the keyword or module of that name, is patched."""
    return module in already_patched or getattr(module, "__name__", None) in already_patched


def original(modname: str) -> ModuleType:
    """A module of the standard library as it was before the patch."""
    return original_module({"thread": "_thread", "Queue": "queue"}.get(modname, modname))


def _defaults() -> list[tuple[str, ModuleType]]:
    return [(name, importlib.import_module(f"{__package__}.green.{green}")) for name, green in _GREEN.items()]


class _Covered:
    """``sys.modules`` with other modules under some names, for the time of a block."""

    def __init__(self, modules: Pairs, gone: Iterable[str] = ()) -> None:
        self._wanted = dict(modules)
        self._gone = list(gone)

    def __enter__(self) -> None:
        names = [*self._wanted, *self._gone]
        self._before = {name: sys.modules.get(name) for name in names}
        for name in self._gone:
            sys.modules.pop(name, None)
        sys.modules.update(self._wanted)

    def __exit__(self, *args: object) -> None:
        for name, module in self._before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


def inject(
    module_name: str, new_globals: dict[str, Any] | None, *additional_modules: tuple[str, ModuleType]
) -> ModuleType:
    """A copy of a module that was imported while ``additional_modules`` (name, module) stood in ``sys.modules``.

    Without any, the cooperative ones stood there. Its names are put into ``new_globals``. The same copy each time.
    """
    kept = f"__patched_module_{module_name}"
    found = sys.modules.get(kept)
    if found is None:
        old = [name for name in sys.modules if name == module_name or name.startswith(module_name + ".")]
        pairs = additional_modules or _defaults()
        with _Covered([pair for pair in pairs if pair[0] != module_name], {*old, module_name}):
            found = importlib.import_module(module_name)
            for name in [name for name in sys.modules if name.startswith(module_name + ".") and name not in old]:
                del sys.modules[name]
        sys.modules[kept] = found
    if new_globals is not None:
        new_globals.update((name, getattr(found, name)) for name in dir(found) if name not in _EXCLUDED)
    return found


def import_patched(
    module_name: str, *additional_modules: tuple[str, ModuleType], **kw_additional_modules: ModuleType
) -> ModuleType:
    """A copy of a module over the cooperative ones, or over those that are given; see ``inject``."""
    return inject(module_name, None, *additional_modules, *kw_additional_modules.items())


def patch_function(func: Callable[..., Any], *additional_modules: tuple[str, ModuleType]) -> Callable[..., Any]:
    """``func``, during whose calls ``import`` gives the cooperative modules, or those that are given."""

    @wraps(func)
    def patched(*args: Any, **kw: Any) -> Any:
        with _Covered(additional_modules or _defaults()):
            return func(*args, **kw)

    return patched


def slurp_properties(
    source: ModuleType, destination: dict[str, Any], ignore: Iterable[str] = (), srckeys: Iterable[str] | None = None
) -> None:
    """Put the names of a module into ``destination`` (a module's ``globals()``)."""
    names = dir(source) if srckeys is None else srckeys
    left_out = {*ignore, *(name for name in names if name.startswith("__"))}
    destination.update((name, getattr(source, name)) for name in names if name not in left_out)


__all__ = ["import_patched", "inject", "is_monkey_patched", "monkey_patch", "original", "slurp_properties"]
