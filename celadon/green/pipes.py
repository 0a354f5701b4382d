"""File objects for pipes, for ``subprocess``: the standard library's own classes over a raw file that parks."""

from __future__ import annotations

import io
import warnings
from types import ModuleType
from typing import Any

from . import descriptor
from .thread import RLock


class _Raw(io.FileIO):
    """A pipe's end; waiting for the other end lets other greenlets run."""

    def readinto(self, buffer: Any, /) -> int:
        with memoryview(buffer) as view, view.cast("B") as whole:
            return descriptor.read_into(self.fileno(), whole)

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            return self.readall()
        return descriptor.read(self.fileno(), size)

    def readall(self) -> bytes:
        return b"".join(iter(lambda: descriptor.read(self.fileno(), 65536), b""))

    def write(self, data: Any, /) -> int:
        return descriptor.write(self.fileno(), data)


def _locked(name: str, base: type) -> Any:
    call = getattr(base, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        # The C class takes a second greenlet of the same OS thread for a reentrant call, which it refuses.
        with self._turn:
            return call(self, *args, **kwargs)

    method.__name__ = name
    return method


class _Reader(io.BufferedReader):
    def __init__(self, raw: Any, size: int) -> None:
        self._turn = RLock()
        super().__init__(raw, size)


class _Writer(io.BufferedWriter):
    def __init__(self, raw: Any, size: int) -> None:
        self._turn = RLock()
        super().__init__(raw, size)


for _base, _names in (
    (_Reader, ("read", "read1", "readinto", "readinto1", "readline", "peek", "close")),
    (_Writer, ("write", "flush", "close")),
):
    for _name in _names:
        setattr(_base, _name, _locked(_name, _base.__mro__[1]))


def open_pipe(fd: Any, mode: str = "r", buffering: int = -1, *args: Any, **kwargs: Any) -> Any:
    """``io.open`` for the end of a pipe in binary mode; anything else goes to ``io.open`` itself."""
    if not isinstance(fd, int) or mode not in ("rb", "wb") or args or kwargs:
        return io.open(fd, mode, buffering, *args, **kwargs)  # noqa: UP020  (the caller closes it)
    raw = _Raw(fd, mode)
    if buffering == 0:
        return raw
    if buffering == 1:
        what = "line buffering (buffering=1) isn't supported in binary mode, the default buffer size will be used"
        warnings.warn(what, RuntimeWarning, stacklevel=2)
    size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
    return _Reader(raw, size) if mode == "rb" else _Writer(raw, size)


class PipeIO(ModuleType):
    """The module ``io`` but for ``open``, to stand in ``subprocess``."""

    open = staticmethod(open_pipe)

    def __getattr__(self, name: str) -> Any:
        return getattr(io, name)


__all__ = ["PipeIO", "open_pipe"]
