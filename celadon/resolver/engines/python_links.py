"""What the python engine sends and receives over: UDP sockets with one source port each, and streams.

A link knows which questions it carries, by their random ids, and tells the engine what came; what that means is
decided elsewhere (``exchange``). A stream may be wrapped (TLS) and framed (two bytes of length, or HTTP): both are
objects that turn bytes into bytes, and know no socket.
"""

from __future__ import annotations

import _socket
from contextlib import suppress
from typing import Protocol, TypeAlias

from ...hub import Watch, watch
from .. import registry
from ..exchange import Query, Tuning
from ..health import Health
from ..model import Server

_RCVBUF = 4 << 20  # the default overflows silently at some 250 answers
_OLD = 10.0  # seconds after which a source port is given up
_BATCH = 100  # datagrams read before others get their turn
_STRANGERS = 64  # replies nobody asked for, then somebody is guessing at this port
_IDLE = 10.0  # seconds after which a connection that nobody used is not trusted to be there still


def connected(server: Server, kind: int) -> _socket.socket:
    """A non-blocking socket on its way to ``server``. OSError when the kernel knows already that it cannot be."""
    family = _socket.AF_INET6 if ":" in server.address else _socket.AF_INET
    made = _socket.socket(family, kind | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC)
    address, _, scope = server.address.partition("%")
    try:
        if family == _socket.AF_INET:
            made.connect((address, server.port))
        else:
            number = int(scope) if scope.isdigit() else _socket.if_nametoindex(scope) if scope else 0
            made.connect((address, server.port, 0, number))
    except BlockingIOError:
        pass
    except BaseException:
        made.close()
        raise
    return made


class Driver(Protocol):
    """What a link tells its engine."""

    tuning: Tuning
    largest: int  # bytes of a datagram

    def now(self) -> float:
        """The hub's time."""

    def received(self, query: Query, message: bytes, now: float, tcp: bool, state: Health) -> None:
        """A message came under a question's id."""

    def stranger(self, link: UdpLink, too_many: bool) -> None:
        """A datagram came under no question's id."""

    def link_ended(self, link: UdpLink) -> None:
        """The link closes, having done its work."""

    def link_failed(self, link: Link, error: OSError) -> None:
        """The link is of no use any more."""


class UdpLink:
    """A connected UDP socket: the kernel takes datagrams from its server only, and chose its port at random.

    ``uses`` is how many questions may still leave from this port; with the last answer after that it closes.
    """

    __slots__ = ("_receive", "_send", "_socket", "_watch", "engine", "expires", "flight", "state", "strangers", "uses")

    tcp = False

    def __init__(self, engine: Driver, state: Health, now: float) -> None:
        self.engine = engine
        self.state = state
        self.flight: dict[bytes, Query] = {}
        self.uses = engine.tuning.uses
        self.expires = now + _OLD
        self.strangers = 0
        self._socket = connected(state.server, _socket.SOCK_DGRAM)
        with suppress(OSError):
            self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVBUF, _RCVBUF)
        self._send = self._socket.send
        self._receive = self._socket.recv
        self._watch: Watch = watch(self._socket.fileno(), on_readable=self._read)

    def send(self, query: Query, name: bytes, body: bytes) -> None:
        """Send, or raise OSError."""
        self._send(name + body)
        self.flight[name] = query
        self.uses -= 1

    def _read(self) -> None:
        receive, flight, engine, state = self._receive, self.flight, self.engine, self.state
        received = engine.received
        size = engine.largest
        now = engine.now()
        for _ in range(_BATCH):
            try:
                message = receive(size)
            except BlockingIOError:
                return
            except OSError as error:
                engine.link_failed(self, error)
                return
            query = flight.get(message[:2])
            if query is not None:
                received(query, message, now, False, state)
                if not flight:
                    return  # nothing else is due, so the kernel need not be asked
            else:
                self.strangers += 1
                engine.stranger(self, self.strangers == _STRANGERS)

    def retire(self) -> None:
        """Let no more questions leave from this port."""
        self.uses = 0
        if not self.flight:
            self.close()

    def left(self) -> None:
        """A question left its flight."""
        if self.uses <= 0 and not self.flight:
            self.engine.link_ended(self)
            self.close()

    def close(self) -> None:
        """Stop, once."""
        self.uses = 0
        self._watch.close()
        self._socket.close()


