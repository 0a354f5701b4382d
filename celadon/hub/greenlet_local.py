"""Attributes that each greenlet has for itself, as ``threading.local`` has them for each thread."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from greenlet import getcurrent, greenlet


class local:  # noqa: N801  (threading's name)
    """An object whose attributes differ from greenlet to greenlet and go with the greenlet.

    A subclass' ``__init__`` runs anew, with the arguments first given, in each greenlet that touches the object.
    """

    #: Gives the greenlet whose attributes are meant; `threading.local` means the one that stands for a thread.
    _local__owner = staticmethod(getcurrent)
    _local__slots: WeakKeyDictionary[greenlet, dict[str, Any]]
    _local__args: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> local:
        if (args or kwargs) and cls.__init__ is object.__init__:
            raise TypeError("Initialization arguments are not supported")
        self = object.__new__(cls)
        slots: WeakKeyDictionary[greenlet, dict[str, Any]] = WeakKeyDictionary()
        slots[cls._local__owner()] = {}  # Python itself calls __init__ for the first greenlet
        object.__setattr__(self, "_local__slots", slots)
        object.__setattr__(self, "_local__args", (args, kwargs))
        return self

    def __getattribute__(self, name: str) -> Any:
        attributes = _attributes(self)
        if name == "__dict__":
            return attributes
        kind = type(self)
        found = _on_class(kind, name)
        if found is not None and hasattr(type(found), "__get__") and hasattr(type(found), "__set__"):
            return type(found).__get__(found, self, kind)
        if name in attributes:
            return attributes[name]
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        attributes = _attributes(self)
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        found = _on_class(type(self), name)
        if found is not None and hasattr(type(found), "__set__"):
            type(found).__set__(found, self, value)
        else:
            attributes[name] = value

    def __delattr__(self, name: str) -> None:
        attributes = _attributes(self)
        found = _on_class(type(self), name)
        if found is not None and hasattr(type(found), "__delete__"):
            type(found).__delete__(found, self)
        elif name in attributes:
            del attributes[name]
        else:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __copy__(self) -> local:
        """Another one, with this greenlet's attributes."""
        args, kwargs = object.__getattribute__(self, "_local__args")
        made = type(self)(*args, **kwargs)
        _attributes(made).update(_attributes(self))
        return made


def _on_class(kind: type, name: str) -> Any:
    for one in kind.__mro__:
        if name in one.__dict__:
            return one.__dict__[name]
    return None


def _attributes(self: local) -> dict[str, Any]:
    slots: WeakKeyDictionary[greenlet, dict[str, Any]] = object.__getattribute__(self, "_local__slots")
    try:
        me = type(self)._local__owner()
    except RuntimeError:  # the interpreter is being finalized: only finalizers run, in the main greenlet
        return _of_the_main_greenlet(slots)
    attributes = slots.get(me)
    if attributes is None:
        attributes = slots[me] = {}
        args, kwargs = object.__getattribute__(self, "_local__args")
        if args or kwargs or type(self).__init__ is not object.__init__:
            type(self).__init__(self, *args, **kwargs)
    return attributes


def _of_the_main_greenlet(slots: WeakKeyDictionary[greenlet, dict[str, Any]]) -> dict[str, Any]:
    """Its attributes, once greenlet has let go of it: weak references to it are dead, those to others are not."""
    return next((attributes for one, attributes in slots.data.items() if one() is None), {})  # type: ignore[attr-defined]
