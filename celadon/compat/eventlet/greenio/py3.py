"""``eventlet.greenio.py3``: files that stop the calling green thread only: pipes, terminals, sockets."""

from __future__ import annotations

import os
import socket
from typing import Any

from celadon.green import FileObjectPosix
from celadon.green.files.open_file import ParkingFile

_fileobject = socket.SocketIO
GreenFileIO = ParkingFile


def GreenPipe(  # noqa: N802  (eventlet's name)
    name: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Any = None,
) -> Any:
    """A file over a path, a descriptor, or a file object, which is closed: this one has its descriptor."""
    if hasattr(name, "fileno"):
        number = os.dup(name.fileno())
        name.close()
        name = number
    options = {"encoding": encoding, "errors": errors, "newline": newline}
    if opener is not None:
        options["opener"] = opener
    return FileObjectPosix(name, mode, buffering, closefd, **options)


__all__ = ["GreenFileIO", "GreenPipe", "_fileobject"]
