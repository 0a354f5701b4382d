"""WebSocket (RFC 6455, with permessage-deflate of RFC 7692) for WSGI applications, on a WSGIServer; wsproto frames.

Two ways, by the names that programs know: ``WebSocketHandler`` as ``handler_class`` gives an application that is asked
for a WebSocket ``environ["wsgi.websocket"]``, as gevent-websocket does; ``WebSocketWSGI`` makes an application of a
function of a WebSocket, as eventlet does. Libraries that bring a WebSocket of their own (simple-websocket, and with it
Flask-Sock and Flask-SocketIO) find the socket in the environment, as ``gunicorn.socket``. ``OfferingHandler`` serves
both: its WebSocket answers the handshake when it is first used.
"""

from __future__ import annotations

import base64
import binascii
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from ...hub import Lock
from .wsgi.errors import ClientGone
from .wsgi.response_head import check_fields, format_head
from .wsgi.upgrade import Upgrade
from .wsgi.wsgi_handler import WSGIHandler

try:
    from wsproto import connection as frames
    from wsproto import events
    from wsproto.extensions import PerMessageDeflate
    from wsproto.handshake import server_extensions_handshake
    from wsproto.utilities import LocalProtocolError, generate_accept_token
except ImportError:
    raise ImportError("celadon's WebSocket needs the package wsproto: pip install 'celadon[serve]'") from None

_SWITCHING = b"101 Switching Protocols"
#: Bytes that are given to the decoder at once: it may make a thousand times as many of them (deflate).
_PIECE = 4096
#: Seconds that a client has to answer a close.
_CLOSE_SECONDS = 2.0
_NORMAL, _PROTOCOL_ERROR, _ABNORMAL, _TOO_BIG, _INTERNAL_ERROR = 1000, 1002, 1006, 1009, 1011


def _size(data: str | bytes | bytearray) -> int:
    return len(data.encode()) if isinstance(data, str) and not data.isascii() else len(data)


class WebSocketError(OSError):
    """The WebSocket is closed, or the client has gone."""


class Refusal(Exception):
    """A handshake that is refused, with the head of the answer."""

    def __init__(self, status: str, why: str, *fields: tuple[str, str]) -> None:
        super().__init__(why)
        self.status = status
        self.fields = fields


class Handshake(NamedTuple):
    """What was agreed on, and the fields of the answer."""

    fields: list[tuple[str, str]]
    protocol: str | None
    extensions: list[Any]


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def is_websocket(environ: dict[str, Any]) -> bool:
    """Whether a request asks for a WebSocket."""
    return "websocket" in _listed(environ.get("HTTP_UPGRADE", "").lower()) and "celadon.upgrade" in environ


def agree(environ: dict[str, Any], protocols: Iterable[str] = (), deflate: bool = True) -> Handshake:
    """The answer to a handshake (RFC 6455 section 4.2); Refusal if it is malformed. ``protocols``: the server's own."""
    if environ["REQUEST_METHOD"] != "GET":
        raise Refusal("400 Bad Request", "a WebSocket handshake is a GET")
    if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != "13":
        raise Refusal("426 Upgrade Required", "only version 13 is spoken", ("Sec-WebSocket-Version", "13"))
    key = environ.get("HTTP_SEC_WEBSOCKET_KEY", "")
    try:
        nonce = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        nonce = b""
    if len(nonce) != 16:
        raise Refusal("400 Bad Request", "Sec-WebSocket-Key is not 16 bytes in base 64")
    offered = _listed(environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL", ""))
    protocol = next((one for one in offered if one in tuple(protocols)), None)
    fields = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", generate_accept_token(key.encode("ascii")).decode("ascii")),
    ]
    if protocol is not None:
        fields.append(("Sec-WebSocket-Protocol", protocol))
    extensions: list[Any] = [PerMessageDeflate()] if deflate else []
    try:
        accepted = server_extensions_handshake(_listed(environ.get("HTTP_SEC_WEBSOCKET_EXTENSIONS", "")), extensions)
    except ValueError:
        raise Refusal("400 Bad Request", "Sec-WebSocket-Extensions is malformed") from None
    if accepted:
        fields.append(("Sec-WebSocket-Extensions", accepted.decode("ascii")))
    return Handshake(fields, protocol, extensions if accepted else [])


