"""A patch that is more than setting attributes: what is done to a library by a call, and how it is undone."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple


class Hook(NamedTuple):
    """What is done to a library by a call of its own, in place of setting an attribute, and how it is undone."""

    install: Callable[[ModuleType], object]
    remove: Callable[[ModuleType], object]


class Extra(NamedTuple):
    """An attribute that the standard library lacks: the patch adds it, ``restore`` deletes it."""

    value: object
