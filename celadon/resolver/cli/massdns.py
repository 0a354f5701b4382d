"""The command under the name ``massdns``, for programs that call it: its options as those of ``resolve bulk``.

A link by that name is enough (``ln -s $(command -v resolve) massdns``). puredns and shuffledns call it so. Exit status
as massdns': 0 when all names were asked, whatever came, 1 for what could not begin.
"""

from __future__ import annotations

import os
import sys

from ..errors import ResolverConfigError
from ..system.servers import parse_server
from . import help_texts
from .commands import load, version_line
from .exits import INSIDE, NO_REPLY, OK, USAGE, FileError, UsageError, complain

_MOST_AT_ONCE = 60000
_MOST_TRIES = 50
_LETTERS = {
    "-b": "--bindto", "-c": "--resolve-count", "-h": "--help", "-i": "--interval", "-l": "--error-log",
    "-n": "--norecurse", "-o": "--output", "-q": "--quiet", "-r": "--resolvers", "-s": "--hashmap-size",
    "-t": "--type", "--types": "--type", "-w": "--outfile", "--busypoll": "--busy-poll",
}  # fmt: skip
#: massdns' option -> ours, with its value.
_VALUED = {"--filter": "--filter", "--ignore": "--ignore", "--interval": "--interval", "--outfile": "--output"}
_VALUED |= {"--bindto": "--local-address", "--output": "--output-format", "--retry": "--retry", "--type": "--type"}
#: massdns' switch -> ours.
_SWITCHES = {"--flush": "--flush", "--norecurse": "--norecurse", "--quiet": "--quiet", "--tcp-only": "--tcp-only"}
_SWITCHES |= {"--sticky": "--sticky"}
#: What changes nothing here: privileges are nobody's to drop, replies are always verified, servers have their turn.
_NOTHING = frozenset(("--root", "--busy-poll", "--verify-ip", "--predictable"))
_NOTHING_VALUED = frozenset(("--drop-group", "--drop-user", "--rcvbuf", "--sndbuf", "--socket-count", "--error-log"))
_REFUSED = frozenset(("--bindto", "--rand-src-ipv6", "--rand-src-ipv6-file", "--tcp-disabled", "--tcp-raw"))


def main(words: list[str]) -> int:
    """Run as massdns with these arguments; returns the exit status."""
    if not words:
        print(help_texts.MASSDNS, end="", file=sys.stderr)
        return USAGE
    if "-h" in words or "--help" in words:
        print(help_texts.MASSDNS, end="", file=sys.stderr)
        return OK
    if "--version" in words:
        print(f"massdns ({version_line()})", file=sys.stderr)
        return OK
    try:
        code: int = load("bulk.bulk_command").main(bulk_words(words))
    except FileError as error:
        return complain(str(error), USAGE)
    except BrokenPipeError:
        raise
    except OSError as error:
        return complain(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "), USAGE)
    return {NO_REPLY: OK, INSIDE: USAGE}.get(code, code)


def bulk_words(words: list[str]) -> list[str]:
    """The arguments of massdns as those of ``resolve bulk``. UsageError for what is missing or cannot be."""
    given = _Given(words)
    made = ["--schema", "massdns", *given.words]
    if not given.servers:
        raise UsageError("massdns: no servers; name a file of them: -r FILE")
    made += ["--resolvers", ",".join(given.servers)]
    seen = set(given.words)
    for option, value in (("--output-format", "F"), ("--interval", "500"), ("--retry", _RETRY)):
        if option not in seen:
            made += [option, value]
    made += ["--concurrency", str(given.numbers.get("--hashmap-size", 10000))]
    made += ["--tries", str(given.numbers.get("--resolve-count", _MOST_TRIES))]
    form = made[made.index("--output-format") + 1]
    made += ["--ignore", "ILLEGAL_INPUT"]
    if "e" not in form:
        # Nothing is written of names whose tries are used up.
        retried = [made[at + 1] for at, word in enumerate(made) if word == "--retry" and made[at + 1] != "never"]
        made += ["--no-failures", *(word for one in retried for word in ("--ignore", one))]
    return made + given.source


_RETRY = "FORMERR,SERVFAIL,NOTIMP,REFUSED"


class _Given:
    """massdns' arguments, read."""

    def __init__(self, words: list[str]) -> None:
        self.words: list[str] = []
        self.numbers: dict[str, int] = {}
        self.servers: list[str] = []
        self.source: list[str] = []
        left = words[::-1]
        while left:
            self._read(left.pop(), left)

    def _read(self, word: str, left: list[str]) -> None:
        name = _LETTERS.get(word, word)
        if name in _SWITCHES:
            self.words.append(_SWITCHES[name])
        elif name in _VALUED:
            self.words += [_VALUED[name], _value(word, left)]
        elif name == "--extended-input":
            self.words += ["--input-format", "name server"]
        elif name in _NUMBERS:
            least, most = _NUMBERS[name]
            self.numbers[name] = _number(word, _value(word, left), least, most)
        elif name in _NOTHING_VALUED:
            _value(word, left)
        elif name == "--resolvers":
            self.servers = servers_of(_value(word, left))
        elif name == "--status-format":
            form = _value(word, left)
            self.words += ["--status-format", "auto" if form == "ansi" else form]
        elif name == "--processes":
            count = _number(word, _value(word, left), 0, 64) or os.cpu_count() or 1
            self.words += ["--processes", str(min(count, 64))]
        elif name in _REFUSED:
            raise UsageError(f"massdns: {word} is not supported by resolve")
        elif name not in _NOTHING:
            if name.startswith("-") and name != "-":
                raise UsageError(f"massdns: unknown option {word}; try massdns --help")
            self.source.append(name)


_NUMBERS = {"--hashmap-size": (1, _MOST_AT_ONCE), "--resolve-count": (1, _MOST_TRIES)}


def _value(word: str, left: list[str]) -> str:
    if not left:
        raise UsageError(f"massdns: missing value for {word}")
    return left.pop()


def _number(word: str, text: str, least: int, most: int) -> int:
    """The number, brought down to ``most``, which is what we allow and less than massdns does; ``auto`` is the most."""
    if text == "auto":
        return most
    if not (text.isascii() and text.isdigit() and int(text) >= least):
        raise UsageError(f"massdns: {word} needs a number of at least {least}, not {text!r}")
    return min(int(text), most)


def servers_of(path: str) -> list[str]:
    """The servers of a file, one a line; as massdns does, any other line is reported and skipped."""
    found = []
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            text = line.strip()
            try:
                parse_server(text)
            except ResolverConfigError:
                if text and not text.startswith("#"):
                    complain(f"massdns: {text!r} is not a server; skipped", OK)
                continue
            found.append(text)
    if not found:
        raise UsageError(f"massdns: {path}: no server in this file")
    return found
