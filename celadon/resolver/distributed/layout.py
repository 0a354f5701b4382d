"""A run in shards, as values: the plan, the names of its files, and what a note says. Pure, but for the caller's reads.

A directory of parts holds ``plan.json`` (the shards), and for each finished shard ``part-N.ndjson`` (its records, in
the order of the input) and ``part-N.json`` (its note: counts, hash of the input, size and hash of the records). A shard
is finished when its note is there and fits its records; everything else in the directory means nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ... import __version__
from ..frozen import frozen

VERSION = 1
PLAN = "plan.json"
#: The ending of the records' file, by the first letter of the output format.
SUFFIXES = {"J": ".ndjson", "S": ".txt", "L": ".txt", "F": ".txt", "B": ".bin", "c": ".csv"}
_LINES = 100_000  # of a shard: some seconds of work, against some milliseconds that a shard costs


class Shard(NamedTuple):
    """One piece of the input: whole lines, ``length`` bytes from ``offset``. ``group`` keeps domains together."""

    number: int
    path: str
    offset: int
    length: int
    group: int = -1


@frozen
class Plan:
    """A run: its directory of parts, its shards, and the command's options in ``words`` (those of ``resolve bulk``).

    ``about`` is what must be the same for a run that goes on. ``in_order``: the parts one after another have the
    records in the order of the input.
    """

    directory: str
    source: str
    size: int
    shards: tuple[Shard, ...]
    words: tuple[str, ...]
    about: dict[str, Any]
    suffix: str = ".ndjson"
    in_order: bool = True

    def __len__(self) -> int:
        return len(self.shards)

    def __iter__(self) -> Iterator[Spec]:
        """A spec for each shard, for a caller that runs them one by one, without a coordinator."""
        return (self.spec(one) for one in self.shards)

    def spec(self, shard: Shard, run: str = "", share: int = 1) -> Spec:
        """What a worker needs for one of its shards."""
        return Spec(self.directory, shard, self.words, self.suffix, run, share, __version__)


@frozen
class Spec:
    """What a worker needs for one shard; it pickles, and nothing in it belongs to a machine but the paths.

    ``run`` is the name of this run's coordinator, empty for none (then the rates are divided by ``share``); ``share``
    is how many shards are under way at once in the whole run, ``version`` that of the package which made the plan.
    """

    directory: str
    shard: Shard
    words: tuple[str, ...]
    suffix: str
    run: str
    share: int
    version: str


class Note(NamedTuple):
    """What ``part-N.json`` says. ``input`` and ``output`` are hashes; ``size`` is that of the records' file.

    ``lines``, of a shard that is grouped by domain, says how many bytes of records each of its lines has.
    """

    number: int
    offset: int
    length: int
    input: str
    questions: int
    records: int
    size: int
    output: str
    worker: str
    seconds: float
    tally: dict[str, Any]
    lines: str = ""


def part_name(number: int, suffix: str) -> str:
    """The file of a shard's records."""
    return f"part-{number}{suffix}"


def lines_name(group: int) -> str:
    """The file of a group's lines."""
    return f"group-{group}.lines"


def places_name(group: int) -> str:
    """The file of the numbers that a group's lines have in the input, each of 8 bytes."""
    return f"group-{group}.places"


def note_name(number: int) -> str:
    """The file of a shard's note."""
    return f"part-{number}.json"


_MADE = re.compile(
    r"part-\d+\.(json|(ndjson|txt|bin|csv)(\.gz)?)(\..+\.tmp)?|plan\.json(\..+)?|run\.json(\..+)?|group-\d+\.(lines|places)"
)


def ours(name: str) -> bool:
    """Whether a file of this name in a directory of parts is one that a run makes."""
    return _MADE.fullmatch(name) is not None


def cut(blocks: Iterable[bytes], lines: int = _LINES) -> Iterator[tuple[int, int]]:
    """Where shards of so many lines lie in a text that comes by the block: (offset, length), the last one shorter."""
    start = at = 0
    left = lines
    for block in blocks:
        count = block.count(b"\n")
        place = 0
        while count >= left:
            for _ in range(left):
                place = block.index(b"\n", place) + 1
            yield start, at + place - start
            start = at + place
            count -= left
            left = lines
        left -= count
        at += len(block)
    if at > start:
        yield start, at - start


def plan_text(plan: Plan) -> str:
    """``plan.json``."""
    paths = list(dict.fromkeys(one.path for one in plan.shards))
    index = {path: number for number, path in enumerate(paths)}
    row = {
        "v": VERSION,
        "source": plan.source,
        "size": plan.size,
        "about": plan.about,
        "suffix": plan.suffix,
        "in_order": plan.in_order,
        "paths": paths,
        "shards": [[index[one.path], one.offset, one.length, one.group] for one in plan.shards],
    }
    return json.dumps(row, separators=(",", ":"))


def plan_of(directory: str, text: str, words: tuple[str, ...] = ()) -> Plan:
    """The plan that ``plan.json`` says. ValueError for any other text."""
    try:
        row = json.loads(text)
        if row["v"] != VERSION:
            raise ValueError(f"of version {row['v']}, this is {VERSION}")
        shards = tuple(
            Shard(number, str(row["paths"][path]), _count(offset), _count(length), int(group))
            for number, (path, offset, length, group) in enumerate(row["shards"])
        )
        suffix = str(row["suffix"])
        if suffix.removesuffix(".gz") not in SUFFIXES.values():
            raise ValueError(f"unknown suffix {suffix}")
        return Plan(
            directory,
            str(row["source"]),
            _count(row["size"]),
            shards,
            words,
            dict(row["about"]),
            suffix,
            bool(row["in_order"]),
        )
    except (KeyError, TypeError, IndexError, RecursionError) as error:
        raise ValueError(f"not a plan: {error!r}") from None


def note_text(note: Note) -> str:
    """``part-N.json``."""
    return json.dumps({"v": VERSION, **note._asdict()}, separators=(",", ":"))


def note_of(text: str, shard: Shard) -> Note | None:
    """The note of this shard; None for any other text."""
    try:
        row = json.loads(text)
        note = Note(**{name: row[name] for name in Note._fields if name in row})
        whole = (_count(one) for one in (note.questions, note.records, note.size))
        fits = row["v"] == VERSION and (note.number, note.offset, note.length) == (shard[0], shard[2], shard[3])
        return note if fits and [*whole] and isinstance(note.tally, dict) else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def different(old: dict[str, Any], new: dict[str, Any]) -> str:
    """What is not the same in two runs, in words; empty if nothing."""
    for key, value in new.items():
        if old.get(key) != value:
            return f"{key} was {old.get(key)!r}, now it is {value!r}"
    return ""


def some(numbers: Iterable[int]) -> str:
    """A few of these numbers, for an error."""
    shown = list(numbers)
    return ", ".join(map(str, shown[:5])) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise ValueError(f"{value!r} is no count")
    return value