class Layer(Protocol):
    """What lies between a stream's bytes and its messages; ``out`` holds the bytes to be sent."""

    out: bytearray

    def pack(self, name: bytes, body: bytes) -> None:
        """Queue a message; ``name`` is its id."""

    def received(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """The messages that these bytes complete, each with the id it was asked under if that is not its own.

        OSError for a broken stream.
        """


class Framed:
    """Two bytes of length before each message (RFC 1035 §4.2.2)."""

    __slots__ = ("_buffer", "out")

    def __init__(self) -> None:
        self.out = bytearray()
        self._buffer = bytearray()

    def pack(self, name: bytes, body: bytes) -> None:
        """See ``Layer.pack``."""
        self.out += (len(body) + 2).to_bytes(2, "big") + name + body

    def received(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """See ``Layer.received``."""
        buffer = self._buffer
        buffer += data
        found = []
        at = 0
        while len(buffer) - at >= 2 and len(buffer) - at >= 2 + (size := buffer[at] << 8 | buffer[at + 1]):
            found.append((b"", bytes(buffer[at + 2 : at + 2 + size])))
            at += 2 + size
        del buffer[:at]
        return found


class StreamLink:
    """A connection to a server, questions pipelined over it and answered in any order (RFC 7766)."""

    __slots__ = ("_socket", "_watch", "answered", "closed", "engine", "flight", "layer", "state", "used_at", "uses")

    tcp = True

    def __init__(self, engine: Driver, state: Health, now: float, layer: Layer) -> None:
        self.engine = engine
        self.state = state
        self.flight: dict[bytes, Query] = {}
        self.uses = 0
        self.used_at = now
        self.answered = False
        self.closed = False
        self.layer = layer
        self._socket = connected(state.server, _socket.SOCK_STREAM)
        with suppress(OSError):
            self._socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self._watch: Watch = watch(self._socket.fileno(), on_readable=self._read, on_writable=self._write)

    def usable(self, now: float) -> bool:
        """Whether another question may go over it: not when it lay idle so long that the server may have closed."""
        return not self.closed and (bool(self.flight) or now - self.used_at < _IDLE)

    def send(self, query: Query, name: bytes, body: bytes) -> None:
        """Queue, or raise OSError."""
        self.layer.pack(name, body)
        self.flight[name] = query
        self._watch.update(self._read, self._write)

    def _write(self) -> None:
        out = self.layer.out
        try:
            if out:
                del out[: self._socket.send(out)]
        except BlockingIOError:
            return
        except OSError as error:
            self.engine.link_failed(self, error)
            return
        if not out:
            self._watch.update(self._read, None)

    def _read(self) -> None:
        try:
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionResetError(104, "the server closed the connection")
            messages = self.layer.received(data)
        except BlockingIOError:
            return
        except OSError as error:
            self.engine.link_failed(self, error)
            return
        now = self.engine.now()
        for name, message in messages:
            query = self.flight.get(name or message[:2])
            if query is not None:
                self.answered = True
                self.engine.received(query, message, now, True, self.state)
        if self.layer.out and not self.closed:
            self._watch.update(self._read, self._write)

    def left(self) -> None:
        """A question left its flight; the connection stays for the next."""
        self.used_at = self.engine.now()

    def close(self) -> None:
        """Stop, once."""
        self.closed = True
        self._watch.close()
        self._socket.close()


Link: TypeAlias = UdpLink | StreamLink


def layer_for(server: Server) -> Layer:
    """How messages travel over a stream to this server."""
    if server.scheme in ("udp", "tcp"):
        return Framed()
    made: Layer = registry.transport(server.scheme)(server)
    return made
