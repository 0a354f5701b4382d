"""``open`` for greenlets: pipes, terminals and sockets park while they wait, regular files stay as they were.

The layers are the standard library's own, put together by its own code (``_pyio.open``) over raw files that park. A
regular file never waits in the sense of poll; who wants its disk not to stop the others takes threads for it.
"""

from __future__ import annotations

import _io
import io
import os
import stat
from collections.abc import Callable
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

from ...hub import notify_closing, to_thread
from ..fairness import can_park
from ..patching.originals import original_module
from ..thread import RLock
from . import buffered, descriptor

_open = _io.open
_CHUNK = 65536


def waits(status: os.stat_result) -> bool:
    """Whether a read or write may wait for another process or a device; /dev/null and other memory devices never do."""
    mode = status.st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or (stat.S_ISCHR(mode) and os.major(status.st_rdev) != _MEMORY)


_MEMORY = os.major(os.stat(os.devnull).st_rdev)


def _is_to_park(file: Any, opener: Any) -> bool:
    if opener is not None:
        return True  # it may open anything
    try:
        return waits(os.stat(file))
    except (OSError, TypeError, ValueError):
        return False  # the C code will say what is wrong


# -- raw files -----------------------------------------------------------------------------------------------------


class BlockingFile(io.FileIO):
    """An ``io.FileIO`` that may use the descriptor of another file object, and then closes that one too."""

    beneath: Any = None

    def close(self) -> None:
        super().close()
        beneath, self.beneath = self.beneath, None
        if beneath is not None:
            beneath.close()


class ParkingFile(BlockingFile):
    """An ``io.FileIO`` whose calls let other greenlets run while they wait for the other end."""

    def __init__(self, file: Any, mode: str = "r", closefd: bool = True, opener: Any = None) -> None:
        if opener is None and not isinstance(file, int):
            opener = _open_fd  # opening a FIFO waits as well
        super().__init__(file, mode, closefd, opener)

    def readinto(self, buffer: Any, /) -> Any:
        if self.readable():
            fd = self.fileno()
            ready = descriptor.await_readable(fd)
            if ready != fd:  # this file was closed meanwhile
                return os.readv(ready, [buffer])
        return super().readinto(buffer)

    def read(self, size: int | None = -1, /) -> Any:
        if size is None or size < 0:
            return self.readall()
        if self.readable():
            fd = self.fileno()
            ready = descriptor.await_readable(fd)
            if ready != fd:
                return os.read(ready, size)
        return super().read(size)

    def readall(self) -> Any:
        parts = []
        while data := self.read(_CHUNK):
            parts.append(data)
        return None if data is None and not parts else b"".join(parts)

    def write(self, data: Any, /) -> Any:
        if not self.writable():
            return super().write(data)
        try:
            return descriptor.write(self.fileno(), data)
        except BlockingIOError:
            return None  # its user set it not to block

    def close(self) -> None:
        if not self.closed and (self.closefd or self.beneath is not None):
            notify_closing(self.fileno())
        super().close()


def _open_fd(path: Any, flags: int) -> int:
    return descriptor.open(path, flags, 0o666)


class ThreadedFile(BlockingFile):
    """An ``io.FileIO`` whose calls are made in threads, one at a time.

    What is read or written goes through a copy: after a kill the call still runs in its thread.
    """

    def __init__(self, file: Any, mode: str = "r", closefd: bool = True, opener: Any = None) -> None:
        self._turn = RLock()
        _in_thread(super().__init__, file, mode, closefd, opener)

    def _do(self, call: Callable[..., Any], *args: Any) -> Any:
        with self._turn:
            return _in_thread(call, *args)

    def readinto(self, buffer: Any, /) -> Any:
        with memoryview(buffer) as view, view.cast("B") as whole:
            data = self.read(len(whole))
            if data is None:
                return None
            whole[: len(data)] = data
            return len(data)

    def read(self, size: int | None = -1, /) -> Any:
        return self._do(super().read, size)

    def readall(self) -> Any:
        return self._do(super().readall)

    def write(self, data: Any, /) -> Any:
        return self._do(super().write, bytes(data))

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._do(super().seek, offset, whence)  # type: ignore[no-any-return]

    def truncate(self, size: int | None = None, /) -> int:
        return self._do(super().truncate, size)  # type: ignore[no-any-return]

    def close(self) -> None:
        with self._turn:
            super().close()


def _in_thread(call: Callable[..., Any], *args: Any) -> Any:
    return to_thread(call, *args) if can_park() else call(*args)


# -- open ----------------------------------------------------------------------------------------------------------


_layers = {**{name: getattr(buffered, name) for name in buffered.__all__}, "TextIOWrapper": buffered.TextIOWrapper}


@cache
def opener_of(raw: type) -> Any:
    """The standard library's ``open``, which makes the raw file of ``raw`` and its buffers of those for greenlets."""
    python: Any = original_module("_pyio").open
    code = getattr(python, "__func__", python)
    names = {**vars(io), **_layers, "os": os, "FileIO": raw}
    made = FunctionType(code.__code__, names, code.__name__, code.__defaults__)
    made.__kwdefaults__ = code.__kwdefaults__
    return made


def open(  # noqa: A001  (the standard library's name)
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Callable[[str, int], int] | None = None,
) -> Any:
    """See ``open``; a pipe, a terminal, a socket or a FIFO lets other greenlets run while it waits."""
    make = opener_of(ParkingFile) if _is_to_park(file, opener) else _open
    return make(file, mode, buffering, encoding, errors, newline, closefd, opener)


def open_in_threads(
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Callable[[str, int], int] | None = None,
) -> Any:
    """``open`` with regular files read and written in threads, so that a slow disk does not stop the hub."""
    make = opener_of(ParkingFile if _is_to_park(file, opener) else ThreadedFile)
    return make(file, mode, buffering, encoding, errors, newline, closefd, opener)


class FileModule(ModuleType):
    """The module ``io`` with files for greenlets, to stand in modules that make some, whatever else is patched."""

    def __init__(self) -> None:
        super().__init__("io", io.__doc__)
        vars(self).update(_layers, open=open)

    def __getattr__(self, name: str) -> Any:
        return getattr(io, name)


__all__ = ["BlockingFile", "FileModule", "ParkingFile", "ThreadedFile", "open", "open_in_threads", "opener_of", "waits"]
