"""The files of a bulk run: lines in, from a file or from a pipe that may have none yet; records out."""

from __future__ import annotations

import os
import select
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, Any

from ....hub.lowlevel import Watch, watch
from ..exits import FileError, UsageError
from .stop import Abandoned, Stop

_poll = select.poll
_BUFFER = 1 << 16
_RECORDS = 512  # that are handed to the system together
#: What a source says when it has nothing now, and may have later.
PENDING: Any = object()


Encode = Callable[[list[str]], bytes]


def lines(records: list[str]) -> bytes:
    """Each record and the end of its line."""
    records.append("")
    return "\n".join(records).encode("utf-8", "backslashreplace")


def whole(records: list[str]) -> bytes:
    """Records that have their line ends."""
    return "".join(records).encode("utf-8", "backslashreplace")


def octets(records: list[str]) -> bytes:
    """Records each of whose characters is an octet."""
    return "".join(records).encode("latin-1")


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
    """Where records go: a file or stdout, in batches. Every record is written whole or not at all.

    All bytes pass through ``_put``, which knows how many the system took. A pipe gets at most PIPE_BUF bytes of whole
    records at a time, and only when it has room: such a write is never cut, not even by SIGKILL (pipe(7)). From a file
    that takes no more (a full disk), the part of a record is cut off again. ``commit`` gives the size in bytes up to
    which the file holds whole records, and with gzip whole members: a run that goes on cuts the file there.
    """

    def __init__(self, target: str, zipped: bool, at_once: bool, stop: Stop, encode: Encode = lines) -> None:
        self._encode = encode
        self._at_once = at_once
        self._stop = stop
        self._lines: list[str] = []
        self._zipped = zipped
        self._squeeze: Any = None  # the gzip member that is being written
        self.broken: bool = False  # it takes no more
        self._own = target != "-"
        if self._own:
            self._fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        else:
            sys.stdout.flush()
            try:
                self._fd = sys.stdout.fileno()
            except (OSError, ValueError, AttributeError):
                self._fd = -1  # a program has put an object of its own there
        self.regular: Any | bool = self._fd >= 0 and stat.S_ISREG(os.fstat(self._fd).st_mode)
        self._poller = _poll()
        if self._fd >= 0:
            self._poller.register(self._fd, select.POLLOUT)

    def check(self, keep: int) -> None:
        """FileError if the file has fewer than ``keep`` bytes."""
        size = os.fstat(self._fd).st_size
        if size < keep:
            raise FileError(
                f"the output has {size} bytes, the checkpoint says {keep}: records are missing; --restart begins anew"
            )

    def begin(self, keep: int) -> int:
        """Cut the file to its first ``keep`` bytes; returns how many bytes were cut."""
        if not self._own or not self.regular:
            return 0
        size = os.fstat(self._fd).st_size
        os.ftruncate(self._fd, keep)
        os.lseek(self._fd, keep, os.SEEK_SET)
        return size - keep

    def write(self, line: str) -> None:
        """One record; nothing for an empty one."""
        if line:
            self._lines.append(line)
            if len(self._lines) >= _RECORDS or self._at_once:
                self.flush()

    def raw(self, data: bytes) -> None:
        """Whole records that another process made."""
        self._send(data)
        if self._at_once:
            self.flush()

    def flush(self) -> None:
        """Hand everything to the system."""
        if self._lines:
            data, self._lines = self._encode(self._lines), []
            self._send(data)
        if self._squeeze is not None:
            self._put(self._squeeze.flush(zlib.Z_SYNC_FLUSH))

    def commit(self) -> int:
        """Hand everything to the system; returns the size of the file, all of it whole records."""
        self.flush()
        self._end_member()
        return os.lseek(self._fd, 0, os.SEEK_CUR) if self.regular else 0

    def _send(self, data: bytes) -> None:
        if self._zipped:
            if self._squeeze is None:
                self._squeeze = zlib.compressobj(wbits=31)
            data = self._squeeze.compress(data)
        self._put(data)

    def _end_member(self) -> None:
        if self._squeeze is not None:
            data, self._squeeze = self._squeeze.flush(), None
            self._put(data)

    def _put(self, data: bytes) -> None:
        if self._fd < 0:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return
        view = memoryview(data)
        at, size = 0, len(data)
        try:
            while at < size:
                end = size
                if not self.regular:
                    self._wait()
                    most = at + select.PIPE_BUF
                    end = size if most >= size else data.rfind(b"\n", at, most) + 1 or most
                with suppress(BlockingIOError):  # whoever shares the pipe made it so
                    at += os.write(self._fd, view[at:end])
        except BaseException:
            self.broken = True
            # Octets are no lines: of them the whole batch is taken back.
            whole_lines = 0 if self._encode is octets else data.rfind(b"\n", 0, at) + 1
            self._uncut(0 if self._zipped else at - whole_lines)
            raise

    def _wait(self) -> None:
        """Until a pipe has room. After a second signal Abandoned."""
        while not self._poller.poll(200):
            if self._stop.count > 1:
                raise Abandoned

    def _uncut(self, part: int) -> None:
        """Take back the part of a record that a file took before it took no more."""
        if part and self.regular:
            end = os.lseek(self._fd, 0, os.SEEK_CUR)
            if end == os.fstat(self._fd).st_size:
                os.ftruncate(self._fd, end - part)

    def close(self) -> None:
        """Flush, unless writing has failed before, and close what was opened here."""
        try:
            if not self.broken:
                if self._zipped and self._own and self.regular and not os.fstat(self._fd).st_size:
                    self._send(b"")  # nothing at all is no gzip file
                self.commit()
        finally:
            if self._own and self._fd >= 0:
                os.close(self._fd)
                self._fd = -1


def replace_file(path: str, text: str) -> None:
    """Give a file this text: whole or not at all, whatever happens meanwhile. What is no plain file is written to."""
    path = os.path.realpath(path)
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return
    beside = f"{path}.{os.urandom(6).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(beside, flags, 0o666)  # EXCL: whoever may write to the folder has put nothing there before us
    try:
        with open(fd, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(beside, path)
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


def refuse_same_file(paths: dict[str, str | None]) -> None:
    """UsageError if two of these are one file, whatever path leads to it; ``-`` is the standard stream itself."""
    seen: dict[object, str] = {}
    for name, path in paths.items():
        if path is None:
            continue
        which = _identity(path, 1 if name == "output" else 0)
        if which in seen:
            raise UsageError(f"the {name} and the {seen[which]} are the same file{f' ({path})' if path != '-' else ''}")
        if which is not None:
            seen[which] = name


def _identity(path: str, stream: int) -> object:
    """What two paths to one file have in common; None for pipes, devices and the like, which may be both."""
    try:
        found = os.fstat(stream) if path == "-" else os.stat(path)
    except OSError:
        return None if path == "-" else os.path.realpath(path)
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None
