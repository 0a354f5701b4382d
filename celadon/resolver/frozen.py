"""Frozen values with slots: what ``dataclass(frozen=True, slots=True)`` makes, with methods that all classes share.

The names are those of ``dataclasses``. That module brings ``inspect``, ``ast`` and ``dis`` with it (43 million
instructions) and compiles the methods of each class (5 million for one of six fields). The first step without it took
107 million instructions of 702 from ``import celadon; patch_all()``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar, dataclass_transform

T = TypeVar("T")

_MISSING: Any = type("_Missing", (), {"__repr__": lambda _: "<no default>"})()


class Field(NamedTuple):
    """One field of a value; ``default`` is an object of no meaning if there is none."""

    name: str = ""
    default: Any = _MISSING
    factory: Callable[[], Any] | None = None
    init: bool = True
    compare: bool = True


class _Form(NamedTuple):
    fields: tuple[Field, ...]
    #: The arguments of the constructor, in order.
    names: tuple[str, ...]
    #: Name -> default, in order.
    blank: dict[str, Any]
    #: The slots' own setters of the constructor's arguments: ``object.__setattr__`` takes half as long again.
    puts: tuple[Callable[[Any, Any], None], ...]
    #: How many have no default.
    required: int
    factories: tuple[tuple[int, Callable[[], Any]], ...]
    #: What is compared and hashed.
    key: Callable[[Any], Any]
    checked: bool


class _ForDataclasses:
    """``__dataclass_fields__``: ``dataclasses.replace``, ``fields`` and ``asdict`` take our values too.

    Whoever calls these has imported that module; until then there is no such attribute.
    """

    def __get__(self, value: object, kind: Any) -> dict[str, Any]:
        theirs: Any = sys.modules.get("dataclasses")
        if theirs is None:
            raise AttributeError("__dataclass_fields__")
        made = {}
        for one in fields(kind):
            default = theirs.MISSING if one.default is _MISSING else one.default
            factory = one.factory or theirs.MISSING
            known = theirs.field(default=default, default_factory=factory, init=one.init, compare=one.compare)
            known.name, known.type, known._field_type = one.name, Any, theirs._FIELD
            made[one.name] = known
        return made


def field(
    *,
    default: Any = _MISSING,
    default_factory: Callable[[], Any] | None = None,
    init: bool = True,
    compare: bool = True,
) -> Any:
    """As ``dataclasses.field``: a default made for each value, no argument, or no part in ``==`` and ``hash``."""
    return Field("", default, default_factory, init, compare)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(kind: type[T]) -> type[T]:
    """As ``dataclass(frozen=True, slots=True)``. ``__post_init__`` may check, and raise. A subclass adds fields."""
    names = dict(vars(kind))
    found = {one.name: one for base in reversed(kind.__mro__[1:]) if "_form" in vars(base) for one in fields(base)}
    mine = []
    for name, said in names.get("__annotations__", {}).items():
        if not said.startswith("ClassVar"):
            default = names.pop(name, _MISSING)
            found[name] = default._replace(name=name) if isinstance(default, Field) else Field(name, default)
            mine.append(name)
    names.pop("__dict__", None)
    names.pop("__weakref__", None)
    names["__slots__"] = tuple(mine)
    names["__match_args__"] = arguments = tuple(one.name for one in found.values() if one.init)
    names["_form"] = _Form(
        tuple(found.values()),
        arguments,
        {name: found[name].default for name in arguments},
        (),
        sum(found[name].default is _MISSING and found[name].factory is None for name in arguments),
        tuple((arguments.index(one.name), one.factory) for one in found.values() if one.factory is not None),
        attrgetter(*[one.name for one in found.values() if one.compare]),
        hasattr(kind, "__post_init__"),
    )
    names["__dataclass_fields__"] = _ForDataclasses()
    for method in _METHODS:
        names.setdefault(method.__name__, method)
    if names["__hash__"] is None:  # a class statement with __eq__ leaves it so
        names["__hash__"] = __hash__
    class_of: Any = type(kind)  # type, or that of Protocols and the like
    made: Any = class_of(kind.__name__, kind.__bases__, names)
    made.__qualname__ = kind.__qualname__
    made._form = made._form._replace(puts=tuple(getattr(made, name).__set__ for name in arguments))
    return made  # type: ignore[no-any-return]


def fields(kind: Any) -> tuple[Field, ...]:
    """The fields of a frozen class or value."""
    form: _Form = kind._form
    return form.fields


def replace(value: T, /, **changes: Any) -> T:
    """The same value with other fields, made by its constructor. TypeError for a field that there is not."""
    kind: Any = type(value)
    form: _Form = kind._form
    given = {name: getattr(value, name) for name in form.names}
    given.update(changes)
    made: T = kind(*given.values()) if len(given) == len(form.names) else kind(**given)
    return made


def asdict(value: Any) -> dict[str, Any]:
    """The fields by name. Values in them stay values."""
    return {one.name: getattr(value, one.name) for one in fields(value)}


# -- the methods of every frozen class -------------------------------------------------------------------------


def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
    form: _Form = self._form
    given: Iterable[Any] = args
    if kwargs or len(args) != len(form.names):
        given = _bound(self, form, args, kwargs)
    for put, value in zip(form.puts, given, strict=True):
        put(self, value)
    if form.checked:
        self.__post_init__()


def _bound(value: Any, form: _Form, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterable[Any]:
    """What the constructor's arguments are, in their order. TypeError as a function raises it."""
    at = len(args)
    bound = {**form.blank, **kwargs} if kwargs else form.blank
    if len(bound) == len(form.names) > at and not (kwargs and not kwargs.keys().isdisjoint(form.names[:at])):
        made = [*args, *list(bound.values())[at:]]
        for index, make in form.factories:
            if made[index] is _MISSING:
                made[index] = make()
        if form.required <= at or not any(one is _MISSING for one in made[: form.required]):
            return made
    raise TypeError(_complaint(value, form, args, kwargs))


