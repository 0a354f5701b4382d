"""One client's way through the proxy: its connection, the one that was made for it, and the bytes between them.

Back-pressure is the kernel's: no more is read from one side than the other has taken, but for the 64 KiB in hand. As in
``wsgi.connection`` no wait has a timer of its own: ``seen`` says when the last bytes came, the server looks over all
flows now and then, and ``expire`` ends a wait by shutting the sockets down.
"""

from __future__ import annotations

import _socket
from collections.abc import Callable
from contextlib import suppress
from math import inf
from struct import pack
from typing import Any

from ....hub import get_hub, spawn
from ..wsgi.connection import Connection

_shutdown: Any = _socket.socket.shutdown
_ROOM = 65536
#: SO_LINGER on, 0 seconds: a close then resets the connection (socket(7)).
_RESET = pack("ii", 1, 0)


class Flow:
    """See the top. For the greenlets of one thread. ``origin`` is the socket to where the client wants to go."""

    __slots__ = (
        "_cut", "_giving", "_half", "_sending", "broken", "client", "expired", "now", "origin", "peer", "received",
        "seen", "sent", "spares_client",
    )  # fmt: skip

    received: int
    sent: int

    def __init__(self, client: Connection, peer: Any) -> None:
        self.client: Connection = client
        self.peer: Any = peer
        self.origin: Any = None
        #: When bytes came last, by the hub's clock; ``inf`` while nobody waits for any.
        self.seen: float = inf
        #: Bytes that went to the origin and to the client since the last ``begin``.
        self.sent = self.received = 0
        #: Whether one side failed, so that the other must not take the end for a regular one.
        self.broken: bool = False
        self._cut = False
        # Whether a send to the client, to the origin, is under way: only SHUT_WR ends it.
        self._giving = self._sending = False
        # Whether one of the two ways of a tunnel has ended.
        self._half = False
        #: Whether it was ended because no bytes came.
        self.expired: bool = False
        #: Whether the client can still be told what went wrong: nothing of an answer was sent.
        self.spares_client: bool = False
        self.now: Callable[[], float] = get_hub().now

    def begin(self, origin: Any) -> None:
        """Bytes may go to and from a new origin."""
        self.origin = origin
        self.sent = self.received = 0
        self._cut = self._sending = self._giving = self._half = False
        self.seen = self.now()

    def end(self) -> None:
        """The origin is done with."""
        self.seen = inf
        origin, self.origin = self.origin, None
        if origin is not None:
            _close(origin, self._cut)

    def send(self, data: bytes) -> None:
        """Send bytes to the origin. OSError if it takes no more."""
        self._sending = True
        self.origin.sendall(data)
        self._sending = False
        self.sent += len(data)
        self.seen = self.now()

    def receive(self, most: int = _ROOM) -> bytes:
        """The next bytes from the origin, empty at its end. OSError."""
        data: bytes = self.origin.recv(min(most, _ROOM))
        self.seen = self.now()
        return data

    def give(self, data: bytes) -> None:
        """Send bytes of an answer to the client. OSError if it takes no more."""
        self.spares_client = False
        self._giving = True
        self.client.socket.sendall(data)
        self._giving = False
        self.received += len(data)
        self.seen = self.now()

    def relay(self) -> None:
        """Pass bytes on both ways, until each side has ended. What one side ends, is ended for the other alone."""
        self.spares_client = False
        rest, self.client.buffer = self.client.buffer, b""
        back = spawn(self._pump_back)
        try:
            self._pump(rest)
            back.join()
        finally:
            back.kill()

    def _pump(self, data: bytes) -> None:
        receive, send, now = self.client.socket.recv, self.origin.sendall, self.now
        try:
            data = data or receive(_ROOM)
            while data:
                self.seen = now()
                self._sending = True
                send(data)
                self._sending = False
                self.sent += len(data)
                data = receive(_ROOM)
            if not self.broken and not self._half:
                self._half = True
                self.origin.shutdown(_socket.SHUT_WR)
        except OSError:
            self.abort()

    def _pump_back(self) -> None:
        receive, send, now = self.origin.recv, self.client.socket.sendall, self.now
        try:
            while data := receive(_ROOM):
                self.seen = now()
                self._giving = True
                send(data)
                self._giving = False
                self.received += len(data)
            if not self.broken and not self._half:  # else both are closed now
                self._half = True
                self.client.socket.shutdown(_socket.SHUT_WR)
        except OSError:
            self.abort()

    def abort(self) -> None:
        """End both sides now; they are reset, so that neither takes it for a regular end. Does not wait."""
        self.broken = True
        self.cut()
        _end(self.client.socket, self._giving)

    def cut(self) -> None:
        """End the origin's side now, with a reset; the client can still be told why. Does not wait."""
        self._cut = True
        if self.origin is not None:
            _end(self.origin, self._sending)

    def expire(self) -> None:
        """No bytes have come for too long. For the loop: it does not wait."""
        self.seen = inf
        self.expired = True
        (self.cut if self.spares_client else self.abort)()

    def close_client(self) -> None:
        """Close the client's connection, with a reset if something is missing."""
        _close(self.client.socket, self.broken)


def _end(one: Any, sending: bool) -> None:
    """Wake who reads or sends. Without need it is not shut for sending: that would look like a regular end."""
    with suppress(OSError):
        _shutdown(one, _socket.SHUT_RDWR if sending else _socket.SHUT_RD)


def _close(one: Any, reset: bool) -> None:
    if reset:
        with suppress(OSError):
            one.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, _RESET)
    one.close()
