"""The command's options, as one table that parsing and help are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..config import parse_server
from ..errors import ResolverConfigError
from ..model import Server
from ..selection import parse_type
from .exits import UsageError


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 86400:
        raise UsageError(f"{text!r} is not a positive number of seconds")
    return value


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 60000):
        raise UsageError(f"{text!r} is not a number from 1 to 60000")
    return int(text)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise UsageError(f"{text!r} is not a port from 1 to 65535")
    return int(text)


# long option -> (short option, placeholder or None for a switch, conversion, help)
TABLE: dict[str, tuple[str, str | None, Callable[[str], object], str]] = {
    "--port": ("-p", "PORT", _port, "port of the servers (53)"),
    "--resolver": ("", "NAME", str, "ares, python or thread (python)"),
    "--servers": ("-r", "A,B|FILE", str, "servers with optional ports, or a file of them"),
    "--type": ("-t", "TYPE", str, "record type (A); may be given several times"),
    "--timeout": ("", "S", _positive, "seconds per try (2)"),
    "--attempts": ("", "N", _count, "rounds over all servers (3)"),
    "--reverse": ("-x", None, str, "the names are addresses: ask for their PTR records"),
    "--json": ("", None, str, "one JSON object per answer"),
    "--help": ("-h", None, str, "print this and exit"),
    "--version": ("", None, str, "print the version and exit"),
}
_SHORT = {row[0]: name for name, row in TABLE.items() if row[0]}


@dataclass
class Options:
    """A parsed command line."""

    values: dict[str, object] = field(default_factory=dict)
    types: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    servers: list[Server] = field(default_factory=list)
    short: bool = False


def help_text() -> str:
    """What ``--help`` prints."""
    lines = [
        "usage: resolve [@server] [options] NAME... [TYPE...] [+short]",
        "       resolve bulk [FILE|-] [options]   (its own: resolve bulk --help)",
        "",
    ]
    for name, (short, placeholder, _, text) in TABLE.items():
        head = ", ".join(filter(None, (short, name))) + (f" {placeholder}" if placeholder else "")
        lines.append(f"  {head:28} {text}")
    return "\n".join(lines)


def parse(argv: list[str]) -> Options:
    """The command line as values. UsageError with one line for what cannot be."""
    made = Options()
    left = list(argv)
    try:
        while left:
            word = left.pop(0)
            if word.startswith("@"):
                made.servers.append(_server(word[1:]))
            elif word == "+short":
                made.short = True
            elif word.startswith("+"):
                raise UsageError(f"unknown option {word}")
            elif word.startswith("-") and word != "-":
                _option(made, word, left)
            elif made.names and _is_type(word):
                made.types.append(parse_type(word))
            else:
                made.names.append(word)
        given = made.values.get("--servers")
        if given is not None:
            made.servers += [parse_server(one) for one in _server_list(str(given))]
    except ResolverConfigError as error:
        raise UsageError(str(error)) from None
    port = made.values.get("--port")
    if port is not None:
        made.servers = [Server(one.address, int(str(port))) for one in made.servers]
    return made


def _server(text: str) -> Server:
    return parse_server("127.0.0.1" if text == "localhost" else text)


def _is_type(word: str) -> bool:
    try:
        parse_type(word)
    except ResolverConfigError:
        return False
    return True


def _option(made: Options, word: str, left: list[str]) -> None:
    name, equals, value = word.partition("=")
    name = _SHORT.get(name, name)
    if name not in TABLE:
        raise UsageError(f"unknown option {word}")
    _, placeholder, convert, _ = TABLE[name]
    if placeholder is None:
        made.values[name] = True
        return
    if not equals:
        if not left:
            raise UsageError(f"option {word} needs a value ({placeholder})")
        value = left.pop(0)
    try:
        made.values[name] = convert(value)
    except UsageError as error:
        raise UsageError(f"option {name}: {error}") from None
    if name == "--type":
        made.types += [parse_type(one) for one in value.split(",")]


def _server_list(given: str) -> list[str]:
    try:
        return [str(parse_server(one)) for one in given.split(",")]
    except ResolverConfigError as error:
        try:
            with open(given, encoding="utf-8", errors="replace") as file:
                lines = [line.partition("#")[0].strip() if "#" in line[:1] else line.strip() for line in file]
        except (OSError, ValueError):
            raise error from None
        return [line for line in lines if line]
