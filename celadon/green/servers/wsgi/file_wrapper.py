"""``wsgi.file_wrapper``: an open file as a response."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Any


class FileWrapper:
    """Iterates over ``file.read(block_size)``. The server sends a regular file by sendfile(2), except over TLS."""

    def __init__(self, file: Any, block_size: int = 65536) -> None:
        self.file = file
        self.block_size = block_size

    def __iter__(self) -> Iterator[bytes]:
        while data := self.file.read(self.block_size):
            yield data

    def close(self) -> None:
        """Close the file, if it can be."""
        close = getattr(self.file, "close", None)
        if close is not None:
            close()

    def regular(self) -> tuple[int, int, int] | None:
        """Descriptor, position and the bytes that are left of a regular file; None for another, and for text."""
        try:
            number, at = self.file.fileno(), self.file.tell()
            found = os.fstat(number)
        except (AttributeError, OSError, ValueError):
            return None
        if not stat.S_ISREG(found.st_mode) or hasattr(self.file, "encoding"):
            return None
        return number, at, max(found.st_size - at, 0)
