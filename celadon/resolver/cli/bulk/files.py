"""The files of a bulk run: lines in, from a file or from a pipe that may have none yet; records out; the checkpoint."""

from __future__ import annotations

import gzip
import json
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, Any

from ....hub import Watch, watch
from ..exits import UsageError

_poll = select.poll
_BUFFER = 1 << 16
#: What a source says when it has nothing now, and may have later.
PENDING: Any = object()


class PipeLines:
    """The lines of a pipe or a terminal, PENDING where reading would block; ``pending(wake)`` tells of the next."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._rest = b""
        self._poller = _poll()
        self._poller.register(fd, select.POLLIN)
        self._watch: Watch | None = None
        self._wake: Callable[[], object] = bool

    def __iter__(self) -> Iterator[bytes]:
        while True:
            if not self._poller.poll(0):
                yield PENDING
                continue
            data = os.read(self.fd, _BUFFER)
            if not data:
                break
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                yield line + b"\n"
        if self._rest:
            yield self._rest
        self.close()

    def pending(self, wake: Callable[[], object]) -> None:
        """Call ``wake()`` in the loop when there may be more."""
        self._wake = wake
        if self._watch is None:
            self._watch = watch(self.fd, on_readable=self._readable)
        else:
            self._watch.update(self._readable)

    def _readable(self) -> None:
        if self._watch is not None:
            self._watch.update(None)
        self._wake()

    def close(self) -> None:
        """Watch no more; the fd is its owner's."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None


class Output:
    """Where records go: by the batch, and as bytes that were wholly written when ``flush`` returns."""

    def __init__(self, target: str, resume: bool, zipped: bool, at_once: bool) -> None:
        self.target = target
        self.kept = 0  # lines of an earlier run
        self._at_once = at_once
        self._lines: list[str] = []
        self._plain: IO[bytes]
        if target == "-":
            self._plain = sys.stdout.buffer
        elif resume and os.path.exists(target):
            self.kept = _cut(target)
            self._plain = open(target, "ab")  # noqa: SIM115  (closed by close)
        else:
            self._plain = open(target, "wb")  # noqa: SIM115
        self._file: IO[bytes] = gzip.GzipFile(fileobj=self._plain, mode="wb") if zipped else self._plain  # type: ignore[assignment]

    def write(self, line: str) -> None:
        """One record; nothing for an empty one."""
        if line:
            self._lines.append(line)
            if len(self._lines) >= 512 or self._at_once:
                self.flush()

    def raw(self, data: bytes) -> None:
        """Lines that another process made."""
        self._file.write(data)
        if self._at_once:
            self._file.flush()

    def flush(self) -> None:
        """Hand everything to the system."""
        if self._lines:
            self._lines.append("")
            self._file.write("\n".join(self._lines).encode("utf-8", "backslashreplace"))
            self._lines = []
        self._file.flush()

    def close(self) -> None:
        """Flush, and close what was opened here, whether or not it takes the rest."""
        try:
            self.flush()
            if self._file is not self._plain:
                self._file.close()
        finally:
            if self.target != "-":
                self._plain.close()


def _cut(path: str) -> int:
    """Cut a last line that was not written to its end; returns how many are left."""
    count = end = at = 0
    with open(path, "r+b") as file:
        while data := file.read(1 << 20):
            count += data.count(b"\n")
            last = data.rfind(b"\n")
            if last >= 0:
                end = at + last + 1
            at += len(data)
        if end < at:
            file.truncate(end)
    return count


class Checkpoint:
    """A small file that says how far a run is done; replaced as a whole, so it is never half written."""

    def __init__(self, path: str, source: str, types: list[int]) -> None:
        self._path = path
        self._about = {"v": 1, "input": os.path.abspath(source), "types": types}

    def load(self) -> tuple[tuple[int, int], int]:
        """``(offset, items)`` to go on from, and how many questions lie before. UsageError for another run's file."""
        try:
            with open(self._path, encoding="utf-8") as file:
                kept = json.load(file)
            at = (int(kept["offset"]), int(kept["items"]))
            done = int(kept["done"])
        except FileNotFoundError:
            return (0, 0), 0
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{self._path}: not a checkpoint ({error})") from None
        for key, value in self._about.items():
            if kept.get(key) != value:
                raise UsageError(f"{self._path}: the checkpoint of another run ({key} was {kept.get(key)!r})")
        return at, done

    def save(self, at: tuple[int, int], done: int) -> None:
        """Note that everything before ``at`` is done and written."""
        row = {**self._about, "offset": at[0], "items": at[1], "done": done}
        beside = f"{self._path}.{os.getpid()}"
        try:
            with open(beside, "w", encoding="utf-8") as file:
                json.dump(row, file)
            os.replace(beside, self._path)
        except BaseException:
            with suppress(OSError):
                os.unlink(beside)
            raise


def open_input(source: str) -> tuple[IO[bytes], int]:
    """The input and its size in bytes, 0 where that cannot be known. OSError if it cannot be read."""
    if source == "-":
        return sys.stdin.buffer, 0
    file = open(source, "rb")  # noqa: SIM115  (closed by the caller)
    try:
        size = os.fstat(file.fileno()).st_size if os.path.isfile(source) else 0
        file.peek(1)
    except BaseException:
        file.close()
        raise
    return file, size
