"""``resolve hosts``: what a program gets from getaddrinfo, in the form of ``getent ahosts``."""

from __future__ import annotations

import _socket
import sys
from typing import Any

from ..factory import make
from . import help_texts
from .escapes import printable
from .exits import OK, UsageError, complain

_NOT_FOUND = 2  # as getent's
_KINDS = {1: "STREAM", 2: "DGRAM", 3: "RAW"}


def main(words: list[str]) -> int:
    """Run ``resolve hosts`` with these arguments; returns the exit status."""
    names: list[str] = []
    options: dict[str, Any] = {}
    family, resolver = 0, None
    left = words[::-1]
    while left:
        word = left.pop()
        option, equals, value = word.partition("=")
        if word in ("-h", "--help"):
            print(help_texts.HOSTS, end="")
            return OK
        if word in ("-4", "-6"):
            family = int(_socket.AF_INET if word == "-4" else _socket.AF_INET6)
        elif option in ("--resolver", "--servers", "--timeout"):
            if not equals and not left:
                raise UsageError(f"option {option} needs a value")
            value = value if equals else left.pop()
            if option == "--resolver":
                resolver = value
            else:
                options[option[2:]] = value.split(",") if option == "--servers" else _seconds(value)
        elif word.startswith("-"):
            raise UsageError(f"unknown option {word}; try resolve hosts --help")
        else:
            names.append(word)
    if not names:
        raise UsageError("no name given; try resolve hosts --help")
    made = make(resolver, **options)
    code = OK
    try:
        for name in names:
            try:
                sys.stdout.write(ahosts(made, name, family))
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                code = complain(f"{name}: {reason}", _NOT_FOUND)
    finally:
        made.close()
    return code


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"option --timeout: {text!r} is not a number of seconds") from None


def ahosts(resolver: Any, name: str, family: int = 0) -> str:
    """The lines of ``getent ahosts NAME``."""
    flags = _socket.AI_V4MAPPED | _socket.AI_ADDRCONFIG | _socket.AI_CANONNAME
    if family == _socket.AF_INET6:
        flags = _socket.AI_V4MAPPED | _socket.AI_CANONNAME
    lines = []
    for _, kind, _, canonical, address in resolver.getaddrinfo(name, None, family, 0, 0, flags):
        lines.append(f"{address[0]:15} {_KINDS.get(kind, kind):6} {printable(canonical)}\n")
    return "".join(lines)