def _complaint(value: Any, form: _Form, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    who = type(value).__qualname__
    unknown = [name for name in kwargs if name not in form.blank]
    if unknown:
        return f"{who}() got an unexpected keyword argument {unknown[0]!r}"
    if len(args) > len(form.names):
        return f"{who}() takes {len(form.names)} arguments but {len(args)} were given"
    twice = [name for name in form.names[: len(args)] if name in kwargs]
    if twice:
        return f"{who}() got multiple values for argument {twice[0]!r}"
    given = {*form.names[: len(args)], *kwargs}
    missing = [name for name in form.names[: form.required] if name not in given]
    return f"{who}() missing required argument: {', '.join(map(repr, missing))}"


def __repr__(self: Any) -> str:  # noqa: N807
    given = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in self._form.fields)
    return f"{type(self).__qualname__}({given})"


def __eq__(self: Any, other: Any) -> Any:  # noqa: N807
    if type(other) is not type(self):
        return NotImplemented
    key = self._form.key
    return key(self) == key(other)


def __hash__(self: Any) -> int:  # noqa: N807
    return hash(self._form.key(self))


def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: N807
    raise AttributeError(f"cannot assign to {name!r}: a {type(self).__name__} is frozen")


def __delattr__(self: Any, name: str) -> None:  # noqa: N807
    raise AttributeError(f"cannot delete {name!r}: a {type(self).__name__} is frozen")


def __reduce__(self: Any) -> Any:  # noqa: N807
    return type(self), tuple(getattr(self, name) for name in self._form.names)


def __replace__(self: Any, /, **changes: Any) -> Any:  # noqa: N807  (copy.replace of Python 3.13)
    return replace(self, **changes)


_METHODS: tuple[Any, ...] = (
    *(__init__, __repr__, __eq__, __hash__, __setattr__, __delattr__, __reduce__, __replace__),
)
