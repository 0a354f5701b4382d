"""The input of ``resolve bulk``: lines of several forms to questions, lazily, with a note of what is done.

The input is read in blocks of some lines (with --ptr: addresses). Each block knows which of its questions are done, so
a run that goes on asks exactly the others, whatever the order in which answers came.
"""

from __future__ import annotations

import csv
import ipaddress
import json
import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from typing import Any

from ...bulk_lookup import question_for
from ...errors import Kind, ResolveError, ResolverConfigError
from ...frozen import frozen, replace
from ...model import QueryOptions, Question, RRType, Server
from ...names.address import reverse
from ...names.domain import fits
from ...names.record_type import parse_type
from ...system.servers import parse_server
from ..escapes import clipped, printable, strict
from ..exits import UsageError
from .checkpoint import Place, Span, State
from .files import PENDING
from .zone_lines import ZoneLines

_CHUNK = 128  # lines that another process gets at a time
_BLOCK = 64  # lines whose questions are noted together
_LONGEST = 1020  # characters: a name of 255 octets, all of them escaped
_FUZZ = "FUZZ"  # in a pattern: where the word goes, as ffuf and dnsx have it
_COMMENTS = {"dnsperf": b"#;", "zone": b";"}  # what begins a line that asks nothing; elsewhere only #


class Block:
    """Some lines that stand side by side in the input, and which of their questions are done.

    ``done`` has a byte for each question so far, 1 once its record is written; ``left`` counts those that are not.
    ``known`` is what a run before has done of it (``Span.known``). ``closed``: all its questions were read.
    """

    __slots__ = ("closed", "done", "end", "known", "left", "start")

    end: Place
    start: Place

    def __init__(self, start: Place = (0, 0), known: str = "") -> None:
        self.start = self.end = start
        self.known: str = known
        self.done: bytearray = bytearray()
        self.left: int = 0
        self.closed: bool = False

    def all_done(self, count: int) -> None:
        """All its questions, so many, are done."""
        self.done = bytearray(b"\1") * count
        self.left = 0
        self.closed = True

    def so_far(self) -> str:
        """What is done of it, as ``known`` says it."""
        both = zip_longest(map(str, self.done), self.known, fillvalue="0")
        return "".join([max(pair) for pair in both])

    def note(self, index: int) -> None:
        """A question is done, by its number in the block; those before it may not be known here yet."""
        done = self.done
        if index >= len(done):
            done.extend(bytes(index + 1 - len(done)))
        done[index] = 1


class Key:
    """Where a question came from: its block and its number there, the text as given, the type, what came with it."""

    __slots__ = ("block", "index", "meta", "rdtype", "text")

    def __init__(self, block: Block, index: int, text: str, rdtype: int, meta: Any) -> None:
        self.block: Block = block
        self.index: int = index
        self.text: str = text
        self.rdtype: int = rdtype
        self.meta: Any = meta


class Watermark:
    """How far all is done, and what is done beyond. ``comments`` counts the lines that ask nothing."""

    def __init__(self, state: State = State()) -> None:  # noqa: B008  (a value)
        self.at: Place = state.at
        self.done: int = state.done  # questions before it
        self.spans: deque[Span] = deque(state.spans)  # of the run before, and not reached yet
        self.comments = 0
        self._blocks: deque[Block] = deque()

    def open(self, start: Place, known: str = "") -> Block:
        """A new block behind those that are open."""
        block = Block(start, known)
        self._blocks.append(block)
        return block

    def again(self, span: Span) -> Block:
        """A block that is what a run before has left of it."""
        block = self.open(span.start, span.known if isinstance(span.known, str) else "")
        block.end = span.end
        if isinstance(span.known, int):
            block.all_done(span.known)
        return block

    def settle(self) -> Place:
        """Move past every block that is done; returns where that is."""
        blocks = self._blocks
        while blocks and blocks[0].closed and not blocks[0].left:
            block = blocks.popleft()
            self.at = block.end
            self.done += len(block.done)
        return self.at

    def state(self, size: int, finished: bool) -> State:
        """What a checkpoint says when the output has ``size`` bytes."""
        self.settle()
        spans: list[Span] = []
        for block in self._blocks:
            if block.start == block.end:
                continue  # the end of the input
            if block.closed and not block.left:
                before = spans[-1] if spans else None
                if before is not None and isinstance(before.known, int) and before.end == block.start:
                    spans[-1] = Span(before.start, block.end, before.known + len(block.done))
                else:
                    spans.append(Span(block.start, block.end, len(block.done)))
            elif 1 in block.done or "1" in block.known:
                spans.append(Span(block.start, block.end, block.so_far()))
        return State(self.at, self.done, (*spans, *self.spans), size, finished)


@frozen
class Form:
    """How a line becomes questions."""

    kind: str = "names"
    types: tuple[int, ...] = (1,)
    prefix: str = ""
    suffix: str = ""
    ptr: bool = False
    meta: bool = False
    options: QueryOptions | None = None
    #: Names with FUZZ, where the word of a line is put.
    patterns: tuple[str, ...] = ()
    origin: str = ""  # of a zone file

    @property
    def simple(self) -> bool:
        """Whether a line is a name and nothing else."""
        plain = self.kind == "names" and not (self.prefix or self.suffix or self.ptr or self.options or self.patterns)
        return plain and RRType.PTR not in self.types


