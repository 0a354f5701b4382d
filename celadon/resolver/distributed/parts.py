"""The commit protocol of shards: the reads and writes in a directory of parts, in the order that makes them safe.

A worker writes ``part-N.ndjson.WHO.tmp``, fsyncs it, renames it to ``part-N.ndjson``, and then puts ``part-N.json``
there in the same way. A shard may run any number of times, at once or one after the other, and a run may end between
any two of these steps: the note names the size and the hash of the records, so a shard counts only while both fit.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress

from ..cli.exits import FileError
from .layout import PLAN, Note, Plan, Shard, note_name, note_of, note_text, ours, part_name, plan_of, plan_text

_BLOCK = 1 << 20
_LARGEST = 1 << 26  # bytes of a note that are read


def new_hash() -> hashlib.blake2b:
    """The hash of inputs and records: BLAKE2b of 128 bits, 1 GB/s."""
    return hashlib.blake2b(digest_size=16)


def hash_of(path: str, offset: int = 0, length: int | None = None) -> str:
    """The hash of a file, or of a piece of it."""
    made = new_hash()
    for block in blocks_of(path, offset, length):
        made.update(block)
    return made.hexdigest()


def blocks_of(path: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
    """The bytes of a file, or of a piece of it, by the block."""
    with open(path, "rb") as file:
        file.seek(offset)
        left = length
        while left is None or left:
            block = file.read(_BLOCK if left is None else min(_BLOCK, left))
            if not block:
                return
            yield block
            left = left if left is None else left - len(block)


def write_whole(path: str, who: str, text: str) -> None:
    """Give a file this text, durably: whole or not at all."""
    beside = f"{path}.{who}.tmp"
    try:
        with open(beside, "x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise


def sync(path: str) -> None:
    """Make a file's content, or a directory's entries, durable."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class Parts:
    """A directory of parts. ``who`` is in the names of temporary files: another one for each attempt on any machine."""

    def __init__(self, directory: str, suffix: str = ".ndjson", who: str = "") -> None:
        self.directory = directory
        self.suffix = suffix
        self.who: str = who or f"{os.uname().nodename.partition('.')[0]}.{os.getpid()}.{os.urandom(4).hex()}"

    def path(self, name: str) -> str:
        """A file of the directory."""
        return os.path.join(self.directory, name)

    def part(self, number: int) -> str:
        """The file of a shard's records."""
        return self.path(part_name(number, self.suffix))

    def temporary(self, number: int) -> str:
        """Where an attempt writes its records."""
        return f"{self.part(number)}.{self.who}.tmp"

    # -- what is there -------------------------------------------------------------------------------------------

    def note(self, shard: Shard) -> Note | None:
        """The note of a finished shard, but for its ``lines``; None if it is not finished.

        ``merge`` looks at the records' hash.
        """
        note = self._read(shard)
        return None if note is None else note._replace(lines="")  # there may be thousands of notes in memory

    def lines(self, shard: Shard) -> str:
        """The ``lines`` of a finished shard's note; empty if it has none."""
        note = self._read(shard)
        return "" if note is None else note.lines

    def _read(self, shard: Shard) -> Note | None:
        try:
            with open(self.path(note_name(shard.number)), encoding="utf-8") as file:
                note = note_of(file.read(_LARGEST), shard)
            return note if note is not None and os.stat(self.part(shard.number)).st_size == note.size else None
        except (FileNotFoundError, UnicodeDecodeError):
            return None

    def finished(self, plan: Plan) -> dict[int, Note]:
        """The notes of all finished shards, by number."""
        there = set(os.listdir(self.directory))
        mine = (self.note(one) for one in plan.shards if note_name(one.number) in there)
        return {note.number: note for note in mine if note is not None}

    def load_plan(self, words: tuple[str, ...] = ()) -> Plan | None:
        """The plan; None without one. FileError for another file."""
        try:
            with open(self.path(PLAN), encoding="utf-8") as file:
                return plan_of(self.directory, file.read(), words)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise FileError(f"{self.path(PLAN)}: {error}; --restart begins anew") from None

    # -- what is changed -----------------------------------------------------------------------------------------

    def save_plan(self, plan: Plan) -> None:
        """Note the plan. Whatever it says must be there before."""
        write_whole(self.path(PLAN), self.who, plan_text(plan))
        sync(self.directory)

    def commit(self, shard: Shard, note: Note) -> Iterator[str]:
        """Make the records of ``temporary`` those of the shard, step by step; a step's name comes before it is done.

        Run it to its end; a test stops it anywhere, and lets attempts overtake each other. An attempt that finds the
        shard finished throws its own records away.
        """
        mine = self.temporary(shard.number)
        yield "fsync"
        sync(mine)
        yield "look"
        if self.note(shard) is not None:
            with suppress(FileNotFoundError):
                os.unlink(mine)
            return
        yield "rename"
        os.replace(mine, self.part(shard.number))
        sync(self.directory)
        yield "note"
        write_whole(self.path(note_name(shard.number)), self.who, note_text(note))
        sync(self.directory)

    def give_up(self, number: int) -> None:
        """Remove what an attempt has written so far."""
        with suppress(OSError):
            os.unlink(self.temporary(number))

    def forget(self, number: int) -> None:
        """A shard is to be asked again."""
        with suppress(FileNotFoundError):
            os.unlink(self.path(note_name(number)))

    def clear(self, only_temporary: bool = False) -> None:
        """Remove what runs have made here: all of it, the plan last, or what attempts have left."""
        found = [
            one for one in os.listdir(self.directory) if ours(one) and (one.endswith(".tmp") or not only_temporary)
        ]
        for name in sorted(found, key=lambda one: one == PLAN):
            with suppress(FileNotFoundError):
                os.unlink(self.path(name))
