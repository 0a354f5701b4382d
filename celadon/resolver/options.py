"""The checks of a resolver's options, the same whichever function an option is given to."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from .. import late
from .errors import ResolverConfigError

difflib: Any = late.module("difflib")  # for an error's advice


def unknown_option(who: str, given: Iterable[str], known: Collection[str]) -> TypeError:
    """The error for keywords that ``who`` does not take: one line that names the nearest one, or all there are."""
    names = ", ".join(repr(one) for one in given)
    near = [match for one in given for match in difflib.get_close_matches(one.replace("-", "_"), known, 1)]
    advice = f"did you mean {', '.join(near)}?" if near else f"it takes {', '.join(known)}"
    return TypeError(f"{who}: no option {names}; {advice}")


def number(name: str, value: Any, kind: type = float, least: float = 0) -> Any:
    """``value`` as ``kind``. ResolverConfigError unless it is a number over 0, or from ``least`` up."""
    wanted = "a whole number" if kind is int else "a number"
    bound = f"of at least {least:g}" if least else "over 0"
    try:
        good = not isinstance(value, bool) and kind(value) == value and (value >= least if least else value > 0)
    except (TypeError, ValueError, OverflowError):
        good = False
    if not good:
        raise ResolverConfigError(f"{name}: {value!r} is not {wanted} {bound}")
    return kind(value)


def texts(name: str, value: Any, kinds: type | tuple[type, ...] = str) -> tuple[Any, ...]:
    """One text, or several, as a tuple. ResolverConfigError for anything else."""
    if isinstance(value, kinds):
        return (value,)
    try:
        found = tuple(value)
    except TypeError:
        raise ResolverConfigError(f"{name}: {value!r} is not a text or a list of texts") from None
    for one in found:
        if not isinstance(one, kinds):
            raise ResolverConfigError(f"{name}: {one!r} is not a text")
    return found


__all__ = ["number", "texts", "unknown_option"]