Asked = tuple[Key, Question | ResolveError]


# -- reading -----------------------------------------------------------------------------------------------------


def units(lines: Iterable[Any], form: Form, mark: Watermark, most: int) -> Iterator[tuple[Any, bytes]]:
    """Each line that is to be asked, with its block, from the mark on; a network of --ptr address by address.

    A block is closed after ``most`` lines, and before ``(PENDING, b"")``, which comes where ``lines`` has PENDING.
    """
    offset, first = mark.at
    split = _splitter(form)
    comment = _COMMENTS.get(form.kind, b"#")
    block: Any = None
    span: Span | None = None  # that the line is in
    count = 0
    for raw in lines:
        if raw is PENDING:
            _close(block)
            block = None
            yield PENDING, b""
            continue
        line = raw.strip()
        if line[:1] and line[0] in comment:
            mark.comments += 1
        elif line:
            for index, unit in enumerate(split(raw, first) if split else (line,)[first:], first):
                if span is not None and span.end <= (offset, index):
                    span = None
                if span is None and mark.spans and (span := _span_at(mark.spans, (offset, index))) is not None:
                    _close(block)
                    block, count = mark.again(span), 0
                if span is not None:
                    if not block.closed:
                        yield block, unit
                    continue
                if block is None or block.known or block.closed or count >= most:
                    _close(block)
                    block, count = mark.open((offset, index)), 0
                block.end = (offset, index + 1)
                count += 1
                yield block, unit
        offset += len(raw)
        first = 0
    _close(block)
    end = mark.open((offset, 0))
    end.closed = True


def _close(block: Block | None) -> None:
    if block is not None:
        block.closed = True


def _span_at(spans: deque[Span], place: Place) -> Span | None:
    """Take out the span that a place is in; those before it are dropped."""
    while spans and spans[0].end <= place:
        spans.popleft()
    return spans.popleft() if spans and spans[0].start <= place else None


def _splitter(form: Form) -> Callable[[bytes, int], Iterable[bytes]] | None:
    """What makes several units, or none, of a line; None: a line is one."""
    if form.kind == "zone":
        zone = ZoneLines(form.origin)

        def owners(line: bytes, first: int) -> Iterable[bytes]:
            owner = zone.owner(line.decode("utf-8", "surrogateescape"))
            return (owner.encode("utf-8", "surrogateescape"),) if owner else ()

        return owners
    return (lambda line, first: _addresses(line.strip(), first)) if form.ptr else None


def _addresses(line: bytes, first: int) -> Iterator[bytes]:
    """The addresses of a network from this one on, never all in memory; what is no network as it is."""
    try:
        network = ipaddress.ip_network(line.decode("ascii"), strict=False)
    except ValueError:
        yield from (line,)[first:]
        return
    for index in range(first, network.num_addresses):
        yield str(network[index]).encode()


