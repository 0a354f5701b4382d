"""TLS, cooperatively: a subclass of SSLSocket that contexts make, also contexts made before the patch and subclasses.

Under the standard library's class stands the green socket, so the fd never blocks and OpenSSL says what it wants.
"""

from __future__ import annotations

import ssl as _std
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ..hub import get_hub
from .socket import socket


class SSLSocket(_std.SSLSocket, socket):  # type: ignore[misc]  # the two classes' stubs differ in Any
    """See ``ssl.SSLSocket``; its calls block the calling greenlet only."""

    def _patient(self, what: str, call: Callable[..., Any], *args: Any) -> Any:
        limit = self.gettimeout()
        now = get_hub().now
        deadline = None if limit is None else now() + limit
        while True:
            try:
                return call(*args)
            except _std.SSLWantReadError:
                if limit == 0:
                    raise
                wait = self._registration().wait_readable
            except _std.SSLWantWriteError:
                if limit == 0:
                    raise
                wait = self._registration().wait_writable
            try:
                wait(None if deadline is None else max(deadline - now(), 0))
            except TimeoutError:
                raise TimeoutError(f"The {what} operation timed out") from None

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        """See ``SSLSocket.read``."""
        return self._patient("read", super().read, len, buffer)

    def write(self, data: Any) -> int:
        """See ``SSLSocket.write``."""
        return self._patient("write", super().write, data)  # type: ignore[no-any-return]

    def send(self, data: Any, flags: int = 0) -> int:
        """See ``SSLSocket.send``."""
        return self._patient("write", super().send, data, flags)  # type: ignore[no-any-return]

    def sendall(self, data: Any, flags: int = 0) -> None:
        """See ``SSLSocket.sendall``."""
        if self._sslobj is None:  # type: ignore[attr-defined]
            socket.sendall(self, data, flags)
        else:
            _std.SSLSocket.sendall(self, data, flags)

    def do_handshake(self, block: bool = False) -> None:
        """See ``SSLSocket.do_handshake``."""
        self._patient("handshake", super().do_handshake, block)

    def unwrap(self) -> Any:
        """See ``SSLSocket.unwrap``."""
        return self._patient("shutdown", super().unwrap)


def context(_: ModuleType) -> dict[str, Any]:
    """What is replaced in ``ssl.SSLContext``."""
    return {"sslsocket_class": SSLSocket}


__all__ = ["SSLSocket", "context"]
