"""The options of ``resolve bench``, which are dnspyre's, as one table that parsing and help are made from."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ...errors import ResolverConfigError
from ...frozen import frozen
from ...model import Server
from ...names.record_type import parse_type
from ...system.servers import parse_server
from ..exits import FileError, UsageError

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
FAILS = ("ioerror", "negative", "error", "idmismatch")


def seconds(text: str) -> float:
    """``1m30s``, ``250ms`` or a number of seconds. UsageError for anything else."""
    parts = _PART.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise UsageError(f"{text!r} is not a time such as 10s, 1m30s or 250ms")
    return value


def delay(text: str) -> tuple[float, float]:
    """``100ms`` or ``100ms-500ms``: the least and the most."""
    least, dash, most = text.partition("-")
    found = seconds(least), seconds(most if dash else least)
    if found[0] > found[1]:
        raise UsageError(f"{text!r}: the first time is the greater one")
    return found


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 10**9):
        raise UsageError(f"{text!r} is not a positive number")
    return int(text)


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise UsageError(f"{text!r} is not a number of questions a second")
    return value


def _chance(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UsageError(f"{text!r} is not a number from 0 to 1")
    return value


def _size(text: str) -> int:
    """0 is dnspyre's default, and says nothing."""
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise UsageError(f"{text!r} is not a number from 0 to 65535")
    return int(text) or 1232


def _ednsopt(text: str) -> tuple[int, bytes]:
    code, _, data = text.partition(":")
    try:
        number, value = int(code), bytes.fromhex(data)
    except ValueError:
        number, value = -1, b""
    if not 0 <= number <= 65535:
        raise UsageError(f"{text!r} is not CODE:HEX, such as 65001:cafe")
    return number, value


def _one_of(*words: str) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if text not in words:
            raise UsageError(f"{text!r} is not one of {', '.join(words)}")
        return text

    return convert


@frozen
class Row:
    """One option: its letter, its placeholder (None for a switch), conversion, default, and help; ``many`` repeats."""

    letter: str
    value: str | None
    convert: Callable[[str], Any]
    default: Any
    help: str
    many: bool = False


TABLE: dict[str, Row] = {
    "--server": Row("-s", "ADDRESS", str, (), "the server, also @ADDRESS or tls://ADDRESS", True),
    "--port": Row("-p", "PORT", _count, None, "its port (53)"),
    "--type": Row("-t", "TYPE", parse_type, (), "record type (A); repeat it for several", True),
    "--number": Row("-n", "N", _count, None, "ask all names N times in each worker (1)"),
    "--duration": Row("-d", "TIME", seconds, None, "ask for so long: 10s, 1m30s"),
    "--concurrency": Row("-c", "N", _count, 1, "workers, each asks one at a time (1)"),
    "--rate-limit": Row("-l", "QPS", _rate, 0.0, "questions a second, all workers together"),
    "--rate-limit-worker": Row("", "QPS", _rate, 0.0, "questions a second of each worker"),
    "--request-delay": Row("", "TIME", delay, (0.0, 0.0), "pause after each answer: 100ms-500ms"),
    "--probability": Row("", "P", _chance, 1.0, "ask each name with this chance, 0 to 1"),
    "--request": Row("", "TIME", seconds, 5.0, "wait so long for each answer (5s)"),
    "--tcp": Row("", None, bool, False, "over TCP"),
    "--dnssec": Row("", None, bool, False, "set the DO bit"),
    "--norecurse": Row("", None, bool, False, "clear the RD bit; also --no-recurse"),
    "--edns0": Row("", "BYTES", _size, 1232, "largest reply over UDP, as EDNS says it (1232)"),
    "--ednsopt": Row("", "CODE:HEX", _ednsopt, (), "send this EDNS option; repeat it for several", True),
    "--dot": Row("", None, bool, False, "over TLS (port 853), as with @tls://ADDRESS"),
    "--insecure": Row("", None, bool, False, "take any certificate"),
    "--fail": Row("", "WHAT", _one_of(*FAILS), (), f"status 1 upon {', '.join(FAILS)}", True),
    "--json": Row("", None, bool, False, "the report as JSON, with dnspyre's keys"),
    "--csv": Row("", "FILE", str, None, "write the latencies' distribution to FILE"),
    "--plot": Row("", "DIR", str, None, "write plots to DIR"),
    "--plotf": Row("", "FORM", _one_of("svg"), "svg", "form of the plots: svg"),
    "--prometheus": Row("", "FILE|:PORT", str, None, "for Prometheus: to FILE, or by HTTP"),
    "--silent": Row("", None, bool, False, "print no report"),
    "--help": Row("-h", None, bool, False, "print this"),
}
#: dnspyre's options that have no meaning here, or mean what is done anyway; those in the second set have a value.
_PASSED_OVER = frozenset(
    ("--recurse", "-r", "--separate-worker-connections",
     *(f"--{no}{one}" for one in ("codes", "distribution", "color", "progress") for no in ("", "no-")))
)  # fmt: skip
_PASSED_OVER_VALUES = frozenset(("--min", "--max", "--precision", "--read", "--write", "--connect", "--query-per-conn"))
_LETTERS = {row.letter: name for name, row in TABLE.items() if row.letter}


