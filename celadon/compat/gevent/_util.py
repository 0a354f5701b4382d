"""What other libraries take from ``gevent._util``."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import update_wrapper
from typing import Any


class _None:
    __slots__ = ()

    def __repr__(self) -> str:
        return "<default value>"


_NONE: Any = _None()


def copy_globals(
    source: Any,
    globs: dict[str, Any],
    only_names: Any = None,
    ignore_missing_names: bool = False,
    names_to_ignore: Any = (),
    dunder_names_to_keep: Any = ("__implements__", "__all__", "__imports__"),
    cleanup_globs: bool = True,
) -> list[str]:
    """Copy a module's names into ``globs``; returns which."""
    names = set(only_names) if only_names else set(vars(source))
    names -= set(names_to_ignore)
    names = {one for one in names if not one.startswith("__") or one in dunder_names_to_keep}
    for name in names:
        if not ignore_missing_names or hasattr(source, name):
            globs[name] = getattr(source, name)
    return sorted(names)


class Lazy:
    """A property that is worked out once for each object."""

    def __init__(self, func: Callable[[Any], Any]) -> None:
        self.data = (func, func.__name__)
        update_wrapper(self, func)  # type: ignore[arg-type]

    def __get__(self, inst: Any, class_: Any) -> Any:
        if inst is None:
            return self
        func, name = self.data
        value = inst.__dict__[name] = func(inst)
        return value


class readproperty:  # noqa: N801  (gevent's name)
    """A property that an attribute of the object hides."""

    def __init__(self, func: Callable[[Any], Any]) -> None:
        self.func = func
        self.__doc__ = func.__doc__

    def __get__(self, inst: Any, class_: Any) -> Any:
        return self if inst is None else self.func(inst)


class LazyOnClass:
    """A property that is worked out once, and kept on the class."""

    @classmethod
    def lazy(cls, cls_dict: dict[str, Any], func: Callable[[Any], Any]) -> None:
        """Put one into a class' dict."""
        cls_dict[func.__name__] = cls(func)

    def __init__(self, func: Callable[[Any], Any], name: str | None = None) -> None:
        self.name = name or func.__name__
        self.func = func

    def __get__(self, inst: Any, klass: Any) -> Any:
        if inst is None:
            return self
        value = self.func(inst)
        setattr(klass, self.name, value)
        return value


def gmctime() -> str:
    """The time in UTC, as text."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
