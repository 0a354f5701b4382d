"""Messages to one server and back, for one greenlet: what the engine's exchange cannot say.

A zone transfer has many replies to one question, and a signed message may not be asked again in another form. So the
greenlet sends and reads by itself, over a UDP socket, TCP or TLS, and parks while it waits.
"""

from __future__ import annotations

import _socket
from collections import deque
from contextlib import suppress

from ....hub import get_hub
from ....hub.lowlevel import Registration
from ...model import Server
from .tls import Tls
from .udp_tcp import Framed, Layer, connected

_LARGEST = 65535


class Conversation:
    """A socket to ``server``; ``stream`` for TCP, or for TLS where the server's scheme is ``tls``.

    ``source`` is the address and port that the messages leave from, port 0 for any. Each call raises OSError for what
    the network or the server does, TimeoutError among them. One greenlet at a time; ``close`` it in the end.
    """

    def __init__(self, server: Server, stream: bool, source: tuple[str, int] | None = None) -> None:
        self.server = server
        self.stream: bool = stream or server.scheme in ("tcp", "tls")
        self._layer: Layer | None = None
        if self.stream:
            self._layer = Tls(server, Framed(), "dot") if server.scheme == "tls" else Framed()
        self._ready: deque[bytes] = deque()
        self._socket = connected(server, _socket.SOCK_STREAM if self.stream else _socket.SOCK_DGRAM, source)
        self._watch = Registration(self._socket.fileno())

    def send(self, message: bytes, ends: float) -> None:
        """Send a message; ``ends`` is a time of the hub's clock."""
        if self._layer is None:
            while True:
                try:
                    self._socket.send(message)
                    return
                except BlockingIOError:
                    self._watch.wait_writable(_left(ends))
        self._layer.pack(message[:2], message[2:])
        self._flush(ends)

    def _flush(self, ends: float) -> None:
        assert self._layer is not None
        out = self._layer.out
        while out:
            try:
                del out[: self._socket.send(out)]
            except BlockingIOError:
                self._watch.wait_writable(_left(ends))

    def receive(self, ends: float) -> bytes:
        """The next message; over UDP anybody may have sent it. ConnectionResetError at the end of the stream."""
        while True:
            if self._ready:
                return self._ready.popleft()
            try:
                data = self._socket.recv(_LARGEST)
            except BlockingIOError:
                self._watch.wait_readable(_left(ends))
                continue
            if self._layer is None:
                return data
            if not data:
                raise ConnectionResetError(104, "the server closed the connection")
            self._ready.extend(message for _, message in self._layer.received(data))
            self._flush(ends)  # TLS may have something to say first

    def close(self) -> None:
        """Close the socket, once."""
        self._watch.close()
        with suppress(OSError):
            self._socket.close()


def _left(ends: float) -> float:
    left = ends - get_hub().now()
    if left <= 0:
        raise TimeoutError(110, "no reply in time")
    return left