class WebSocket:
    """One WebSocket. ``receive`` is for one greenlet at a time, ``send`` and ``close`` for any of the same thread.

    ``closed`` once either side has closed it; then ``close_code`` and ``close_reason`` are what the client said (1005:
    no code; 1006: it has gone without a word), or what the server closed with. ``protocol`` is the subprotocol.
    """

    def __init__(
        self, environ: dict[str, Any], agreed: Handshake, max_size: int | None, ping_seconds: float | None
    ) -> None:
        self.environ = environ
        self.protocol: str | None = agreed.protocol
        self.closed: bool = False
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self._max_size = max_size
        self._upgrade: Upgrade = environ["celadon.upgrade"]
        self._sock = self._upgrade.get_socket()
        self._frames = frames.Connection(frames.ConnectionType.SERVER, agreed.extensions)
        self._events: Iterator[Any] = iter(())
        self._unread = b""
        self._lock = Lock()
        self._ended = False  # nothing more comes
        self._pinged = False
        self._upgrade.taken = True
        self._sock.settimeout(ping_seconds)
        fields, _ = check_fields(agreed.fields)
        self._upgrade.connection.send(format_head(_SWITCHING, fields))

    @property
    def path(self) -> str:
        """PATH_INFO of the request."""
        return self.environ["PATH_INFO"]  # type: ignore[no-any-return]

    @property
    def origin(self) -> str | None:
        """The Origin of the request: the page that opened it, if a browser did."""
        return self.environ.get("HTTP_ORIGIN")

    @property
    def version(self) -> str:
        """The version of the protocol: "13"."""
        return self.environ["HTTP_SEC_WEBSOCKET_VERSION"]  # type: ignore[no-any-return]

    # -- receiving -------------------------------------------------------------------------------------------

    def receive(self) -> str | bytes | None:
        """The next message: str for text, bytes for binary; None when the WebSocket is closed by the client, or broken.

        WebSocketError if it was closed before.
        """
        if self.closed:
            raise WebSocketError("the WebSocket is closed")
        parts: list[Any] = []
        size = 0
        while True:
            event = self._next()
            if isinstance(event, events.TextMessage | events.BytesMessage):
                if event.data:
                    parts.append(event.data)
                    size += _size(event.data)
                if self._max_size is not None and size > self._max_size:
                    self._fail(_TOO_BIG, f"a message has more than {self._max_size} bytes")
                    return None
                if event.message_finished:
                    empty: Any = "" if isinstance(event, events.TextMessage) else b""
                    return empty.join(parts)  # type: ignore[no-any-return]
            elif isinstance(event, events.Ping):
                self._answer(event)
            elif isinstance(event, events.CloseConnection):
                self._close_received(event)
                return None
            elif event is None:
                self._gone()
                return None

    def wait(self) -> str | bytes | None:
        """As ``receive``, but None as well if it was closed before: eventlet's."""
        return None if self.closed else self.receive()

    def __iter__(self) -> Iterator[str | bytes]:
        return iter(self.wait, None)

    def _next(self) -> Any:
        """The next event; None at the end of the connection."""
        while True:
            for event in self._events:
                return event
            if not self._unread:
                try:
                    self._unread = self._sock.recv(65536)
                    self._pinged = False
                except TimeoutError:
                    if self._pinged:
                        return None  # nothing has come since the last ping
                    self._pinged = True
                    self._send(events.Ping())
                    continue
                except OSError:
                    return None
                if not self._unread:
                    return None
            self._frames.receive_data(self._unread[:_PIECE])
            self._unread = self._unread[_PIECE:]
            self._events = self._frames.events()

    def _close_received(self, event: Any) -> None:
        if self._frames.state is frames.ConnectionState.OPEN:  # wsproto's way to say that a frame is malformed
            self._fail(int(event.code), event.reason or "")
            return
        self.close_code, self.close_reason = int(event.code), event.reason
        self._ended = True
        if not self.closed:
            self._answer(event)
            self.closed = True

    def _answer(self, event: Any) -> None:
        """To a ping or a close; if the client does not take it, the next read finds its end."""
        with suppress(WebSocketError):
            self._send(event.response())

    def _fail(self, code: int, why: str) -> None:
        self.close(code, why)
        self._ended = True  # what else comes is not read (RFC 6455 section 7.1.7)

    def _gone(self) -> None:
        if not self.closed:
            self.close_code, self.close_reason = _ABNORMAL, None
        self.closed = self._ended = True

    # -- sending ---------------------------------------------------------------------------------------------

    def send(self, message: Any, binary: bool | None = None) -> None:
        """Send bytes as binary, anything else as text; ``binary`` says otherwise. WebSocketError if closed."""
        if self.closed:
            raise WebSocketError("the WebSocket is closed")
        is_bytes = isinstance(message, bytes | bytearray | memoryview)
        if binary is None:
            binary = is_bytes
        if binary:
            self._send(events.BytesMessage(data=bytes(message) if is_bytes else str(message).encode()))
        else:
            self._send(events.TextMessage(data=bytes(message).decode() if is_bytes else str(message)))

    def ping(self, data: bytes = b"") -> None:
        """Send a ping of at most 125 bytes; the pong is not given to anybody. WebSocketError if closed."""
        if self.closed:
            raise WebSocketError("the WebSocket is closed")
        if len(data) > 125:
            raise ValueError("a ping has at most 125 bytes (RFC 6455 section 5.5)")
        self._send(events.Ping(payload=data))

    def close(self, code: int = _NORMAL, message: str | bytes = "") -> None:
        """Say that nothing more is sent, with a code (RFC 6455 section 7.4) and a reason of at most 123 bytes."""
        if self.closed:
            return
        self.closed = True
        reason = message.decode("utf-8", "replace") if isinstance(message, bytes) else message
        self.close_code, self.close_reason = code, reason
        try:
            self._send(events.CloseConnection(code=code, reason=reason or None))
        except WebSocketError:
            self._ended = True

    def _send(self, event: Any) -> None:
        """Send a message, or what belongs to the protocol. WebSocketError if the client does not take it."""
        with self._lock:  # two frames must not mix, and deflate counts on their order
            try:
                self._upgrade.connection.send(bytes(self._frames.send(event)))
            except ClientGone as error:
                self.closed = self._ended = True
                raise WebSocketError(error.errno, str(error)) from error
            except LocalProtocolError as error:
                raise WebSocketError(f"the WebSocket is closed: {error}") from error

    def finish(self) -> None:
        """Close, and wait a moment for the client's close, so that what was sent arrives. The server calls it."""
        self.close()
        connection = self._upgrade.connection
        self._sock.settimeout(None)
        while not self._ended:
            connection.deadline = connection.now() + _CLOSE_SECONDS
            event = self._next()
            if event is None or isinstance(event, events.CloseConnection):
                self._ended = True


