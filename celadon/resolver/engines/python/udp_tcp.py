"""What the python engine sends and receives over: UDP sockets with one source port each, and streams.

A link knows its questions by their random ids, and gives the engine every message that comes; ``dns/exchange`` decides
what the message means. Datagrams leave at the end of the turn of the loop, those of one length by one system
call where the kernel can cut them (udp(7), UDP_SEGMENT): sending is what a question costs most in the kernel.
A stream may be wrapped (TLS) and framed (two bytes of length, or HTTP): both are objects that turn bytes into bytes,
and know no socket.
"""

from __future__ import annotations

import _socket
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol, TypeAlias

from ...dns.exchange import Query, Tuning
from ...dns.server_health import Health
from ...model import Server
from ...protocols import Runtime, Watching

_RCVBUF = 4 << 20  # the default overflows silently at some 250 answers
_OLD = 10.0  # seconds after which a source port is given up
_BATCH = 16  # datagrams read before others get their turn
_STRANGERS = 8  # replies nobody asked for, then somebody is guessing at this port: he has had 8 of 65,536 ids
SEGMENTS = 64 if sys.platform == "linux" else 1  # the kernel's bound (UDP_MAX_SEGMENTS) before Linux 6.9
_SOL_UDP, _UDP_SEGMENT = 17, 103  # <linux/udp.h>; the socket module has no names for them
# How kernels, devices and tunnels say that they cannot cut a packet, whatever they say to a single one.
_NO_SEGMENTS = (errno.EIO, errno.EINVAL, errno.EMSGSIZE, errno.ENOPROTOOPT, errno.EOPNOTSUPP)
# Taken with the type it saves a system call; macOS has no such flag. Python sets close-on-exec by itself.
_NONBLOCK: int = getattr(_socket, "SOCK_NONBLOCK", 0)
_MOST_OUT = 1 << 20  # bytes that wait to be sent, then the server makes us answer and does not read
_MOST_FOREIGN = 1000  # messages over one connection that nobody waits for, then it is given up
_IDLE = 10.0  # seconds after which a connection that nobody used is not trusted to be there still


def connected(server: Server, kind: int, source: tuple[str, int] | None = None) -> _socket.socket:
    """A non-blocking socket on its way to ``server``. OSError when the kernel knows already that it cannot be.

    ``source`` is the address and port to send from, port 0 for any.
    """
    family = _socket.AF_INET6 if ":" in server.address else _socket.AF_INET
    made = _socket.socket(family, kind | _NONBLOCK)
    if not _NONBLOCK:
        made.setblocking(False)
    address, _, scope = server.address.partition("%")
    try:
        if source is not None:
            made.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
            made.bind(source)
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


def source_for(sources: tuple[str, ...], server: Server) -> tuple[str, int] | None:
    """One of the local addresses of the server's family, by chance, with any port; None to let the kernel choose."""
    fit = [one for one in sources if (":" in one) == (":" in server.address)]
    return (fit[int.from_bytes(os.urandom(2), "big") % len(fit)], 0) if fit else None


class Driver(Protocol):
    """What a link tells its engine."""

    tuning: Tuning
    runtime: Runtime
    largest: int  # bytes of a datagram
    segments: int  # datagrams that may leave by one system call

    def now(self) -> float:
        """The loop's time."""

    def soon(self, link: UdpLink) -> None:
        """The link has something to ``flush`` at the end of this turn."""

    def received(self, query: Query, message: bytes, now: float, tcp: bool, state: Health) -> None:
        """A message came under a question's id."""

    def stranger(self, link: UdpLink, too_many: bool) -> None:
        """A datagram came under no question's id."""

    def unsent(self, link: UdpLink, names: list[bytes], error: OSError) -> None:
        """The kernel did not take the datagrams with these ids."""

    def link_ended(self, link: UdpLink) -> None:
        """The link closes, having done its work."""

    def link_failed(self, link: Link, error: OSError) -> None:
        """The link is of no use any more."""


def bursts(by_length: dict[int, list[bytes]], most: int) -> Iterator[list[bytes]]:
    """The datagrams, at most so many of one length together."""
    for same in by_length.values():
        for at in range(0, len(same), most):
            yield same[at : at + most]


