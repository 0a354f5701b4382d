"""What answers have in common that keep a reply as it came, and make records of it when they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..frozen import fields
from ..model import Answer

T = TypeVar("T")

_FIELDS = tuple(field.name for field in fields(Answer))


class Undecoded(Answer):
    """An answer whose fields are properties. Equal in every attribute to the Answer that ``plain()`` makes of it."""

    __slots__ = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """For ``replace``: a changed answer is no longer the reply, so it becomes a plain Answer."""
        return Answer(*args, **kwargs)

    def __reduce__(self) -> Any:
        return Answer, _values(self)

    def __eq__(self, other: object) -> bool:
        return _values(self) == _values(other) if isinstance(other, Answer) else NotImplemented

    def __hash__(self) -> int:
        return Answer.__hash__(self)

    def plain(self) -> Answer:
        """The same answer without the reply, as a plain Answer."""
        return Answer(*_values(self))


def computed(read: Callable[[Any], T]) -> T:
    """A property in place of a field, which type checkers see as the field."""
    return property(read)  # type: ignore[return-value]


def _values(answer: Answer) -> tuple[Any, ...]:
    return tuple([getattr(answer, name) for name in _FIELDS])


def with_defaults(kind: type[Undecoded]) -> type[Undecoded]:
    """The class with a field's default where it has neither a slot nor a property, such as for ``cached``."""
    for one in fields(Answer):
        if one.name not in vars(kind) and one.name != "question":
            setattr(kind, one.name, one.default)
    return kind
