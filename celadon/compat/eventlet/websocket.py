"""``eventlet.websocket``: WebSockets (RFC 6455, RFC 7692) in a WSGI application, over wsproto's frames.

The drafts before RFC 6455 (hixie-75, hixie-76), which browsers gave up in 2012, are answered with 400.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import sys
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import CloseReason, FrameProtocol, Opcode, ParseFailed

from . import wsgi
from .greenio.base import shutdown_safe
from .semaphore import Semaphore
from .support import get_errno

ACCEPTABLE_CLIENT_ERRORS = {errno.ECONNRESET, errno.EPIPE, errno.ESHUTDOWN}
#: Bytes of a frame, and of a message after decompression.
DEFAULT_MAX_FRAME_LENGTH = 8 << 20
PROTOCOL_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSIONS = ("8", "13")
# What is read at once: deflate makes a thousand times as much of it at most.
_ROOM = 8192


class BadRequest(Exception):
    """A request that is no WebSocket's, and what it is answered with."""

    def __init__(self, status: str = "400 Bad Request", body: bytes | None = None, headers: Any = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = headers


class ConnectionClosedError(Exception):
    """The connection is closed."""


class FailedConnectionError(Exception):
    """The other side breaks the protocol; ``status`` and ``message`` are what it is sent."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


class ProtocolError(ValueError):
    """A frame that must not be sent."""


class WebSocketWSGI:
    """A WSGI application that calls ``handler(ws)`` for each WebSocket, which is closed when it returns.

    ``max_frame_length`` is the bytes that a message may have. ``configured`` makes one with more options.
    """

    def __init__(self, handler: Callable[[Any], object], max_frame_length: int = DEFAULT_MAX_FRAME_LENGTH) -> None:
        self.handler = handler
        self.protocol_version: int | None = None
        self.support_legacy_versions = False
        self.supported_protocols: list[str] = []
        self.origin_checker: Callable[[str | None, str], bool] | None = None
        self.max_frame_length = max_frame_length

    @classmethod
    def configured(
        cls,
        handler: Callable[[Any], object] | None = None,
        supported_protocols: Any = None,
        origin_checker: Callable[[str | None, str], bool] | None = None,
        support_legacy_versions: bool = False,
    ) -> Any:
        """A decorator, or the application: ``origin_checker(host, origin)`` says who may connect."""

        def decorator(handler: Callable[[Any], object]) -> WebSocketWSGI:
            made = cls(handler)
            made.origin_checker = origin_checker
            made.supported_protocols = supported_protocols or []
            made.support_legacy_versions = support_legacy_versions
            return made

        return decorator if handler is None else decorator(handler)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            ws = self._accept(environ)
        except BadRequest as error:
            start_response(error.status, [("Connection", "close"), *(error.headers or ())])
            return [error.body or b""]
        if "eventlet.set_idle" in environ:
            environ["eventlet.set_idle"]()
        try:
            self.handler(ws)
        except OSError as error:
            if get_errno(error) not in ACCEPTABLE_CLIENT_ERRORS:
                raise
        ws._send_closing_frame(True)
        wsgi.WSGI_LOCAL.already_handled = True
        return []

    def _accept(self, environ: dict[str, Any]) -> RFC6455WebSocket:
        get = environ.get
        wishes = [part.strip() for part in get("HTTP_CONNECTION", "").lower().split(",")]
        if "upgrade" not in wishes or get("HTTP_UPGRADE", "").lower() != "websocket":
            raise BadRequest()
        version, key = get("HTTP_SEC_WEBSOCKET_VERSION"), get("HTTP_SEC_WEBSOCKET_KEY")
        if version is None:
            raise BadRequest()
        if version not in _VERSIONS:
            raise BadRequest("426 Upgrade Required", headers=[("Sec-WebSocket-Version", "8, 13")])
        if key is None:
            raise BadRequest()
        self.protocol_version = int(version)
        origin = get("HTTP_ORIGIN") or (get("HTTP_SEC_WEBSOCKET_ORIGIN", "") if version == "8" else "")
        if self.origin_checker is not None and not self.origin_checker(get("HTTP_HOST"), origin):
            raise BadRequest("403 Forbidden")
        offered = [one.strip() for one in get("HTTP_SEC_WEBSOCKET_PROTOCOL", "").split(",")]
        protocol = next((one for one in offered if one in self.supported_protocols), None)
        extensions, agreed = _agree(get("HTTP_SEC_WEBSOCKET_EXTENSIONS", ""))
        sock = _socket_of(environ)
        sock.sendall(_reply(key, protocol, agreed))
        return RFC6455WebSocket(sock, environ, int(version), protocol, False, extensions, self.max_frame_length)


def _socket_of(environ: dict[str, Any]) -> Any:
    if "eventlet.input" in environ:
        return environ["eventlet.input"].get_socket()
    if "gunicorn.socket" in environ:
        return environ["gunicorn.socket"]
    raise RuntimeError("there is no eventlet.input and no gunicorn.socket in the environment")


def _agree(offers: str) -> tuple[dict[str, Any], str]:
    """The extensions of the client's that are used, with their parameters, and the header that says so."""
    for offer in offers.lower().split(","):
        parts = ["=".join(word.strip().strip('"') for word in part.split("=")) for part in offer.split(";")]
        if parts[0] != "permessage-deflate":
            continue
        agreed: dict[str, Any] = {}
        for name, value in (part.partition("=")[::2] for part in parts[1:]):
            agreed[name] = (int(value) if value.isdigit() else 15) if name.endswith("_bits") else True
        if any(not 8 <= value <= 15 for name, value in agreed.items() if name.endswith("_bits")):
            continue
        texts = [name if value is True else f"{name}={value}" for name, value in agreed.items()]
        return {"permessage-deflate": agreed}, "; ".join(("permessage-deflate", *texts))
    return {}, ""


def _reply(key: str, protocol: str | None, extensions: str) -> bytes:
    accept = base64.b64encode(hashlib.sha1(key.encode("latin-1") + PROTOCOL_GUID).digest()).decode("ascii")
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    lines.append(f"Sec-WebSocket-Accept: {accept}")
    if protocol:
        lines.append(f"Sec-WebSocket-Protocol: {protocol}")
    if extensions:
        lines.append(f"Sec-WebSocket-Extensions: {extensions}")
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1")


class RFC6455WebSocket:
    """One side of a WebSocket: ``wait`` for messages, ``send`` them, ``close``.

    ``path``, ``protocol``, ``origin`` and ``environ`` are the request's. One greenlet may wait; several may send.
    """

    def __init__(
        self,
        sock: Any,
        environ: dict[str, Any],
        version: int = 13,
        protocol: str | None = None,
        client: bool = False,
        extensions: dict[str, Any] | None = None,
        max_frame_length: int = DEFAULT_MAX_FRAME_LENGTH,
    ) -> None:
        self.log: Any = environ.get("wsgi.errors", sys.stderr)
        self.socket = sock
        self.environ = environ
        self.version = version
        self.protocol = protocol
        self.client = client
        self.extensions = extensions or {}
        self.max_frame_length = max_frame_length
        self.path = environ.get("PATH_INFO")
        self.origin = environ.get("HTTP_ORIGIN")
        self.websocket_closed = False
        self._frames = FrameProtocol(client, [_deflate(self.extensions["permessage-deflate"])] if extensions else [])
        self._messages: deque[Any] = deque()
        self._parts: list[Any] = []
        self._size = 0
        self._sending = Semaphore()
        self._over = False
        self._remote_close_data: bytes | None = None

    # -- receiving

    def wait(self) -> Any:
        """The next message, waited for: a str or bytes. None once the WebSocket is closed."""
        while not self._messages and not self._over:
            try:
                for frame in self._frames.received_frames():
                    self._take(frame)
                if self._messages or self._over:
                    break
                data = self.socket.recv(_ROOM)
                if not data:
                    self._over = True
                    break
                self._frames.receive_bytes(data)
            except ParseFailed as error:
                self._over = True
                self.close((int(error.code), str(error)))
            except FailedConnectionError as error:
                self._over = True
                self.close((error.status, error.message))
        return self._messages.popleft() if self._messages else None

    def __iter__(self) -> Iterator[Any]:
        while (message := self.wait()) is not None:
            yield message

    def _take(self, frame: Any) -> None:
        if frame.opcode is Opcode.CLOSE:
            code, reason = frame.payload
            empty = code is CloseReason.NO_STATUS_RCVD
            self._remote_close_data = b"" if empty else int(code).to_bytes(2, "big") + (reason or "").encode()
            self._over = True
            self.close((1000 if empty else int(code), ""))
        elif frame.opcode is Opcode.PING:
            self._send(self._frames.pong(bytes(frame.payload)))
        elif frame.opcode is not Opcode.PONG:
            self._parts.append(frame.payload)
            self._size += len(frame.payload)
            if self._size > self.max_frame_length:
                raise FailedConnectionError(
                    1009,
                    f"Incoming frame of {self._size} bytes is above length limit of {self.max_frame_length} bytes.",
                )
            if frame.message_finished:
                whole = type(self._parts[0])().join(self._parts)
                self._messages.append(bytes(whole) if isinstance(whole, bytearray) else whole)
                self._parts, self._size = [], 0

    # -- sending

    def _send(self, data: bytes | bytearray) -> None:
        with self._sending:
            self.socket.sendall(data)

    def send(self, message: Any, *, control_code: int | None = None) -> None:
        """Send a str or bytes; other objects as their ``str``. OSError if the client is gone."""
        if control_code is None:
            if not isinstance(message, str | bytes | bytearray):
                message = str(message)
            with self._sending:  # what is compressed must go out in that order
                self.socket.sendall(self._frames.send_data(message, fin=True))
            return
        if control_code not in (8, 9, 10):
            raise ProtocolError("Unknown control opcode.")
        if len(message) > 125:
            raise ProtocolError("Control frame data too large (>125).")
        data = message.encode() if isinstance(message, str) else bytes(message)
        self._send(bytes(self._frames._serialize_frame(Opcode(control_code), data)))

    def _send_closing_frame(self, ignore_send_errors: bool = False, close_data: Any = None) -> None:
        if self.websocket_closed:
            return
        self.websocket_closed = True
        code, reason = close_data or (None, None)
        try:
            self._send(self._frames.close(code, reason or None))
        except OSError:
            if not ignore_send_errors:
                raise

    def close(self, close_data: tuple[int, str] | None = None) -> None:
        """Say that nothing more is sent, with a status and a text, and close the socket."""
        try:
            self._send_closing_frame(True, close_data)
            shutdown_safe(self.socket)
        except OSError as error:
            self.log.write(f"{self.path}: the WebSocket cannot be shut down: {error}\n")
        finally:
            self.socket.close()


WebSocket = RFC6455WebSocket


def _deflate(agreed: dict[str, Any]) -> PerMessageDeflate:
    made = PerMessageDeflate(
        client_no_context_takeover=bool(agreed.get("client_no_context_takeover")),
        client_max_window_bits=int(agreed.get("client_max_window_bits") or 15),
        server_no_context_takeover=bool(agreed.get("server_no_context_takeover")),
        server_max_window_bits=int(agreed.get("server_max_window_bits") or 15),
    )
    made._enabled = True
    return made


__all__ = ["RFC6455WebSocket", "WebSocket", "WebSocketWSGI"]
