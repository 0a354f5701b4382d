"""The options of ``resolve bulk``, as one table that parsing and help are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ...errors import ResolverConfigError
from ...model import Rcode, Server
from ...names.record_type import parse_type
from ...system.servers import parse_server
from ..exits import UsageError


def _number(least: float, most: float, what: str, whole: bool = True) -> Callable[[str], object]:
    def convert(text: str) -> object:
        try:
            value = int(text) if whole else float(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            raise UsageError(f"{text!r} is not {what}")
        return value

    return convert


def _choice(*words: str) -> Callable[[str], object]:
    def convert(text: str) -> object:
        if text not in words:
            raise UsageError(f"{text!r} is not one of {', '.join(words)}")
        return text

    return convert


def _rcodes(text: str) -> frozenset[str]:
    words = frozenset(one.strip().upper() for one in text.split(",") if one.strip())
    for one in words:
        if one not in _STATUSES:
            raise UsageError(f"{one!r} is no status; there are {', '.join(sorted(_STATUSES))}")
    return words


def _retried(text: str) -> frozenset[int]:
    if text == "never":
        return frozenset()
    return frozenset(int(Rcode[one]) for one in _rcodes(text) if one in Rcode.__members__)


_STATUSES = frozenset((*Rcode.__members__, "TIMEOUT", "UNREACHABLE", "ILLEGAL_INPUT", "CANCELLED", "ERROR", "NODATA"))
_count = _number(1, 60000, "a number from 1 to 60000")
_seconds = _number(0.001, 86400, "a positive number of seconds", whole=False)
_rate = _number(0.001, 1e7, "a positive number of questions a second", whole=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One option: its short form, its placeholder (None for a switch), conversion, default, and what help says."""

    short: str
    value: str | None
    convert: Callable[[str], object]
    default: Any
    help: str
    group: str
    also: tuple[str, ...] = ()


def _table() -> dict[str, Row]:
    rows: dict[str, Row] = {}

    def group(title: str, **made: tuple[Any, ...]) -> None:
        for name, (short, value, convert, default, text, *also) in made.items():
            rows["--" + name.replace("_", "-")] = Row(short, value, convert, default, text, title, tuple(also))

    group(
        "input",
        input_file=("-f", "FILE", str, None, "names, one a line (or FILE as an argument; - or nothing: stdin)"),
        input_format=("", "FORM", _choice("names", "csv", "dnsperf", "jsonl"), "names",
                      "names; csv (first column); dnsperf (name type); jsonl (name, type, meta)"),
        metadata_passthrough=("", None, str, False,
                              "keep what came with a name (csv's columns, jsonl's meta) in its record"),
        prefix=("", "TEXT", str, "", "put before each name"),
        suffix=("", "TEXT", str, "", "put behind each name"),
        ptr=("", None, str, False, "the input is addresses and networks (CIDR): ask for the PTR record of each"),
    )  # fmt: skip
    group(
        "questions",
        type=("-t", "TYPE", str, None, "record type (A); repeat it, or join by commas"),
        norecurse=("", None, str, False, "without the RD bit"),
        dnssec=("", None, str, False, "with the DO bit"),
    )
    group(
        "servers",
        resolvers=("-r", "A,B|FILE", str, None, "servers with optional ports, or a file of them (resolv.conf's)",
                   "--servers", "--name-servers"),
        port=("-p", "PORT", _number(1, 65535, "a port from 1 to 65535"), None, "port of the servers (53)"),
        rotate=("", "HOW", _choice("round-robin", "in-order"), "round-robin",
                "each its turn, or the first while it answers"),
        resolver=("", "NAME", str, "python", "the engine: python, ares"),
        tcp_only=("", None, str, False, "without UDP"),
    )  # fmt: skip
    group(
        "pace",
        concurrency=("-s", "N", _count, 1000, "questions in flight"),
        rate=("", "QPS", _rate, 0.0, "questions a second, all servers together"),
        rate_per_server=("", "QPS", _rate, 0.0, "questions a second to each server"),
        inflight_per_server=("", "N", _count, 0, "questions in flight to each server"),
        no_adaptive=("", None, str, False, "keep the concurrency whatever is lost"),
        processes=("-P", "N", _number(1, 64, "a number from 1 to 64"), 1, "share the work among N processes"),
    )
    group(
        "reliability",
        tries=("-c", "N", _number(1, 50, "a number from 1 to 50"), 4, "tries for each question", "--attempts"),
        timeout=("", "S", _seconds, 2.0, "seconds for a try, at most; a fast server is asked again sooner"),
        interval=("-i", "MS", _number(1, 86_400_000, "a positive number of milliseconds"), None,
                  "the same in milliseconds"),
        retry=("", "RCODES", _retried, None, "ask again upon these (SERVFAIL,REFUSED,FORMERR,NOTIMP), or never"),
        max_unanswered=("", "PERCENT", _number(0, 100, "a percentage", whole=False), 100.0,
                        "exit with 9 when more than this got no answer"),
    )  # fmt: skip
    group(
        "output",
        output=("-w", "FILE", str, "-", "where to write (stdout)", "--output-file"),
        output_format=("-o", "FORM", _choice("J", "Je", "S", "L", "csv"), "J",
                       "J or Je: JSON lines; S: name type data; L: names that have data; csv"),
        schema=("", "NAME", _choice("native", "massdns", "zdns", "dnsx"), "native", "whose keys the JSON has"),
        ordered=("", None, str, False, "in the order of the input"),
        filter=("", "STATUS,…", _rcodes, None, "only records with these statuses"),
        ignore=("", "STATUS,…", _rcodes, None, "no records with these statuses"),
        no_failures=("", None, str, False, "no records of names that got no answer"),
        flush=("", None, str, False, "write each record at once"),
        gzip=("", None, str, False, "compress the output"),
    )  # fmt: skip
    group(
        "progress",
        status_format=("", "FORM", _choice("auto", "text", "json", "none"), "auto",
                       "on stderr: a bar (tqdm, on a terminal), text or JSON lines, or none"),
        quiet=("-q", None, str, False, "neither progress nor summary"),
        metadata_file=("", "FILE", str, None, "where to write the summary as JSON"),
        checkpoint=("", "FILE", str, None, "where to note, every few seconds and at the end, how far the work is done"),
        resume=("", None, str, False, "go on from the checkpoint, appending to the output"),
    )  # fmt: skip
    group("other", help=("-h", None, str, False, "print this and exit"),
          version=("", None, str, False, "print the version and exit"))  # fmt: skip
    return rows