class WebSocketHandler(WSGIHandler):
    """A handler whose applications find ``environ["wsgi.websocket"]`` if the client asked for a WebSocket, else None.

    What such an application returns is thrown away, and the WebSocket is closed after it.
    """

    code: int
    headers_sent: bool
    result: Any
    #: The greatest message in bytes; a larger one is answered with close code 1009.
    max_size: int | None = 8 << 20
    #: After so many seconds without a word from the client it is sent a ping, after as many again it is given up.
    ping_seconds: float | None = None
    #: The subprotocols that the application speaks.
    protocols: Iterable[str] = ()
    #: Whether to compress, if the client can.
    deflate = True
    websocket: WebSocket | None = None

    def run_application(self) -> None:
        """Call the application, with a WebSocket if one was asked for."""
        environ = self.environ
        assert environ is not None
        if not is_websocket(environ):
            super().run_application()
            return
        try:
            agreed = agree(environ, self.protocols, self.deflate)
        except Refusal as refusal:
            self.result = _refuse(refusal, self.start_response)
            self.process_result()
            return
        self.code, self._orig_status, self.headers_sent = 101, _SWITCHING.decode(), True
        self.websocket = WebSocket(environ, agreed, self.max_size, self.ping_seconds)
        environ["wsgi.websocket"], environ["wsgi.websocket_version"] = self.websocket, "13"
        try:
            self.run_websocket()
        finally:
            try:
                _end(self.websocket)
            finally:
                environ["wsgi.websocket"] = self.websocket = None

    def run_websocket(self) -> None:
        """Call the application with the WebSocket that there is now."""
        result = self.application(self.environ, lambda status, headers, exc_info=None: lambda data: None)
        try:
            for _ in result or ():
                pass
        finally:
            if hasattr(result, "close"):
                result.close()


