"""Methods that programs poll in a loop (``Event.is_set``, ``Queue.empty``): every so often a call lets others run.

``while not event.is_set(): count += 1`` ends on threads of the operating system, which take turns by themselves.
Greenlets do not, so the question itself gives the others a turn once in a while.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from ..fairness import tried_in_vain
from .as_builtin import builtins


def _polled(question: Any) -> Any:
    def method(self: Any) -> Any:
        tried_in_vain()
        return question(self)

    method.__name__, method.__qualname__, method.__doc__ = question.__name__, question.__qualname__, question.__doc__
    method.__module__ = question.__module__
    return method


def polled(owner: str, *names: str) -> Callable[[ModuleType], dict[str, Any]]:
    """What is replaced in the class ``owner`` of the module: the methods ``names``, which take no argument."""

    def found(module: ModuleType) -> dict[str, Any]:
        methods = vars(getattr(module, owner))
        return {name: _polled(methods[name]) for name in names}

    return found


def repeated(*names: str) -> Callable[[ModuleType], dict[str, Any]]:
    """What is replaced in the module: functions in C that never wait, so that a loop of calls would block."""

    def found(module: ModuleType) -> dict[str, Any]:
        return builtins(module.__name__, {name: _repeated(getattr(module, name)) for name in names})

    return found


def _repeated(call: Callable[..., Any]) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        tried_in_vain()
        return call(*args, **kwargs)

    function.__doc__ = call.__doc__
    return function


__all__ = ["polled", "repeated"]
