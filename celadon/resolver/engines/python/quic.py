"""DNS over QUIC (RFC 9250) for the python engine. aioquic speaks QUIC, a stream for each question; its packets
and its clock are on the engine's loop here.
"""

from __future__ import annotations

import _socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aioquic.quic import events
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection

from ...dns.exchange import Query
from ...dns.server_health import Health
from ...protocols import Cancellable
from .udp_tcp import Driver, Stream, connected

_IDLE = 10.0  # seconds without use after which a connection counts as lost
_LARGEST = 65535
_CANCELLED = 0x3  # DOQ_REQUEST_CANCELLED (RFC 9250 §4.3)


class QuicLink:
    """A connection to a server. Its clock runs only while something is asked."""

    __slots__ = (
        "_buffers", "_closed", "_names", "_peer", "_quic", "_shaken", "_socket", "_timer", "_used_at", "_waiting",
        "_watch", "answered", "engine", "flight", "state", "uses",
    )  # fmt: skip

    engine: Driver
    state: Health

    @property
    def tcp(self) -> bool:
        """See ``Stream.tcp``."""
        return True

    def __init__(self, engine: Driver, state: Health, now: float) -> None:
        server = state.server
        self.engine, self.state = engine, state
        self.flight: dict[bytes, Query] = {}
        self.uses: int = 0
        self.answered: bool = False
        self._used_at = now
        self._closed = self._shaken = False
        self._timer: Cancellable | None = None
        self._waiting: list[tuple[bytes, bytes]] = []
        self._names: dict[int, bytes] = {}
        self._buffers: dict[int, bytearray] = {}
        system = ssl.get_default_verify_paths()
        if server.trust:
            with open(server.trust, "rb"):
                pass  # so that OSError comes now, not in the middle of a handshake
        self._quic = QuicConnection(
            configuration=QuicConfiguration(
                alpn_protocols=["doq"],
                server_name=server.hostname or server.address.partition("%")[0],
                cafile=server.trust or system.cafile,
                capath=None if server.trust else system.capath,
                verify_mode=ssl.CERT_NONE if server.trust is None else ssl.CERT_REQUIRED,
            )
        )
        self._socket = connected(server, _socket.SOCK_DGRAM)
        self._peer = (server.address, server.port)
        self._watch = engine.runtime.watch(self._socket.fileno(), on_readable=self._read)
        self._quic.connect(self._peer, now=now)

    def usable(self, now: float) -> bool:
        """See ``Stream.usable``."""
        return not self._closed and (bool(self.flight) or now - self._used_at < _IDLE)

    def send(self, query: Query, name: bytes, body: bytes) -> None:
        """See ``Stream.send``."""
        self._waiting.append((name, body))
        self.flight[name] = query
        self._push()

    def emptied(self) -> None:
        """See ``Stream.emptied``."""
        self._used_at = self.engine.now()
        self._stop_clock()

    def close(self) -> None:
        """See ``Stream.close``."""
        if self._closed:
            return
        self._closed = True
        self._stop_clock()
        try:
            self._quic.close()
            self._flush(self.engine.now())
        except OSError:
            pass  # a courtesy
        finally:
            self._watch.close()
            self._socket.close()

    def _flush(self, now: float) -> None:
        for datagram, _ in _aborted(self._quic.datagrams_to_send, now):
            try:
                self._socket.send(datagram)
            except BlockingIOError:
                return  # lost, as datagrams may be

    def _push(self) -> None:
        quic = self._quic
        if self._shaken:
            for name, body in self._waiting:
                stream = quic.get_next_available_stream_id()
                self._names[stream] = name
                # The id is 0 and the length in front (RFC 9250 §4.2).
                quic.send_stream_data(stream, (len(body) + 2).to_bytes(2, "big") + b"\0\0" + body, end_stream=True)
            self._waiting.clear()
        now = self.engine.now()
        try:
            self._flush(now)
        except OSError as error:
            self.engine.link_failed(self, error)
            return
        self._stop_clock()
        due = quic.get_timer()
        if due is not None and self.flight and not self._closed:
            self._timer = self.engine.runtime.call_later(max(due - now, 0.0), self._tick)

    def _stop_clock(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        try:
            _aborted(self._quic.handle_timer, self.engine.now())
        except OSError as error:
            self.engine.link_failed(self, error)
            return
        if self._listen():
            self._push()

    def _read(self) -> None:
        now = self.engine.now()
        try:
            while True:
                _aborted(self._quic.receive_datagram, self._socket.recv(_LARGEST), self._peer, now)
        except BlockingIOError:
            pass
        except OSError as error:
            self.engine.link_failed(self, error)
            return
        if self._listen():
            self._push()

    def _listen(self) -> bool:
        """What happened meanwhile; whether the connection lives on."""
        while not self._closed and (event := self._quic.next_event()) is not None:
            if isinstance(event, events.HandshakeCompleted):
                self._shaken = True
            elif isinstance(event, events.StreamDataReceived):
                self._take(event.stream_id, event.data, event.end_stream)
            elif isinstance(event, events.ConnectionTerminated):
                reason = event.reason_phrase or f"code {event.error_code}"
                self.engine.link_failed(self, ConnectionResetError(104, f"QUIC: {reason}"))
        return not self._closed

    def _take(self, stream: int, data: bytes, ended: bool) -> None:
        if stream not in self._names:
            return  # the server's own, or one that was stopped
        message = self._buffers.setdefault(stream, bytearray())
        message += data
        if len(message) > _LARGEST + 2:
            self._drop(stream)
        if not ended or stream not in self._names:
            return
        del self._buffers[stream]
        name = self._names.pop(stream)
        query = self.flight.get(name)
        if query is not None and len(message) > 14:
            self.answered = True
            self.engine.received(query, name + message[4:], self.engine.now(), True, self.state)

    def _drop(self, stream: int) -> None:
        """Make the server stop sending, and forget what has come."""
        self._names.pop(stream, None)
        self._buffers.pop(stream, None)
        with suppress(OSError):
            _aborted(self._quic.stop_stream, stream, _CANCELLED)

    def forget(self, name: bytes) -> None:
        """See ``Stream.forget``."""
        if self._closed:
            return
        self._waiting = [one for one in self._waiting if one[0] != name]
        for stream in [stream for stream, other in self._names.items() if other == name]:
            self._drop(stream)
            with suppress(OSError):
                self._flush(self.engine.now())


def _aborted(call: Callable[..., Any], *args: Any) -> Any:
    """Call the library. If it fails in any way, only this connection ends, with an OSError."""
    try:
        return call(*args)
    except Exception as error:
        raise ConnectionAbortedError(103, f"QUIC: {type(error).__name__} {error}".rstrip()) from error


def connect(engine: Driver, state: Health, now: float) -> Stream:
    """A connection to a server by QUIC."""
    return QuicLink(engine, state, now)
