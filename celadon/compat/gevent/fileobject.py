"""Files that park, or whose calls are made in threads; ``bufsize`` is an old name of ``buffering``."""

from __future__ import annotations

from typing import Any

from celadon import green

from ._config import config


def FileObjectPosix(fobj: Any, mode: str = "r", buffering: int = -1, bufsize: Any = None, **options: Any) -> Any:  # noqa: N802
    """A file that parks until its descriptor is ready."""
    return green.FileObjectPosix(fobj, mode, buffering if bufsize is None else bufsize, **options)


def FileObjectThread(fobj: Any, mode: str = "r", buffering: int = -1, bufsize: Any = None, **options: Any) -> Any:  # noqa: N802
    """A file whose calls are made in threads. ``lock`` and ``threadpool`` do not matter."""
    options = {name: value for name, value in options.items() if name not in ("lock", "threadpool")}
    return green.FileObjectThread(fobj, mode, buffering if bufsize is None else bufsize, **options)


def FileObjectBlock(fobj: Any, mode: str = "r", buffering: int = -1, bufsize: Any = None, **options: Any) -> Any:  # noqa: N802
    """A file that stops the hub while it waits."""
    return green.FileObjectBlock(fobj, mode, buffering if bufsize is None else bufsize, **options)


def __getattr__(name: str) -> Any:
    if name == "FileObject":
        return config.fileobject
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["FileObject", "FileObjectBlock", "FileObjectPosix", "FileObjectThread"]  # noqa: F822  (from __getattr__)
