"""Lines grouped by registered domain: the names of one are asked by one worker. And back into the order of the input.

``plan`` copies the lines into a file for each group, with the numbers of the lines beside it; such a file is cut into
shards. The note of a shard says how many bytes of records each of its lines has, and so ``merge`` finds each line's
records again, in the order of the input.
"""

from __future__ import annotations

import base64
import heapq
import os
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import groupby, islice
from typing import Final

from ..cli.bulk.names_in import Form, of_line
from ..cli.exits import FileError
from ..model import Question
from ..names.registered_domain import registered_domain, suffix_rules
from .layout import Shard, cut, lines_name, places_name
from .parts import Parts, blocks_of, sync

#: Where distributions have the Public Suffix List.
_LIST = "/usr/share/publicsuffix/public_suffix_list.dat"
_HELD = 1 << 26  # bytes of all groups that are kept until they are written
_READ = 1 << 28  # bytes of all groups that a merge holds
_LEAST, _MOST = 1 << 12, 1 << 18
_PLACE: Final = "Q"
_SIZE: Final = "I"
_PLACES = 8  # bytes of one


# -- forth -------------------------------------------------------------------------------------------------------


def rules_of(path: str | None) -> frozenset[str]:
    """The rules of this file, None: of the distribution's list, if it is there. FileError for one that is not."""
    try:
        with open(path or _LIST, encoding="utf-8") as file:
            return suffix_rules(file)
    except (OSError, UnicodeDecodeError) as error:
        if path is None:
            return frozenset()
        raise FileError(f"{path}: {error}") from None


def group_of(form: Form, groups: int, rules: frozenset[str]) -> Callable[[bytes], int]:
    """Which of so many groups a line is in: always the same for the names of one registered domain."""

    def find(line: bytes) -> int:
        line = line.strip()
        name = line.decode("utf-8", "surrogateescape")
        if line and not (form.simple and name.isascii()):
            shown, _, _, asked = next(iter(of_line(line, form)), (name, 0, None, None))
            name = asked.name if isinstance(asked, Question) else shown
        return zlib.crc32(registered_domain(name, rules).encode("utf-8", "replace")) % groups

    return find


def write_groups(
    parts: Parts, source: str, size: int, form: Form, lines: int, rules: frozenset[str]
) -> Iterator[Shard]:
    """Copy an input into its groups, durably; gives the shards, of ``lines`` lines, or double in a large group."""
    count = sum([block.count(b"\n") for block in blocks_of(source, 0, size)]) + 1
    groups = max(1, round(count / lines))
    find = group_of(form, groups, rules)
    texts = [bytearray() for _ in range(groups)]
    places = [array(_PLACE) for _ in range(groups)]
    begun: set[int] = set()
    held = 0

    def write() -> None:
        for group, text in enumerate(texts):
            if text:
                for name, data in ((lines_name(group), text), (places_name(group), places[group])):
                    with open(parts.path(name), "ab" if group in begun else "wb") as file:
                        file.write(data)
                begun.add(group)
                texts[group], places[group] = bytearray(), array(_PLACE)

    with open(source, "rb") as file:
        for place, line in enumerate(file):
            group = find(line)
            texts[group] += line if line.endswith(b"\n") else line + b"\n"
            places[group].append(place)
            held += len(line) + _PLACES
            if held >= _HELD:
                write()
                held = 0
    write()
    number = 0
    for group in sorted(begun):
        path = parts.path(lines_name(group))
        for one in (path, parts.path(places_name(group))):
            sync(one)
        for offset, length in cut(blocks_of(path), 2 * lines):
            yield Shard(number, path, offset, length, group)
            number += 1


def packed(sizes: array[int]) -> str:
    """The bytes of records of each line, for a note."""
    return base64.b85encode(zlib.compress(sizes.tobytes(), 1)).decode()


def new_sizes(count: int = 0) -> array[int]:
    """So many lines without records."""
    return array(_SIZE, bytes(4 * count))


# -- and back ----------------------------------------------------------------------------------------------------


def in_order(parts: Parts, shards: Iterable[Shard]) -> Iterator[bytes]:
    """The records of all parts, each line's after those of the line before it in the input."""
    groups = [[*those] for _, those in groupby(sorted(shards, key=_by_group), key=_by_group)]
    block = min(_MOST, max(_LEAST, _READ // max(len(groups), 1)))
    for those in groups:
        if those[0].number == 0:
            yield from _head(parts, those[0])
    for _, data in heapq.merge(*(_of_group(parts, one, block) for one in groups), key=_place):
        yield data


def _by_group(shard: Shard) -> int:
    return shard.group


def _place(item: tuple[int, bytes]) -> int:
    return item[0]


def _of_group(parts: Parts, shards: list[Shard], block: int) -> Iterator[tuple[int, bytes]]:
    """Place and records of each line of a group that has any, in their order."""
    places = _places(parts.path(places_name(shards[0].group)), block)
    for shard in shards:
        sizes = _sizes(parts, shard)
        take = _Reader(parts.part(shard.number), block)
        take(os.stat(parts.part(shard.number)).st_size - sum(sizes))  # what stands before the first record
        for place, size in zip(islice(places, len(sizes)), sizes, strict=True):
            if size:
                yield place, take(size)


def _head(parts: Parts, shard: Shard) -> Iterator[bytes]:
    path = parts.part(shard.number)
    before = os.stat(path).st_size - sum(_sizes(parts, shard))
    return blocks_of(path, 0, before)


def _sizes(parts: Parts, shard: Shard) -> array[int]:
    sizes = new_sizes()
    with suppress(ValueError, zlib.error):
        sizes.frombytes(zlib.decompress(base64.b85decode(parts.lines(shard))))
        return sizes
    raise FileError(f"{parts.directory}: the note of part {shard.number} does not say where its lines are")


def _places(path: str, block: int) -> Iterator[int]:
    read = _Reader(path, block)
    while data := read(block - block % _PLACES):
        yield from memoryview(data).cast(_PLACE)


class _Reader:
    """Bytes of a file one after another, without an open file: there may be many of these."""

    def __init__(self, path: str, block: int) -> None:
        self._path = path
        self._block = block
        self._at = 0
        self._held = b""
        self._next = 0

    def __call__(self, size: int) -> bytes:
        """The next bytes; fewer at the end."""
        if self._next + size > len(self._held):
            more = max(self._block, size)
            rest = self._held[self._next :]
            fresh = b"".join(blocks_of(self._path, self._at, more))
            self._at += len(fresh)
            self._held, self._next = rest + fresh, 0
        data = self._held[self._next : self._next + size]
        self._next += size
        return data
