"""From words to a Command: dig's grammar, in which the order of words means something.

What stands before the first name holds for all names; what stands behind names holds for those, up to the next name.
Names side by side are one group and share what follows: ``resolve a.example b.example MX +short`` asks for two MX
records, ``resolve a.example A b.example MX`` for two different things. A group with several types asks for each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .... import late
from ...dns.rdata import Message
from ...dns.wire import encode_name
from ...errors import ResolveError
from ...model import RRType
from ...names.address import normal, reverse
from ...names.domain import to_ascii
from ..exits import UsageError
from .dig_options import LETTERS, LONG, PLUS, Option, find, rdclass, rdtype, with_type
from .settings import Command, Lookup, Run, Settings

difflib: Any = late.module("difflib")  # for an error's advice


class _Group:
    """Names that stand side by side, and what was said of them."""

    def __init__(self, settings: Settings) -> None:
        self.names: list[tuple[str, bool]] = []  # and whether it is an address, to be asked for its name
        self.settings = settings
        self.closed = False

    def lookups(self) -> Iterator[Lookup]:
        settings = self.settings
        for given, is_address in self.names:
            default = RRType.PTR if is_address else RRType.NS if settings.nssearch else RRType.A
            name = _reverse(given) if is_address else _asked(given, settings.idnin)
            for kind in settings.types or (int(default),):
                yield Lookup(given, name, kind, settings)


def _reverse(given: str) -> str:
    found = normal(given)
    if found is None and re.fullmatch(r"(\d{1,3}\.){0,2}\d{1,3}\.?", given):
        return ".".join(given.rstrip(".").split(".")[::-1]) + ".in-addr.arpa"  # of a network, as dig
    if found is None:
        raise UsageError(f"-x: {given!r} is not an IP address")
    return reverse(found[1])


def _asked(given: str, idn: bool) -> str:
    if not given:
        raise UsageError("an empty name: ILLEGAL_INPUT")
    if not idn and not given.isascii():
        raise UsageError(f"{given}: ILLEGAL_INPUT: not ASCII, and +noidnin")
    try:
        return canonical(to_ascii(given))
    except ResolveError as error:
        raise UsageError(error.explain()) from None


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def canonical(name: str) -> str:
    """A name as an answer would write it: with the escapes that it needs and no others (RFC 4343 §2.1)."""
    if _PLAIN.issuperset(name):
        return name
    end = "." if name.endswith(".") and not name.endswith("\\.") else ""
    return Message(encode_name(name[: len(name) - len(end)])).name(0)[0] + end


class _Parser:
    def __init__(self, run: Run, base: Settings) -> None:
        self.run = run
        self.base = base
        self.group: _Group | None = None
        self.groups: list[_Group] = []
        self.open = True  # a word may be a type or a class
        self.short: bool | None = None

    def words(self, words: list[str]) -> None:
        left = words[::-1]
        while left:
            word = left.pop()
            if word == "--":
                while left:
                    self.name(left.pop())
            elif word.startswith("@"):
                self.server(word[1:])
            elif word.startswith("+"):
                self.keyword(word, word[1:], PLUS, None)
            elif word.startswith("--"):
                self.keyword(word, word[2:], LONG, left)
            elif word.startswith("-") and word != "-":
                self.letters(word, left)
            else:
                self.plain(word)

    def settings(self, settings: Settings) -> None:
        if self.group is None:
            self.base = settings
        else:
            self.group.settings = settings
            self.group.closed = True

    @property
    def current(self) -> Settings:
        return self.base if self.group is None else self.group.settings

    def name(self, word: str, is_address: bool = False) -> None:
        if self.group is None or self.group.closed:
            self.group = _Group(self.base)
            self.groups.append(self.group)
            self.open = True
        self.group.names.append((word, is_address))

    def server(self, text: str) -> None:
        if not text:
            raise UsageError("@ needs a server")
        settings = self.current
        self.settings(settings._replace(servers=(*settings.servers, text)))

    def plain(self, word: str) -> None:
        kind = rdtype(word) if self.open else None
        number = rdclass(word) if self.open and kind is None else None
        if kind is not None:
            self.settings(with_type(self.current, word, kind))
        elif number is not None:
            self.settings(self.current._replace(rdclass=number))
        else:
            self.name(word)

    def letters(self, word: str, left: list[str]) -> None:
        rest = word[1:]
        while rest:
            letter, rest = rest[0], rest[1:]
            option = LETTERS.get(letter)
            if option is None:
                raise UsageError(f"unknown option {word}; try resolve --help")
            if option.value:
                value = rest or (left.pop() if left else None)
                if value is None:
                    raise UsageError(f"option {word} needs a value ({option.value})")
                self.apply(f"-{letter}", option, value, True)
                return
            self.apply(f"-{letter}", option, None, True)

    def keyword(self, word: str, text: str, among: dict[str, Option], left: list[str] | None) -> None:
        """``left`` are the words from which a value may be taken that does not follow an equals sign."""
        name, equals, given = text.partition("=")
        value = given if equals else None
        positive = True
        option = find(name.lower(), among)
        if option is None and name.lower().startswith("no"):
            option = find(name[2:].lower().removeprefix("-"), among)
            positive = False
            if option is not None and not option.no:
                option = None
        if option is None:
            near = difflib.get_close_matches(name.lower(), among, 1)
            advice = f"did you mean {word[: len(word) - len(text)]}{near[0]}?" if near else "try resolve --help"
            raise UsageError(f"unknown option {word}; {advice}")
        if positive and option.value and not option.value.startswith("[") and value is None:
            value = left.pop() if left else None
            if value is None:
                raise UsageError(f"option {word} needs a value ({option.value})")
        if value is not None and not option.value:
            raise UsageError(f"option {word.partition('=')[0]} takes no value")
        self.apply(word.partition("=")[0], option, value, positive)

    def apply(self, word: str, option: Option, value: str | None, positive: bool) -> None:
        try:
            if option.name in ("name", "reverse"):
                self.name(value or "", option.name == "reverse")
            elif option.whole:
                self.run = option.change(self.run, value, positive)
            else:
                self.settings(option.change(self.current, value, positive))
                if option.name == "short":
                    self.short = positive  # as dig: for all names, wherever it stands
                if option.name in ("type", "class"):
                    self.open = False
        except UsageError as error:
            raise UsageError(f"option {word}: {error}") from None


def parse(words: list[str], run: Run | None = None, base: Settings | None = None) -> Command:
    """The command that these words are. UsageError with one line for what cannot be.

    ``run`` and ``base`` are those of the command line that a batch file belongs to.
    """
    parser = _Parser(run or Run(), base or Settings())
    parser.words(words)
    made = parser.run
    if made.strict and made.warnings:
        raise UsageError(f"{made.warnings[0]} is not supported")
    if parser.short is not None:
        for group in parser.groups:
            group.settings = group.settings._replace(short=parser.short)
    lookups = tuple(one for group in parser.groups for one in group.lookups())
    if not parser.groups and parser.base.types:
        lookups = tuple(Lookup(".", ".", kind, parser.base) for kind in parser.base.types)  # as dig: the root
    return Command(made, parser.base, lookups)
