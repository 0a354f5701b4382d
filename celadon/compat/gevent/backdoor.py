"""A prompt of Python for each connection."""

from __future__ import annotations

import builtins
from contextlib import suppress
from typing import Any

from celadon.compat.console import converse

from .server import StreamServer


class BackdoorServer(StreamServer):
    """Each connection gets a prompt in which ``locals`` are known. Whoever can connect can do anything."""

    def __init__(self, listener: Any, locals: Any = None, banner: str | None = None, **server_args: Any) -> None:
        super().__init__(listener, **server_args)
        self.locals = {"__name__": "__console__", "__doc__": None, **(locals or {})}
        self.banner = banner

    def handle(self, conn: Any, _address: Any) -> None:
        """Serve one connection until it ends, or ``quit()``."""
        stream = conn.makefile("rw", encoding="utf-8", errors="replace", newline="\n")
        with suppress(SystemExit, OSError):
            converse(stream, {**self.locals, "__builtins__": builtins}, self.banner)
        with suppress(OSError):
            stream.close()


__all__ = ["BackdoorServer"]
