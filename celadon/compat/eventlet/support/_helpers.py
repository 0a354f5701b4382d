"""The number of an error, and what marks a name as deprecated."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any


def get_errno(exc: Any) -> Any:
    """The error's number: its ``errno``, or its first argument; None if it has neither."""
    number = getattr(exc, "errno", None)
    if number is not None:
        return number
    return exc.args[0] if exc.args else None


def bytes_to_str(b: bytes, encoding: str = "ascii") -> str:
    """``b.decode``."""
    return b.decode(encoding)


def wrap_deprecated(old: str, new: str) -> Callable[[Any], Any]:
    """Have a class or a function warn, when it is called, that it has another name."""

    def wrapper(base: Any) -> Any:
        @wraps(base, updated=())
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            warnings.warn(f"eventlet.{old} is deprecated; use eventlet.{new}", DeprecationWarning, stacklevel=2)
            return base(*args, **kwargs)

        if not isinstance(base, type):
            return wrapped

        def init(self: Any, *args: Any, **kwargs: Any) -> None:
            warnings.warn(f"eventlet.{old} is deprecated; use eventlet.{new}", DeprecationWarning, stacklevel=2)
            base.__init__(self, *args, **kwargs)  # type: ignore[misc]

        return type(base.__name__, (base,), {"__init__": init, "__module__": base.__module__})

    return wrapper


__all__ = ["bytes_to_str", "get_errno", "wrap_deprecated"]
