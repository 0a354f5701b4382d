"""The file with the number of the process that others may send signals to."""

from __future__ import annotations

import os
from contextlib import suppress


def running(path: str) -> int | None:
    """The process that the file names, if it runs; None else. ValueError for a file with something else in it."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            text = file.read(100).strip()
    except FileNotFoundError:
        return None
    if not text:
        return None
    if not text.isdigit():
        raise ValueError(f"{path} is no pid file: it has {text[:20]!r} in it")
    try:
        os.kill(int(text), 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # another user's
    return int(text)


def write(path: str) -> None:
    """Name this process in the file. Whoever reads it finds the old text or the new one."""
    beside = f"{path}.{os.getpid()}"
    try:
        with open(beside, "w", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise


def remove(path: str) -> None:
    """Remove the file, if it still names this process."""
    with suppress(OSError, ValueError):
        if running(path) == os.getpid():
            os.unlink(path)


__all__ = ["remove", "running", "write"]
