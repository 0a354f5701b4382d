"""The standard library as it was: modules that no patch reaches, for our own hub and for whoever wants real threads.

``_thread`` and ``_queue`` are copied when this is first imported, that is before any patch. A Python module such as
``threading`` is executed a second time, over these copies, when somebody asks for it.
"""

from __future__ import annotations

import _queue
import _thread
import builtins
import importlib.util
import sys
from functools import lru_cache
from types import ModuleType
from typing import Any

from .import_hook import own_loader

# Whose own threads and locks must stay the operating system's: our hub, and what our resolvers stand on.
_OURS = ("celadon.hub", "celadon.resolver", "celadon.green.thread", "pycares")
_BELOW_OURS = tuple(f"{name}." for name in _OURS)
#: Libraries that keep threads, locks and queues of their own -> the modules that they must have the originals of. Each
#: stands after those that it imports.
_KEEPS = {"pycares": ("threading", "queue")}


def _copy(module: ModuleType) -> ModuleType:
    made = ModuleType(module.__name__, module.__doc__)
    made.__dict__.update(vars(module))
    return made


#: The modules that the patch changes in place and that others are built from.
ORIGINAL: dict[str, ModuleType] = {"_thread": _copy(_thread), "_queue": _copy(_queue)}


def is_ours(name: str) -> bool:
    """Whether a module keeps the originals whatever is patched."""
    return name in _OURS or name.startswith(_BELOW_OURS)


def shield(module: ModuleType) -> None:
    """Have a module of ours go on with the original modules that the patch changes in place."""
    for name, original in ORIGINAL.items():
        if vars(module).get(name) is sys.modules.get(name):
            setattr(module, name, original)
    for name in _KEEPS.get(module.__name__, ()):
        if vars(module).get(name) is sys.modules.get(name):
            setattr(module, name, original_module(name))


def import_originals(module: ModuleType) -> None:
    """Have a module of ours, or of ``_KEEPS``, that is about to be executed import originals, whatever is patched.

    Its own statements only: what it imports besides comes as to anybody, and no other thread sees modules change.
    """
    if is_ours(module.__name__):
        vars(module)["__builtins__"] = _builtins(("_thread", "_queue", *_KEEPS.get(module.__name__, ())))


@lru_cache
def _builtins(names: tuple[str, ...]) -> dict[str, Any]:
    """The builtins for a module that shall import these modules as they were."""
    originals = {name: original_module(name) for name in names}

    def imported(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        found = originals.get(name) if not level else None
        return found if found is not None else builtins.__import__(name, globals, locals, fromlist, level)

    return {**vars(builtins), "__import__": imported}


def original_module(name: str) -> ModuleType:
    """A copy of a Python module of the standard library made from the originals of what is patched.

    ``original_module("threading").Thread`` starts a thread of the operating system under any patch. The copy is made
    once; its classes are not those of the patched module. ModuleNotFoundError for a name that there is not.
    """
    found = ORIGINAL.get(name)
    if found is not None:
        return found
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    spec.loader = own_loader(spec)  # a module that is not imported yet would be patched by our hook
    made = importlib.util.module_from_spec(spec)
    for_a_while = {**ORIGINAL, name: made}  # itself too: `ssl` makes its constants in what stands under its name
    present = {one: sys.modules.get(one) for one in for_a_while}
    # Nobody else runs in between: executing a module of the standard library parks nowhere.
    sys.modules.update(for_a_while)
    try:
        spec.loader.exec_module(made)
    finally:
        for one, module in present.items():
            if module is None:
                del sys.modules[one]
            else:
                sys.modules[one] = module
    ORIGINAL[name] = made
    return made


__all__ = ["original_module"]
