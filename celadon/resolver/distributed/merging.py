"""The parts of a finished run, joined to one output: each part whole and as its note says, or none of it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from ..cli.bulk.files import Output
from ..cli.bulk.stop import Stop
from ..cli.exits import FileError, UsageError
from .layout import Note, Plan, Shard, some
from .parts import Parts, blocks_of, hash_of, sync


def merge(directory: str, output: str = "-", *, ordered: bool = False, stop: Stop | None = None) -> int:
    """Join the parts in ``directory`` into ``output`` (``-``: stdout); returns how many records that is.

    A plain file appears whole or not at all. Parts keep the order of the input, and are joined in that order unless
    names were grouped by domain: ``ordered`` insists on it. FileError when shards are missing or do not fit their
    notes, UsageError for an order that the parts do not have.
    """
    parts, plan = opened(directory)
    if ordered and not plan.in_order:
        raise UsageError(f"{directory}: its shards are grouped by domain and have no order of the input to keep")
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
    join(parts, plan, output, stop or Stop())
    return sum(one.records for one in notes.values())


def join(parts: Parts, plan: Plan, output: str, stop: Stop) -> None:
    """Copy the parts into the output, without looking whether they are right."""
    files = [parts.part(one.number) for one in plan.shards]
    if output == "-" or (os.path.exists(output) and not os.path.isfile(output)):
        _copy(files, output, stop)
    else:
        _replace(files, os.path.realpath(output), parts.who, stop)


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


def _copy(files: Iterable[str], output: str, stop: Stop) -> None:
    target = Output(output, False, False, stop)
    try:
        target.begin(0)
        for path in files:
            for block in blocks_of(path):
                target.raw(block)
    finally:
        target.close()


def _replace(files: Iterable[str], output: str, who: str, stop: Stop) -> None:
    beside = f"{output}.{who}.tmp"
    try:
        _copy(files, beside, stop)
        sync(beside)
        os.replace(beside, output)
        sync(os.path.dirname(output))
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
