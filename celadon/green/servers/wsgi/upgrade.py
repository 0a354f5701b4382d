"""A connection that leaves HTTP: what an application gets that speaks another protocol on it (WebSocket)."""

from __future__ import annotations

from typing import Any

from .connection import Connection


class UpgradedSocket:
    """The socket of a connection. Its first use ends HTTP on it: the user answers the request itself.

    What came behind the request is read first. Anything that a socket has and this class lacks is the socket's.
    """

    def __init__(self, upgrade: Upgrade) -> None:
        self._upgrade = upgrade
        self._socket = upgrade.connection.socket

    def recv(self, size: int, flags: int = 0) -> bytes:
        """See ``socket.recv``."""
        self._upgrade.taken = True
        connection = self._upgrade.connection
        if connection.buffer and not flags:
            data, connection.buffer = connection.buffer[:size], connection.buffer[size:]
            return data
        return self._socket.recv(size, flags)  # type: ignore[no-any-return]

    def send(self, data: Any, flags: int = 0) -> int:
        """See ``socket.send``."""
        self._upgrade.taken = True
        return self._socket.send(data, flags)  # type: ignore[no-any-return]

    def sendall(self, data: Any, flags: int = 0) -> None:
        """See ``socket.sendall``."""
        self._upgrade.taken = True
        self._socket.sendall(data, flags)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


class Upgrade:
    """``environ["celadon.upgrade"]`` of a request with Upgrade, and ``environ["eventlet.input"]``."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        #: Whether the application has taken the connection.
        self.taken = False

    def get_socket(self) -> UpgradedSocket:
        """The socket, to speak another protocol on it."""
        return UpgradedSocket(self)
