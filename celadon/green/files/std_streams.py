"""``sys.stdin``, ``stdout`` and ``stderr`` that park: other greenlets run while a pipe or a terminal makes one wait.

They are made only where the patch is asked for them, since a program and its libraries may hold the old ones already.
``input()`` at a terminal reads in C, as ever.
"""

from __future__ import annotations

import io
import os
import sys
from types import ModuleType
from typing import Any

from . import buffered
from .open_file import ParkingFile, waits

_MODES = {"stdin": "rb", "stdout": "wb", "stderr": "wb"}


def streams(module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``sys``: the streams that the interpreter made and that may wait."""
    return {name: made for name, mode in _MODES.items() if (made := _parking(getattr(module, name), mode)) is not None}


def _parking(old: Any, mode: str) -> Any:
    if type(old) is not io.TextIOWrapper:
        return None
    try:
        fd = old.fileno()
        if not waits(os.fstat(fd)):
            return None
        if mode == "wb":
            old.flush()
    except (OSError, ValueError):
        return None
    raw = ParkingFile(fd, mode, closefd=False)
    raw.name = old.name
    unbuffered = isinstance(old.buffer, io.RawIOBase)  # python -u
    make = _same if unbuffered else buffered.BufferedReader if mode == "rb" else buffered.BufferedWriter
    made: Any = buffered.TextIOWrapper(
        make(raw), old.encoding, old.errors, None if mode == "rb" else "\n", old.line_buffering, old.write_through
    )
    made.mode = old.mode
    return made


def _same(raw: Any) -> Any:
    return raw


def flush() -> None:
    """Flush ``stdout`` and ``stderr``."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


__all__ = ["flush", "streams"]