class Options:
    """A parsed command line: what was given, or the defaults; the ``names`` and the ``servers``."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.names: list[str] = []
        self.servers: list[Server] = []

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name, TABLE[name].default)


def help_text() -> str:
    """What ``resolve bench --help`` prints."""
    lines = [
        "usage: resolve bench [@SERVER] NAME|@FILE... [options]",
        "",
        "Ask a server again and again, and say how fast it answers. A FILE has names,",
        "one a line. Without a server: those of resolv.conf.",
        "",
    ]
    for name, row in TABLE.items():
        head = ", ".join(filter(None, (row.letter, name))) + (f" {row.value}" if row.value else "")
        lines.append(f"  {head:27} {row.help}")
    lines += ["", "Exit status: 0; 1 for wrong options, or what --fail names; 9 if no question got", "an answer."]
    return "".join(f"{line}\n" for line in lines)


def parse(words: list[str]) -> Options:
    """The command line as values. UsageError with one line for what cannot be, FileError for a file of names."""
    made = Options()
    left = words[::-1]
    given: list[str] = []
    while left:
        word = left.pop()
        if word.startswith("-") and len(word) > 1:
            _option(made, word, left)
        else:
            given.append(word)
    if made["--help"]:
        return made
    if made["--number"] is not None and made["--duration"] is not None:
        raise UsageError("--number and --duration exclude each other")
    for word in given:
        _operand(made, word)
    try:
        servers = [parse_server(one) for one in made["--server"]]
    except ResolverConfigError as error:
        raise UsageError(str(error)) from None
    made.servers += servers
    if not made.names:
        raise UsageError("no name given; try resolve bench --help")
    return made


def _operand(made: Options, word: str) -> None:
    """A name, ``@server``, or ``@file`` of names, as dnspyre's."""
    if not word.startswith("@"):
        if "://" in word:
            raise UsageError(f"{word} is no name, and lists are not fetched; give a file as @FILE, a server as @{word}")
        made.names.append(word)
        return
    with suppress(ResolverConfigError):
        made.servers.append(parse_server(word[1:]))
        return
    try:
        with open(word[1:], encoding="utf-8", errors="surrogateescape") as file:
            made.names += [line.strip() for line in file if line.strip() and not line.startswith("#")]
    except OSError as error:
        raise FileError(
            f"{word} is neither a server's address nor a file of names that can be read: {error.strerror or error}"
        ) from None


def _option(made: Options, word: str, left: list[str]) -> None:
    name, equals, value = word.partition("=")
    if word[:2] in _LETTERS and not word.startswith("--") and len(word) > 2:
        name, equals, value = word[:2], "=", word[2:].removeprefix("=")
    if name in _PASSED_OVER:
        return
    if name in _PASSED_OVER_VALUES:
        if not equals:
            del left[-1:]
        return
    name = {"--no-recurse": "--norecurse"}.get(name, _LETTERS.get(name, name))
    row = TABLE.get(name)
    if row is None:
        raise UsageError(f"unknown option {word}; try resolve bench --help")
    if row.value is None:
        if equals:
            raise UsageError(f"option {name} takes no value")
        made.values[name] = True
        return
    if not equals:
        if not left:
            raise UsageError(f"option {word} needs a value ({row.value})")
        value = left.pop()
    try:
        found = row.convert(value)
    except (UsageError, ResolverConfigError) as error:
        raise UsageError(f"option {name}: {error}") from None
    made.values[name] = (*made[name], found) if row.many else found
