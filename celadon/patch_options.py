"""The command line's options for ``patch_all``, which ``celadon program.py`` and ``celadon serve`` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class UsageError(Exception):
    """A command line that cannot be; the text is one line."""


def listed(text: str) -> list[str]:
    """The parts between commas."""
    return [one for one in text.split(",") if one]


def _cache(text: str) -> int | bool:
    return int(text) or False


#: Options with a value -> what makes the value of the keyword of ``patch_all``.
_VALUES: dict[str, Callable[[str], Any]] = {
    "--resolver": str,
    "--servers": listed,
    "--search": listed,
    "--timeout": float,
    "--attempts": int,
    "--deadline": float,
    "--cache": _cache,
    "--concurrency": int,
    "--rate": float,
}


def value_of(option: str, value: str | None, args: list[str], convert: Callable[[str], Any]) -> Any:
    """What an option is set to: the ``value`` after its ``=``, or the next of ``args``, which is taken out."""
    if value is None:
        if not args:
            raise UsageError(f"{option} needs a value")
        value = args.pop(0)
    elif not value and option != "--search":
        raise UsageError(f"{option} needs a value")
    try:
        return convert(value)
    except ValueError as error:
        why = str(error)
        if "could not convert" in why or "invalid literal" in why:  # Python's own, which speaks of types
            raise UsageError(f"{option}: {value!r} is not a number") from None
        raise UsageError(f"{option}: {why if repr(value) in why else f'{value!r} is not {why}'}") from None


def split(option: str) -> tuple[str, str | None]:
    """An argument's name, and the value after its ``=``, None if there is none."""
    name, equals, value = option.partition("=")
    return name, value if equals else None


def patch_option(option: str, value: str | None, args: list[str]) -> tuple[str, Any] | None:
    """The keyword and the value for ``patch_all`` that one option stands for; None if it is another's."""
    if option in _VALUES:
        return option[2:], value_of(option, value, args, _VALUES[option])
    if option in ("--sys", "--files"):
        return option[2:], True
    if option.startswith("--no-"):
        return option[5:], False
    return None


def is_resolver_option(keyword: str) -> bool:
    """Whether a keyword is the resolver's: it chooses nothing that is patched."""
    return f"--{keyword}" in _VALUES


__all__ = ["UsageError", "is_resolver_option", "listed", "patch_option", "split", "value_of"]