def questions(lines: Iterable[Any], form: Form, mark: Watermark) -> Iterator[Asked]:
    """The questions of the lines, which begin where the mark stands."""
    types, simple = form.types, form.simple
    for block, line in units(lines, form, mark, max(_BLOCK // (len(form.patterns) or 1), 1)):
        if block is PENDING:
            yield PENDING
            continue
        if simple and not block.known and line.isascii():
            text = line.decode()
            if text.isprintable() and " " not in text and len(text) <= 255:
                done = block.done
                for rdtype in types:
                    index = len(done)
                    done.append(0)
                    block.left += 1
                    yield Key(block, index, text, rdtype, None), question_for(text, rdtype)
                continue
        yield from of_block(block, line, form)


def of_block(block: Block, line: bytes, form: Form) -> Iterator[Asked]:
    """The questions of one line of a block, but those that a run before has done."""
    done, known = block.done, block.known
    for name, rdtype, meta, asked in of_line(line, form):
        index = len(done)
        if known[index : index + 1] == "1":
            done.append(1)
            continue
        done.append(0)
        block.left += 1
        yield Key(block, index, name, rdtype, meta), asked


def chunks(lines: Iterable[Any], form: Form, mark: Watermark) -> Iterator[tuple[Block, list[bytes]]]:
    """The lines by the block, for other processes to work on."""
    block: Any = None
    chunk: list[bytes] = []
    for other, line in units(lines, form, mark, max(_CHUNK // (len(form.patterns) or 1), 1)):
        if other is not block and chunk:
            yield block, chunk
            chunk = []
        block = other
        if other is PENDING:
            yield PENDING
        else:
            chunk.append(line + b"\n")
    if chunk:
        yield block, chunk


# -- one line ----------------------------------------------------------------------------------------------------


def of_line(line: bytes, form: Form) -> Iterator[tuple[str, int, Any, Question | ResolveError]]:
    """The questions of one line, each with the name as it was given, its type, and what came with it."""
    text = line.decode("utf-8", "surrogateescape")
    try:
        name, types, meta = _fields(text, form)
    except (ValueError, AttributeError, RecursionError, csv.Error, ResolverConfigError) as error:
        shown, detail = clipped(text), f"not {form.kind}: {clipped(str(error))}"
        for rdtype in form.types:
            yield shown, rdtype, None, ResolveError(Kind.ILLEGAL, shown, detail=detail)
        return
    server, problem = None, ""
    if form.kind in _SERVED:
        name, server, problem = _SERVED[form.kind](name)
    problem = problem or _problem(name)
    for asked_for in _expanded(name, form.patterns):
        for rdtype in types:
            shown, asked = _judged(asked_for, rdtype, form, problem)
            if server is not None and not isinstance(asked, ResolveError):
                asked = asked._replace(options=replace(asked.options or QueryOptions(), server=server))
            yield shown, rdtype, meta, asked


def _judged(name: str, rdtype: int, form: Form, problem: str) -> tuple[str, Question | ResolveError]:
    """The name as it is shown, and the question, or why there cannot be one."""
    asked = ResolveError(Kind.ILLEGAL, "", detail=problem) if problem else _question(name, rdtype, form)
    if isinstance(asked, ResolveError):
        shown = clipped(name)
        return shown, ResolveError(Kind.ILLEGAL, shown, detail=clipped(asked.detail))
    return printable(name) if len(name) <= 255 or fits(asked.name) else clipped(name), asked


def _expanded(name: str, patterns: tuple[str, ...]) -> Iterable[str]:
    """The names that a word stands for, lazily."""
    return (one.replace(_FUZZ, name) for one in patterns) if patterns else (name,)


def patterns_of(given: str | None) -> tuple[str, ...]:
    """The patterns of ``-d``: a file has one a line; a word goes before a domain, or where it says FUZZ."""
    if given is None:
        return ()
    if os.path.isfile(given):
        with open(given, encoding="utf-8") as file:
            found = [line.partition("#")[0].strip() for line in file]
    else:
        found = [one.strip() for one in given.split(",")]
    made = tuple([one if _FUZZ in one else f"{_FUZZ}.{one.lstrip('.')}" for one in found if one])
    if not made:
        raise UsageError(f"option --domain: {given}: no domain")
    return made


def _after_comma(text: str) -> tuple[str, Server | None, str]:
    """``name,server``, as zdns reads it."""
    name, _, server = text.partition(",")
    return _served(name.strip(), server.strip())


def _after_space(text: str) -> tuple[str, Server | None, str]:
    """``name server …``, as massdns reads it with ``--extended-input``; the first server is asked."""
    name, _, servers = text.partition(" ")
    return _served(name, servers.strip().partition(" ")[0])


def _served(name: str, server: str) -> tuple[str, Server | None, str]:
    try:
        return name, parse_server(server) if server else None, ""
    except ResolverConfigError as error:
        return name, None, str(error)


_SERVED = {"name,server": _after_comma, "name server": _after_space}


def _problem(name: str) -> str:
    """Why a name cannot be one, before anybody works on it."""
    if len(name) > _LONGEST:
        return f"{len(name)} characters; a name has 255 octets at most"
    if any(map(str.isspace, name)):
        return "white space inside a name; write \\032 if it is meant"
    if strict(name) is not name and strict(name) != name:
        return "not UTF-8"
    return ""


def _question(name: str, rdtype: int, form: Form) -> Question | ResolveError:
    if form.ptr or rdtype == RRType.PTR:
        try:
            asked: Question | ResolveError = Question(reverse(str(ipaddress.ip_address(name))), rdtype)
        except ValueError:
            if form.ptr and not name.lower().rstrip(".").endswith((".in-addr.arpa", ".ip6.arpa")):
                return ResolveError(
                    Kind.ILLEGAL, name, detail="not an address, a network or a name under in-addr.arpa or ip6.arpa"
                )
            asked = question_for(form.prefix + name + form.suffix, rdtype)
    else:
        asked = question_for(form.prefix + name + form.suffix, rdtype)
    return asked if form.options is None or isinstance(asked, ResolveError) else asked._replace(options=form.options)


def _fields(text: str, form: Form) -> tuple[str, tuple[int, ...], Any]:
    if form.kind == "csv":
        row = next(csv.reader([text]), [""]) or [""]
        return row[0].strip(), form.types, [strict(one) for one in row[1:]] or None if form.meta else None
    if form.kind == "dnsperf":
        words = text.split()
        return words[0], (parse_type(words[1]),) if len(words) > 1 else form.types, None
    if form.kind == "jsonl":
        row = json.loads(text)
        if not isinstance(row, dict) or not isinstance(row.get("name"), str):
            raise ValueError("not an object with a name")
        types = (parse_type(row["type"]),) if "type" in row else form.types
        return row["name"], types, _strict(row.get("meta")) if form.meta else None
    return text, form.types, None


def _strict(value: Any) -> Any:
    """JSON data as any JSON reader takes it back. ValueError for what has no such form."""
    if isinstance(value, str):
        return strict(value)
    if isinstance(value, list):
        return [_strict(one) for one in value]
    if isinstance(value, dict):
        return {strict(key): _strict(one) for key, one in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number in its meta is too large, or none")
    return value