class UdpLink:
    """A connected UDP socket: the kernel takes datagrams from its server only, and chose its port at random.

    ``uses`` is how many questions may still leave from this port; with the last answer after that it closes.
    """

    __slots__ = (
        "_out", "_receive", "_send", "_socket", "_watch", "engine", "expires", "flight", "state", "strangers", "uses",
    )  # fmt: skip

    tcp = False

    def __init__(self, engine: Driver, state: Health, now: float) -> None:
        self.engine: Driver = engine
        self.state: Health = state
        self.flight: dict[bytes, Query] = {}
        self.uses: int = engine.tuning.uses
        self.expires: float = now + _OLD
        self.strangers: int = 0
        self._out: dict[int, list[bytes]] = {}  # datagrams by their length
        self._socket = connected(state.server, _socket.SOCK_DGRAM, source_for(engine.tuning.sources, state.server))
        with suppress(OSError):
            self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVBUF, _RCVBUF)
        self._send = self._socket.send
        self._receive = self._socket.recv
        self._watch: Watching = engine.runtime.watch(self._socket.fileno(), self._read)

    def send(self, query: Query, name: bytes, body: bytes) -> None:
        """Send with what else leaves in this turn."""
        datagram = name + body
        out = self._out
        same = out.get(len(datagram))
        if same is not None:
            same.append(datagram)
        else:
            if not out:
                self.engine.soon(self)
            out[len(datagram)] = [datagram]
        self.flight[name] = query
        self.uses -= 1

    def _keep(self, datagrams: list[bytes]) -> None:
        """For the next flush; they are of one length."""
        self._out.setdefault(len(datagrams[0]), []).extend(datagrams)

    def flush(self) -> None:
        """Hand what was queued to the kernel."""
        out, self._out = self._out, {}
        engine = self.engine
        for burst in bursts(out, engine.segments):
            try:
                if len(burst) == 1:
                    self._send(burst[0])
                else:
                    cut = (_SOL_UDP, _UDP_SEGMENT, len(burst[0]).to_bytes(2, sys.byteorder))
                    self._socket.sendmsg([b"".join(burst)], [cut])
            except OSError as error:
                if len(burst) > 1 and error.errno in _NO_SEGMENTS:
                    engine.segments = 1
                    self._keep(burst)
                    engine.soon(self)
                else:
                    self._unsent(burst, error)

    def _unsent(self, datagrams: list[bytes], error: OSError) -> None:
        if isinstance(error, BlockingIOError):
            self._keep(datagrams)
            self._watch.update(self._read, self._writable)
        elif self._watch.fd >= 0:
            self.engine.unsent(self, [one[:2] for one in datagrams], error)

    def _writable(self) -> None:
        self._watch.update(self._read, None)
        self.flush()

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
                if self._watch.fd < 0:
                    return

    def retire(self) -> None:
        """Let no more questions leave from this port."""
        self.uses = 0
        if not self.flight:
            self.close()

    def emptied(self) -> None:
        """The last of its questions has ended, and no more may leave from it."""
        self.engine.link_ended(self)
        self.close()

    def close(self) -> None:
        """Stop, once."""
        self.uses = 0
        self._out = {}
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

    def forget(self, name: bytes) -> None:
        """Nobody waits for this answer any more: let go of what has come of it."""

    def partial(self) -> bool:
        """Whether a message has begun and not ended."""


class Framed:
    """Two bytes of length before each message (RFC 1035 §4.2.2)."""

    __slots__ = ("_buffer", "out")

    def __init__(self) -> None:
        self.out: bytearray = bytearray()
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

    def forget(self, name: bytes) -> None:
        """See ``Layer.forget``. Which answer it is that comes, its end tells."""

    def partial(self) -> bool:
        """See ``Layer.partial``."""
        return bool(self._buffer)


class StreamLink:
    """A connection to a server, questions pipelined over it and answered in any order (RFC 7766)."""

    __slots__ = (
        "_foreign", "_socket", "_watch", "answered", "closed", "engine", "flight", "layer", "state", "used_at", "uses",
    )  # fmt: skip

    @property
    def tcp(self) -> bool:
        """See ``Stream.tcp``."""
        return True

    def __init__(self, engine: Driver, state: Health, now: float, layer: Layer) -> None:
        self.engine: Driver = engine
        self.state: Health = state
        self.flight: dict[bytes, Query] = {}
        self.uses: int = 0
        self.used_at: float = now
        self.answered: bool = False
        self.closed: bool = False
        self.layer: Layer = layer
        self._foreign = 0
        self._socket = connected(state.server, _socket.SOCK_STREAM, source_for(engine.tuning.sources, state.server))
        with suppress(OSError):
            self._socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self._watch: Watching = engine.runtime.watch(self._socket.fileno(), self._read, self._write)

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
        unasked = bool(messages) and not self.flight
        for name, message in messages:
            query = self.flight.get(name or message[:2])
            if query is not None:
                self.answered = True
                self.engine.received(query, message, now, True, self.state)
            else:
                self._foreign += 1
        if self.closed:
            return
        if unasked or self._foreign > _MOST_FOREIGN or len(self.layer.out) > _MOST_OUT:
            # Else a server that never stops would have us read for ever.
            self.engine.link_failed(self, ConnectionAbortedError(103, "the server sends what nobody asked for"))
        elif self.layer.out:
            self._watch.update(self._read, self._write)

    def forget(self, name: bytes) -> None:
        """See ``Stream.forget``."""
        if self.closed:
            return
        with suppress(OSError):  # what is wrong with the connection, the next read says
            self.layer.forget(name)
        if self.layer.out:
            self._watch.update(self._read, self._write)

    def emptied(self) -> None:
        """Nothing is in flight: the connection stays for the next, unless an answer hangs in it that does not end."""
        self.used_at = self.engine.now()
        if self.layer.partial() and not self.closed:
            self.engine.link_failed(self, ConnectionAbortedError(103, "an answer did not end"))

    def close(self) -> None:
        """Stop, once."""
        self.closed = True
        self._watch.close()
        self._socket.close()


class Stream(Protocol):
    """A connection that carries questions side by side, as ``StreamLink`` does."""

    state: Health
    flight: dict[bytes, Query]
    uses: int
    answered: bool

    @property
    def tcp(self) -> bool:
        """Whether nobody can have forged what comes over it."""

    def usable(self, now: float) -> bool:
        """Whether another question may go over it."""

    def send(self, query: Query, name: bytes, body: bytes) -> None:
        """Queue, or raise OSError."""

    def forget(self, name: bytes) -> None:
        """Nobody waits for the answer to this question any more."""

    def emptied(self) -> None:
        """The last of its questions has ended."""

    def close(self) -> None:
        """Stop, once."""


Link: TypeAlias = UdpLink | Stream
