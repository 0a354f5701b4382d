"""Functions that stand for functions in C: as an attribute of a class they do not become methods.

``class Retry: pause = time.sleep`` works because a function in C is no descriptor; a Python function in its place
would be called with the instance.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

#: Where functions of a module in C are looked for. ``open`` is one of ``_io`` since Python 3.12.
_PUBLIC = {"posix": "os", "_io": "io"}


class _Module:
    """Pickles a module by its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __reduce__(self) -> Any:
        return import_module, (self.name,)


class _Function(partial):  # type: ignore[type-arg]
    """A Python function that is called as a function in C is; pickled by its name."""

    __name__: str
    __qualname__: str

    def __get__(self, instance: object, owner: type | None = None) -> _Function:
        return self

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        # A function in C has none: what would serialize any instance by its attributes refuses it.
        raise AttributeError(f"{self!r} has no attribute '__dict__'")

    def __reduce__(self) -> Any:
        # By name, as a function in C: another process, patched or not, takes what stands there, and need not know us.
        return getattr, (_Module(_PUBLIC.get(self.__module__, self.__module__)), self.__name__)

    def __repr__(self) -> str:
        return f"<celadon's {self.__module__}.{self.__name__}>"


def builtin(function: Callable[..., Any], name: str, module: str) -> Any:
    """The function, to be called as ``module.name``. What is a class already is given back."""
    if isinstance(function, type):
        return function
    made = _Function(function)
    made.__name__ = made.__qualname__ = name
    made.__module__ = module
    made.__doc__ = function.__doc__
    return made


def builtins(module: str, functions: dict[str, Any]) -> dict[str, Any]:
    """``builtin`` for all of them."""
    return {name: builtin(function, name, module) for name, function in functions.items()}


__all__ = ["builtin", "builtins"]
