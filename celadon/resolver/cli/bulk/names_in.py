"""The input of ``resolve bulk``: lines of several forms to questions, lazily, with a note of how far all is done.

The note is contiguous: everything before it is finished, whatever the order in which answers came. So a run that
goes on from it asks some names twice, and none never.
"""

from __future__ import annotations

import csv
import ipaddress
import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ...bulk_lookup import question_for
from ...errors import Kind, ResolveError, ResolverConfigError
from ...model import QueryOptions, Question
from ...names.address import reverse
from ...names.record_type import parse_type
from .files import PENDING

_CHUNK = 128  # lines that another process gets at a time
_BLOCK = 64  # questions that are finished together, as far as the note knows


class Block:
    """Some questions that stand side by side in the input: how many are open, and where in the input they end."""

    __slots__ = ("closed", "end", "left", "total")

    def __init__(self) -> None:
        self.left = 0
        self.total = 0
        self.closed = False
        self.end = (0, 0)

    def close(self, total: int, end: tuple[int, int]) -> None:
        """It held so many questions, some of which have ended already, and ends there."""
        self.left += total
        self.total = total
        self.end = end
        self.closed = True


class Key:
    """Where a question came from: its block, the text as it was given, the type, and what came with it."""

    __slots__ = ("block", "meta", "rdtype", "text")

    def __init__(self, block: Block, text: str, rdtype: int, meta: Any) -> None:
        self.block = block
        self.text = text
        self.rdtype = rdtype
        self.meta = meta


class Watermark:
    """``(offset, items)``: all questions of the bytes before ``offset``, and that many of the line there, are done."""

    def __init__(self, at: tuple[int, int] = (0, 0), done: int = 0) -> None:
        self.at = at
        self.done = done  # questions before it
        self._blocks: deque[Block] = deque()

    def open(self) -> Block:
        """A new block behind those that are open."""
        block = Block()
        self._blocks.append(block)
        return block

    def settle(self) -> tuple[int, int]:
        """Move past every block that is done; returns where that is."""
        blocks = self._blocks
        while blocks and blocks[0].closed and not blocks[0].left:
            block = blocks.popleft()
            self.at = block.end
            self.done += block.total
        return self.at


@dataclass(frozen=True, slots=True)
class Form:
    """How a line becomes questions."""

    kind: str = "names"
    types: tuple[int, ...] = (1,)
    prefix: str = ""
    suffix: str = ""
    ptr: bool = False
    meta: bool = False
    options: QueryOptions | None = None

    @property
    def simple(self) -> bool:
        """Whether a line is a name and nothing else."""
        return self.kind == "names" and not (self.prefix or self.suffix or self.ptr or self.options)


Asked = tuple[Key, Question | ResolveError]


def questions(lines: Iterable[Any], form: Form, mark: Watermark) -> Iterator[Asked]:
    """The questions of the lines, which begin where the mark stands; the mark's blocks keep count of them."""
    offset, skip = mark.at
    types, simple = form.types, form.simple
    block = mark.open()
    count = 0  # of the block, which learns it when it ends
    for raw in lines:
        if raw is PENDING:
            yield PENDING
            continue
        text = raw.decode("utf-8", "surrogateescape").strip()
        if text and simple and not skip:
            for rdtype in types:
                yield Key(block, text, rdtype, None), question_for(text, rdtype)
                count += 1
        elif text:
            for index, (name, rdtype, meta, asked) in enumerate(of_line(text, form)):
                if index < skip:
                    continue
                yield Key(block, name, rdtype, meta), asked
                count += 1
                if count >= _BLOCK:
                    block.close(count, (offset, index + 1))
                    block, count = mark.open(), 0
        offset += len(raw)
        skip = 0
        if count >= _BLOCK:
            block.close(count, (offset, 0))
            block, count = mark.open(), 0
    block.close(count, (offset, 0))


def chunks(lines: Iterable[Any], form: Form, mark: Watermark) -> Iterator[tuple[Block, list[bytes]]]:
    """The lines by the chunk, each with its block, for other processes to work on; networks become addresses here."""
    offset, skip = mark.at
    block, chunk = mark.open(), list[bytes]()
    for raw in lines:
        if raw is PENDING:
            if chunk:
                block.end = (offset, 0)
                yield block, chunk
                block, chunk = mark.open(), []
            yield PENDING
            continue
        if form.ptr:
            for index, address in enumerate(_addresses(raw)):
                if index < skip // len(form.types):
                    continue
                chunk.append(address)
                if len(chunk) >= _CHUNK:
                    block.end = (offset, (index + 1) * len(form.types))
                    yield block, chunk
                    block, chunk = mark.open(), []
        elif not raw.isspace():
            chunk.append(raw if raw.endswith(b"\n") else raw + b"\n")
        offset += len(raw)
        skip = 0
        if len(chunk) >= _CHUNK:
            block.end = (offset, 0)
            yield block, chunk
            block, chunk = mark.open(), []
    block.end = (offset, 0)
    yield block, chunk


def _addresses(raw: bytes) -> Iterator[bytes]:
    try:
        network = ipaddress.ip_network(raw.decode("utf-8", "surrogateescape").strip(), strict=False)
    except ValueError:
        if not raw.isspace():
            yield raw if raw.endswith(b"\n") else raw + b"\n"
        return
    for address in network:
        yield f"{address}\n".encode()


def of_line(text: str, form: Form) -> Iterator[tuple[str, int, Any, Question | ResolveError]]:
    """The questions of one line, each with the name as it was given, its type, and what came with it."""
    try:
        name, types, meta = _fields(text, form)
    except (ValueError, csv.Error, ResolverConfigError) as error:
        for rdtype in form.types:
            yield text, rdtype, None, ResolveError(Kind.ILLEGAL, text, detail=f"no {form.kind}: {error}")
        return
    if form.ptr:
        yield from _reversed(name, types, meta, form)
        return
    full = form.prefix + name + form.suffix
    for rdtype in types:
        yield name, rdtype, meta if form.meta else None, _with(question_for(full, rdtype), form)


def _with(asked: Question | ResolveError, form: Form) -> Question | ResolveError:
    return asked if form.options is None or isinstance(asked, ResolveError) else asked._replace(options=form.options)


def _fields(text: str, form: Form) -> tuple[str, tuple[int, ...], Any]:
    if form.kind == "csv":
        row = next(csv.reader([text]))
        return row[0].strip(), form.types, row[1:] or None
    if form.kind == "dnsperf":
        words = text.split()
        return words[0], (parse_type(words[1]),) if len(words) > 1 else form.types, None
    if form.kind == "jsonl":
        row = json.loads(text)
        if not isinstance(row, dict) or not isinstance(row.get("name"), str):
            raise ValueError("not an object with a name")
        types = (parse_type(row["type"]),) if "type" in row else form.types
        return row["name"], types, row.get("meta")
    return text, form.types, None


def _reversed(
    text: str, types: tuple[int, ...], meta: Any, form: Form
) -> Iterator[tuple[str, int, Any, Question | ResolveError]]:
    """The PTR questions of an address or a network, its hosts one after the other, never all at once in memory."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        for rdtype in types:
            yield text, rdtype, meta, ResolveError(Kind.ILLEGAL, text, detail=str(error))
        return
    for address in network:
        for rdtype in types:
            yield str(address), rdtype, meta, _with(Question(reverse(str(address)), rdtype), form)
