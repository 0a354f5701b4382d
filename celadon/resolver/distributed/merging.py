"""The parts of a finished run, joined to one output: each part whole and as its note says, or none of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain

from ..cli.bulk.files import Output
from ..cli.bulk.stop import Stop
from ..cli.exits import FileError
from .grouping import in_order
from .layout import Note, Plan, Shard, some
from .parts import Parts, blocks_of, hash_of, sync

_BLOCK = 1 << 16


def merge(directory: str, output: str = "-", *, ordered: bool = False, stop: Stop | None = None) -> int:
    """Join the parts in ``directory`` into ``output`` (``-``: stdout); returns how many records that is.

    A plain file appears whole or not at all. The records are in the order of the input, unless names were grouped by
    domain: then ``ordered`` brings it back, line by line, which takes longer. FileError when shards are missing or do
    not fit their notes.
    """
    parts, plan = opened(directory)
    notes = parts.finished(plan)
    missing = [one.number for one in plan.shards if one.number not in notes]
    if missing:
        raise FileError(
            f"{directory}: {len(missing)} of {len(plan)} parts are missing ({some(missing)}): the run has not "
            "finished; --resume goes on"
        )
    bent = bent_parts(parts, plan.shards, notes)
    if bent:
        raise FileError(
            f"{directory}: these parts are not what their notes say: {some(bent)}; --resume asks their names again"
        )
    join(parts, plan, output, stop or Stop(), ordered)
    return sum(one.records for one in notes.values())


def join(parts: Parts, plan: Plan, output: str, stop: Stop, ordered: bool) -> None:
    """Copy the parts into the output, without looking whether they are right."""
    if ordered and not plan.in_order:
        blocks = in_order(parts, plan.shards)
    else:
        blocks = chain.from_iterable(blocks_of(parts.part(one.number)) for one in plan.shards)
    if output == "-" or (os.path.exists(output) and not os.path.isfile(output)):
        _copy(blocks, output, stop)
    else:
        _replace(blocks, os.path.realpath(output), parts.who, stop)


def opened(directory: str) -> tuple[Parts, Plan]:
    """A directory of parts and its plan. FileError if it has no plan."""
    plan = Parts(directory).load_plan()
    if plan is None:
        raise FileError(f"{directory}: not a directory of parts: it has no plan.json")
    return Parts(directory, plan.suffix), plan


def bent_parts(parts: Parts, shards: Iterable[Shard], notes: dict[int, Note]) -> list[int]:
    """The finished shards whose records are not those of their note."""
    return [
        one.number
        for one in shards
        if one.number in notes and hash_of(parts.part(one.number)) != notes[one.number].output
    ]


def _copy(blocks: Iterable[bytes], output: str, stop: Stop) -> None:
    target = Output(output, False, False, stop)
    try:
        target.begin(0)
        for block in in_blocks(blocks):
            target.raw(block)
    finally:
        target.close()


def in_blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces."""
    held: list[bytes] = []
    size = 0
    for one in pieces:
        held.append(one)
        size += len(one)
        if size >= _BLOCK:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def _replace(blocks: Iterable[bytes], output: str, who: str, stop: Stop) -> None:
    beside = f"{output}.{who}.tmp"
    try:
        _copy(blocks, beside, stop)
        sync(beside)
        os.replace(beside, output)
        sync(os.path.dirname(output))
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