TABLE = _table()
_SHORT = {row.short: name for name, row in TABLE.items() if row.short} | {
    also: name for name, row in TABLE.items() for also in row.also
}


@dataclass
class Options:
    """A parsed command line. ``options["--rate"]`` is what was given, or the default."""

    values: dict[str, Any] = field(default_factory=dict)
    types: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    servers: list[Server] = field(default_factory=list)

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name, TABLE[name].default)

    @property
    def source(self) -> str:
        """The input file, ``-`` for stdin."""
        return self["--input-file"] or (self.names[0] if self.names else "-")


def help_text() -> str:
    """What ``resolve bulk --help`` prints."""
    lines = [
        "usage: resolve bulk [FILE|-] [options]",
        "",
        "Ask DNS about many names. Exactly one record for each name and type, failures included.",
    ]
    title = ""
    for name, row in TABLE.items():
        if row.group != title:
            title = row.group
            lines += ["", f"{title}:"]
        head = ", ".join(filter(None, (row.short, name))) + (f" {row.value}" if row.value else "")
        shown = row.default not in (None, False, "", 0, 0.0) and name not in ("--output", "--input-format")
        lines.append(f"  {head:30} {row.help}{f' ({row.default})' if shown else ''}")
    return "\n".join(lines)


def parse(argv: list[str]) -> Options:
    """The command line as values. UsageError with one line for what cannot be."""
    made = Options()
    left = list(argv)
    try:
        while left:
            word = left.pop(0)
            if word.startswith("-") and word != "-":
                _option(made, word, left)
            else:
                made.names.append(word)
        given = made["--resolvers"]
        if given is not None:
            made.servers += [parse_server(one) for one in _server_list(str(given))]
    except ResolverConfigError as error:
        raise UsageError(str(error)) from None
    port = made["--port"]
    if port is not None:
        made.servers = [Server(one.address, port) for one in made.servers]
    if len(made.names) + (made["--input-file"] is not None) > 1:
        raise UsageError("bulk reads one file")
    if made["--interval"] is not None:
        made.values["--timeout"] = made["--interval"] / 1000
    if made["--resume"] and made["--checkpoint"] is None:
        raise UsageError("--resume goes on from a --checkpoint FILE; say which")
    if made["--checkpoint"] is not None and (made.source == "-" or made["--output"] == "-" or made["--gzip"]):
        raise UsageError("--checkpoint needs an input file, and an output file that can be cut (-w, not --gzip)")
    return made


def _option(made: Options, word: str, left: list[str]) -> None:
    name, equals, value = word.partition("=")
    if not word.startswith("--") and len(word) > 2 and word[:2] in _SHORT:
        name, equals, value = word[:2], "=", word[2:]
    name = _SHORT.get(name, name)
    if name not in TABLE:
        raise UsageError(f"unknown option {word}")
    row = TABLE[name]
    if row.value is None:
        if equals:
            raise UsageError(f"option {name} takes no value")
        made.values[name] = True
        return
    if not equals:
        if not left:
            raise UsageError(f"option {word} needs a value ({row.value})")
        value = left.pop(0)
    try:
        made.values[name] = row.convert(value)
    except UsageError as error:
        raise UsageError(f"option {name}: {error}") from None
    if name == "--type":
        made.types += [parse_type(one) for one in value.split(",")]


def _server_list(given: str) -> list[str]:
    """Addresses between commas, or a file with one a line; ``#`` begins a comment."""
    try:
        for one in given.split(","):
            parse_server(one)
    except ResolverConfigError as error:
        try:
            with open(given.removeprefix("@"), encoding="utf-8", errors="replace") as file:
                lines = [line.split(" #")[0].strip() for line in file if not line.lstrip().startswith("#")]
        except (OSError, ValueError):
            raise error from None
        found = [line.removeprefix("nameserver ").strip() for line in lines if line]
        if not found:
            raise UsageError(f"{given}: no server in this file") from None
        return found
    return given.split(",")
