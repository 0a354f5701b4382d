"""DNS over HTTPS (RFC 8484) for the python engine: h2 speaks HTTP/2, each question is a POST on a stream of its own."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections import deque

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from ...dns.server_health import Health
from ...model import Server
from .tls import Tls
from .udp_tcp import Driver, Stream, StreamLink

_LARGEST = 65535  # bytes of a message
_TYPE = "application/dns-message"


class Http2:
    """Questions as requests, answers as responses. OSError if a response is not a DNS message."""

    __slots__ = ("_bodies", "_connection", "_get", "_headers", "_most", "_names", "_waiting", "out")

    def __init__(self, server: Server) -> None:
        host = server.hostname or (f"[{server.address}]" if ":" in server.address else server.address)
        path, template, _ = server.path.partition("{?dns}")
        self._get: str = path if template else ""
        self._headers = [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", host if server.port == 443 else f"{host}:{server.port}"),
            (":path", path),
            ("content-type", _TYPE),
            ("accept", _TYPE),
        ]
        self._connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._connection.local_settings.enable_push = 0
        self._connection.initiate_connection()
        self._most = 1  # streams at a time, until the server says how many
        self._names: dict[int, bytes] = {}
        self._bodies: dict[int, bytearray] = {}
        self._waiting: deque[tuple[bytes, bytes]] = deque()
        self.out: bytearray = bytearray(self._connection.data_to_send())

    def pack(self, name: bytes, body: bytes) -> None:
        """See ``Layer.pack``."""
        self._waiting.append((name, body))
        self._request()

    def _request(self) -> None:
        """Send as many streams and bytes as the server allows."""
        connection = self._connection
        try:
            while self._waiting and connection.open_outbound_streams < self._most:
                name, body = self._waiting[0]
                if connection.outbound_flow_control_window < len(body) + 2:
                    break
                self._waiting.popleft()
                stream = connection.get_next_available_stream_id()
                self._names[stream] = name
                message = b"\0\0" + body  # id 0 for caches on the way (§4.1)
                if self._get:
                    connection.send_headers(stream, self._by_get(message), end_stream=True)
                    continue
                connection.send_headers(stream, [*self._headers, ("content-length", str(len(message)))])
                connection.send_data(stream, message, end_stream=True)
        except h2.exceptions.H2Error as error:
            raise ConnectionResetError(104, f"HTTP/2: {error}") from error
        self.out += connection.data_to_send()

    def _by_get(self, message: bytes) -> list[tuple[str, str]]:
        """The headers of a question in the path, for a server whose path is a template (RFC 8484 §4.1)."""
        path = f"{self._get}?dns={urlsafe_b64encode(message).decode().rstrip('=')}"
        changed = {":method": "GET", ":path": path}
        return [(name, changed.get(name, value)) for name, value in self._headers if name != "content-type"]

    def received(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """See ``Layer.received``."""
        connection = self._connection
        found: list[tuple[bytes, bytes]] = []
        try:
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RemoteSettingsChanged):
                    self._most = connection.remote_settings.max_concurrent_streams
                elif isinstance(event, h2.events.ResponseReceived):
                    _check({str(key): str(value) for key, value in event.headers or ()})
                    if event.stream_id in self._names:
                        self._bodies[event.stream_id] = bytearray()
                elif isinstance(event, h2.events.DataReceived):
                    stream = event.stream_id or 0
                    connection.acknowledge_received_data(event.flow_controlled_length or 0, stream)
                    body = self._bodies.get(stream)
                    if body is not None:
                        body += event.data or b""
                        if len(body) > _LARGEST:
                            self._drop(stream)
                elif isinstance(event, h2.events.StreamEnded):
                    ended = self._bodies.pop(event.stream_id or 0, b"")
                    name = self._names.pop(event.stream_id or 0, b"")
                    if name and len(ended) > 12:
                        found.append((name, name + bytes(ended[2:])))
                elif isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated) and not found:
                    raise ConnectionResetError(104, f"HTTP/2: the server ended it with code {event.error_code}")
        except h2.exceptions.H2Error as error:
            raise ConnectionResetError(104, f"HTTP/2: {error}") from error
        self._request()
        return found

    def _drop(self, stream: int) -> None:
        """Make the server stop sending, and forget what has come."""
        self._names.pop(stream, None)
        self._bodies.pop(stream, None)
        try:
            self._connection.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        except h2.exceptions.H2Error:
            return  # it has ended meanwhile
        self.out += self._connection.data_to_send()

    def forget(self, name: bytes) -> None:
        """See ``Layer.forget``."""
        for stream in [stream for stream, other in self._names.items() if other == name]:
            self._drop(stream)
        for waiting in [one for one in self._waiting if one[0] == name]:
            self._waiting.remove(waiting)

    def partial(self) -> bool:
        """See ``Layer.partial``. What belongs to no question is not kept."""
        return False


def _check(headers: dict[str, str]) -> None:
    status, kind = headers.get(":status", ""), headers.get("content-type", "")
    if status != "200" or kind.partition(";")[0].strip().lower() != _TYPE:
        raise ConnectionResetError(104, f"HTTP status {status}, {kind or 'no type'}")


def connect(engine: Driver, state: Health, now: float) -> Stream:
    """A connection to a server by HTTPS."""
    return StreamLink(engine, state, now, Tls(state.server, Http2(state.server), "h2"))
