"""``eventlet.backdoor``: a prompt of Python for each connection. Whoever can connect can do anything."""

from __future__ import annotations

import errno
from contextlib import suppress
from typing import Any

from ..console import converse
from .greenthread import spawn
from .support import get_errno


def backdoor_server(sock: Any, locals: dict[str, Any] | None = None) -> None:
    """Serve prompts, in which ``locals`` are known, on a listener, until it is closed or the caller killed."""
    print(f"backdoor server listening on {_address(sock.getsockname())}")
    try:
        while True:
            try:
                backdoor(sock.accept(), locals)
            except OSError as error:
                if get_errno(error) != errno.EPIPE:
                    raise
    finally:
        sock.close()


def backdoor(conn_info: tuple[Any, Any], locals: dict[str, Any] | None = None) -> None:
    """Serve a prompt on a connection, a pair of socket and address, in a green thread of its own."""
    conn, address = conn_info
    print(f"backdoor to {_address(address)}" if isinstance(address, tuple) else "backdoor opened")
    spawn(_serve, conn, address, locals)


def _address(address: Any) -> str:
    return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else str(address)


def _serve(conn: Any, address: Any, locals: dict[str, Any] | None) -> None:
    stream = conn.makefile("rw", encoding="utf-8", errors="replace", newline="\n")
    try:
        with suppress(OSError):  # the client is gone
            converse(stream, {} if locals is None else locals)
    finally:
        with suppress(OSError):  # with what it has not taken
            stream.close()
        conn.close()
        print(f"backdoor closed to {_address(address)}" if isinstance(address, tuple) else "backdoor closed")


__all__ = ["backdoor", "backdoor_server"]