class OfferedWebSocket(WebSocket):
    """A WebSocket that answers the handshake when it is first used. Until then the request can be answered by HTTP."""

    #: What exists once it is open: asking for it opens.
    _OPENS = frozenset(
        ("closed", "close_code", "close_reason", "_upgrade", "_sock", "_frames", "_events", "_unread", "_lock")
    )

    environ: dict[str, Any]

    def __init__(self, handler: OfferingHandler, environ: dict[str, Any], agreed: Handshake) -> None:
        self.environ = environ
        self.protocol: str | None = agreed.protocol
        self._handler, self._agreed = handler, agreed

    @property
    def opened(self) -> bool:
        """Whether the handshake was answered."""
        return "closed" in vars(self)

    def __getattr__(self, name: str) -> Any:
        if name not in self._OPENS or self.opened:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        handler = self._handler
        handler.code, handler._orig_status, handler.headers_sent = 101, _SWITCHING.decode(), True
        super().__init__(self.environ, self._agreed, handler.max_size, handler.ping_seconds)
        return getattr(self, name)


class OfferingHandler(WebSocketHandler):
    """A WebSocketHandler whose ``environ["wsgi.websocket"]`` answers the handshake when it is first used.

    An application that does not use it answers by HTTP, or has a WebSocket of its own (``gunicorn.socket``). It is None
    for a request that asks for none, or whose handshake is malformed.
    """

    websocket: OfferedWebSocket | None = None

    def run_application(self) -> None:
        """Call the application, with the offer if a WebSocket was asked for."""
        environ = self.environ
        assert environ is not None
        self.websocket = self._offer(environ)
        environ["wsgi.websocket"] = self.websocket
        try:
            WSGIHandler.run_application(self)
        finally:
            websocket, self.websocket = self.websocket, None
            environ["wsgi.websocket"] = None
            if websocket is not None and websocket.opened:
                self.code: int = 101
                self._orig_status = _SWITCHING.decode()
                _end(websocket)

    def _offer(self, environ: dict[str, Any]) -> OfferedWebSocket | None:
        if self._upgrade is None or not is_websocket(environ):
            return None
        try:
            made = OfferedWebSocket(self, environ, agree(environ, self.protocols, self.deflate))
        except Refusal:
            return None
        environ["wsgi.websocket_version"] = "13"
        return made

    def write(self, data: bytes) -> None:
        """Send a piece of the response; what is returned beside an open WebSocket is thrown away."""
        if self.websocket is None or not self.websocket.opened:
            super().write(data)


def _refuse(refusal: Refusal, start_response: Any) -> list[bytes]:
    start_response(refusal.status, [("Content-Type", "text/plain"), *refusal.fields])
    return [f"{refusal}\n".encode()]


def _end(websocket: WebSocket) -> None:
    """In the ``finally`` of the application."""
    error = sys.exception()
    if isinstance(error, Exception):
        websocket.close(_INTERNAL_ERROR)
    if error is None or isinstance(error, Exception):  # a kill has no time for good-byes
        websocket.finish()


class WebSocketWSGI:
    """A WSGI application of a function that is called with a WebSocket: eventlet's.

    ``max_frame_length`` is the greatest message in bytes. It needs a WSGIServer of ours, with any handler.
    """

    def __init__(self, handler: Callable[[WebSocket], object], max_frame_length: int | None = 8 << 20) -> None:
        self.handler = handler
        self.max_frame_length = max_frame_length
        self.supported_protocols: Iterable[str] = ()
        self.origin_checker: Callable[[str | None, str], object] | None = None

    @classmethod
    def configured(
        cls,
        handler: Callable[[WebSocket], object] | None = None,
        supported_protocols: Iterable[str] | None = None,
        origin_checker: Callable[[str | None, str], object] | None = None,
    ) -> Any:
        """As a decorator with arguments. ``origin_checker(host, origin)`` is true for a page that may connect."""

        def decorate(function: Callable[[WebSocket], object]) -> WebSocketWSGI:
            made = cls(function)
            made.supported_protocols = supported_protocols or ()
            made.origin_checker = origin_checker
            return made

        return decorate if handler is None else decorate(handler)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            if not is_websocket(environ):
                raise Refusal("400 Bad Request", "this is a WebSocket: the request does not ask for one")
            checker = self.origin_checker
            if checker is not None and not checker(environ.get("HTTP_HOST"), environ.get("HTTP_ORIGIN", "")):
                raise Refusal("403 Forbidden", "not from this origin")
            agreed = agree(environ, self.supported_protocols)
        except Refusal as refusal:
            return _refuse(refusal, start_response)
        websocket = WebSocket(environ, agreed, self.max_frame_length, None)
        try:
            self.handler(websocket)
        except WebSocketError:
            pass  # the client has gone
        finally:
            _end(websocket)
        return []


__all__ = ["OfferingHandler", "WebSocket", "WebSocketError", "WebSocketHandler", "WebSocketWSGI"]
