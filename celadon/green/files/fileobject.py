"""gevent's names for the ways to make a file: one that parks, one whose calls are made in threads, one that blocks.

They work with nothing patched, and take a path, a descriptor, or a file object whose descriptor they go on with.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from .open_file import BlockingFile, ParkingFile, ThreadedFile, opener_of, waits


def _over(make: Callable[..., Any], fobj: Any, mode: str, close: bool, options: dict[str, Any]) -> Any:
    if not hasattr(fobj, "fileno"):
        is_path = not isinstance(fobj, int)
        return make(fobj, mode, closefd=is_path or close, **options)
    if hasattr(fobj, "flush"):
        fobj.flush()
    made = raw = make(fobj.fileno(), mode, closefd=False, **options)
    for layer in ("buffer", "raw"):
        raw = getattr(raw, layer, raw)
    if hasattr(fobj, "name"):
        raw.name = fobj.name
    else:
        del raw.name  # the number is not a name that it ever had
    if close:
        raw.beneath = fobj
    else:
        raw.kept = fobj  # keeps it open as long as this file
    return made


def FileObjectPosix(fobj: Any, mode: str = "r", buffering: int = -1, close: bool = True, **options: Any) -> Any:  # noqa: N802
    """A file that parks until its descriptor is ready: for pipes, terminals, sockets and FIFOs.

    ``encoding``, ``errors`` and ``newline`` as ``open`` has them; OSError and ValueError as well. ``close=False``
    leaves the descriptor (or the file object) open.
    """
    return _over(opener_of(ParkingFile), fobj, mode, close, {"buffering": buffering, **options})


def FileObjectThread(fobj: Any, mode: str = "r", buffering: int = -1, close: bool = True, **options: Any) -> Any:  # noqa: N802
    """A file whose reads and writes are made in threads: for regular files, on a disk that may be slow."""
    return _over(opener_of(ThreadedFile), fobj, mode, close, {"buffering": buffering, **options})


def FileObjectBlock(fobj: Any, mode: str = "r", buffering: int = -1, close: bool = True, **options: Any) -> Any:  # noqa: N802
    """A file that stops the hub while it waits, as ``open`` of the standard library makes it."""
    return _over(opener_of(BlockingFile), fobj, mode, close, {"buffering": buffering, **options})


def FileObject(fobj: Any, mode: str = "r", buffering: int = -1, close: bool = True, **options: Any) -> Any:  # noqa: N802
    """FileObjectThread for a regular or a new file, FileObjectPosix for anything else."""
    try:
        parks = waits(os.stat(fobj.fileno() if hasattr(fobj, "fileno") else fobj))
    except (OSError, TypeError, ValueError):
        parks = False
    return (FileObjectPosix if parks else FileObjectThread)(fobj, mode, buffering, close, **options)


__all__ = ["FileObject", "FileObjectBlock", "FileObjectPosix", "FileObjectThread"]
