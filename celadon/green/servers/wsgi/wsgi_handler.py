"""One connection of a WSGIServer: reads requests, calls the application, writes responses. By gevent's names."""

from __future__ import annotations

import traceback
from http.client import HTTPMessage
from time import time
from types import TracebackType
from typing import Any
from urllib.parse import unquote_to_bytes

from ....hub import GreenletExit
from .access_log import NO_LOG
from .chunked_body import LAST_CHUNK, encode_chunk
from .connection import PIECE, Connection
from .errors import BadRequest, BodyError, ClientGone
from .file_wrapper import FileWrapper
from .forwarded import believe
from .request_body import EMPTY, ChunkedBody, Input, RawStream, SizedBody
from .request_head import RequestHead, parse_head
from .response_head import (
    Fields,
    check_fields,
    check_hop_by_hop,
    check_status,
    content_length,
    date_now,
    format_head,
    refusal,
    refusal_of,
)
from .upgrade import Upgrade

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
#: Responses that have no body (RFC 9110 section 6.4.1).
_BODILESS = frozenset((101, 204, 304))
_KNOWN_LENGTH = (list, tuple)


class WSGIHandler:
    """Handles one connection, request after request; made by ``WSGIServer.handle`` with (socket, address, server).

    A subclass may replace any method that is named here; ``super()`` does what HTTP and PEP 3333 ask for. The
    attributes below are of the request that is being handled.
    """

    #: What an application is told that breaks PEP 3333.
    ApplicationError = AssertionError

    #: The time of the Unix clock when the request was read, and when the response was complete (seconds).
    time_start: float = 0.0
    time_finish: float = 0.0
    #: The WSGI environment.
    environ: dict[str, Any] | None = None
    application: Any = None
    #: What the application returned.
    result: Any = None
    #: "GET", "/a?b", "HTTP/1.1": as they came.
    command: str = ""
    path: str = ""
    request_version: str = ""
    #: The request's Content-Length, None without one.
    content_length: int | None = None
    #: ``wsgi.input``.
    wsgi_input: Input = EMPTY
    #: The status as bytes, as the application gave it, and its number; None and 0 before ``start_response``.
    status: bytes | None = None
    _orig_status: str | None = None
    code: int = 0
    #: The fields of the response, as pairs of bytes.
    response_headers: Fields
    provided_date: Any = None
    provided_content_length: Any = None
    headers_sent: bool = False
    response_use_chunked: bool = False
    #: Whether the response was 101: what follows on the connection is no HTTP.
    connection_upgraded: bool = False
    #: Bytes of the response, without its head.
    response_length: int = 0
    #: Whether this is the last request on the connection.
    close_connection: bool = False

    _head: RequestHead | None = None
    _refused: bytes = b""
    _upgrade: Upgrade | None = None
    _raw: RawStream | None = None
    #: Bytes that the application still owes to its Content-Length.
    _owed: int | None = None
    #: Whether the client may still send when we close.
    _unread: bool = True
    _requests: int = 0

    def __init__(self, sock: Any, address: Any, server: Any, rfile: Any = None) -> None:
        self.socket = sock
        self.client_address = address
        self.server = server
        self.connection: Connection = Connection(sock, server.limits)
        self.response_headers = []
        self._rfile = rfile

    @property
    def rfile(self) -> Any:
        """The connection as a file to read from, without an end: for what is spoken after an upgrade."""
        if self._rfile is None:
            self._rfile = Input(RawStream(self.connection))
        return self._rfile

    @property
    def requestline(self) -> str:
        """The request line as it came, "" if there was none."""
        head = self._head
        if head is not None:
            return f"{head.method} {head.target} {head.version}"
        return self._refused.partition(b"\r\n")[0][:200].decode("latin-1")

    @property
    def headers(self) -> HTTPMessage:
        """The fields of the request, as ``http.client`` has them; a new object each time."""
        message = HTTPMessage()
        for name, value in self._head.fields if self._head is not None else ():
            message[name.decode("ascii")] = value.decode("latin-1").strip(" \t")
        return message

    # -- the connection --------------------------------------------------------------------------------------

    def handle(self) -> None:
        """Handle requests until the connection is to be closed; the server closes the socket after it."""
        server, connection = self.server, self.connection
        try:
            if server.enter(self):
                self._handle_all()
            else:
                self._send_last(refusal(503, "too many connections")[1])
            if self._unread and not connection.broken and not connection.expired:
                connection.linger()
        finally:
            server.leave(self)
            # They refer to each other and to this handler: nothing shall wait for the collector.
            self.environ = self.application = self._rfile = self._raw = self._upgrade = None
            self.wsgi_input = EMPTY

    def _handle_all(self) -> None:
        while True:
            result = self.handle_one_request()
            if result is True:
                continue
            if result is not None:
                self.status, response = result
                self._send_last(response)
            return

    def _send_last(self, response: bytes) -> None:
        try:
            self.connection.send(response)
        except ClientGone:
            self._unread = False

    def handle_one_request(self) -> Any:
        """Read a request and answer it. True if there may be another; None, or a pair (status, response), if not."""
        connection = self.connection
        data = b""
        try:
            read = connection.read_head()
            if read is None:
                self._unread = False
                return None
            data = read
            self.time_start = time()
            head = parse_head(data, connection.limits)
        except BadRequest as fault:
            self._head, self._refused = None, data or connection.buffer
            return self._refuse(fault)
        self._head = head
        self.command, self.path, self.request_version = head.method, head.target, head.version
        self.content_length = head.length
        self.close_connection = not head.keep_alive or self.server.is_last(self)
        self._upgrade = self._raw = None
        try:
            self.environ = self.get_environ()
        except BadRequest as fault:
            return self._refuse(fault)
        self.application = self.server.application
        self.handle_one_response()
        return None if self.close_connection or self.server.draining else True

    def _refuse(self, fault: BadRequest) -> Any:
        """The answer to a request that the application does not get."""
        self.time_finish = time()
        self.time_start = self.time_start or self.time_finish
        self.environ, self.close_connection = None, True
        line, response = refusal_of(fault)
        self.code, self._orig_status = fault.status, line
        self.response_length = 0
        self.log_error("refused a request from %s with %s: %s", self.client_address, fault.status, fault)
        self.log_request()
        return line.encode("ascii"), response

    # -- the environment -------------------------------------------------------------------------------------

    def get_environ(self) -> dict[str, Any]:
        """The environment of a request that was read: the server's, and what is of this request."""
        head = self._head
        assert head is not None
        environ: dict[str, Any] = self.server.get_environ()
        environ.update(head.variables)
        path = head.path
        environ["REQUEST_METHOD"] = head.method
        environ["PATH_INFO"] = path if "%" not in path else unquote_to_bytes(path).decode("latin-1")
        environ["QUERY_STRING"] = head.query
        environ["RAW_URI"] = head.target
        environ["SERVER_PROTOCOL"] = head.version
        address = self.client_address
        if isinstance(address, tuple):
            environ["REMOTE_ADDR"] = address[0]
            environ["REMOTE_PORT"] = str(address[1])
        self.wsgi_input = environ["wsgi.input"] = EMPTY if not (head.length or head.chunked) else self._body(head)
        if head.upgrades:
            self._offer_upgrade(environ, head)
        if self.server.trusted is not None:
            believe(environ, self.server.trusted)
        return environ

    def _body(self, head: RequestHead) -> Input:
        connection = self.connection
        source = (
            ChunkedBody(connection, connection.limits.body) if head.chunked else SizedBody(connection, head.length or 0)
        )
        return Input(source, self._send_continue if head.awaits_continue else None)

    def _send_continue(self) -> None:
        if not self.headers_sent:
            self.connection.send(_CONTINUE)

    def _offer_upgrade(self, environ: dict[str, Any], head: RequestHead) -> None:
        """What WebSocket libraries look for: see ``upgrade``."""
        self._upgrade = upgrade = Upgrade(self.connection)
        environ["celadon.upgrade"] = environ["eventlet.input"] = upgrade
        environ["gunicorn.socket"] = upgrade.get_socket()
        if self.wsgi_input is EMPTY:
            self._raw = RawStream(self.connection, open=False)
            environ["wsgi.input"] = Input(self._raw)
            environ["wsgi.input_terminated"] = False

    # -- the response ----------------------------------------------------------------------------------------

    def handle_one_response(self) -> None:
        """Call the application, send its response, log it; what it raises is reported, and answered with 500."""
        self.time_start = time()
        self.status = self._orig_status = self.result = self._owed = None
        self.provided_date = self.provided_content_length = None
        self.code = self.response_length = 0
        self.headers_sent = self.response_use_chunked = self.connection_upgraded = False
        try:
            self.run_application()
        except ClientGone:
            self.close_connection = True
        except BodyError as fault:
            self.log_error("%s: %s", self.requestline, fault)
            self._answer(fault.status, str(fault))
        except (GreenletExit, KeyboardInterrupt, SystemExit):
            self.close_connection, self._unread = True, False
            raise
        except BaseException as error:  # noqa: BLE001  (a Timeout that is not the application's as well)
            if self._upgrade is not None and self._upgrade.taken:
                if not isinstance(error, StopIteration):  # how gunicorn's users say that they are done
                    self._report(type(error), error, error.__traceback__)
            elif self.connection.broken and isinstance(error, OSError):
                self.close_connection = True
            else:
                self.handle_error(type(error), error, error.__traceback__)
        finally:
            self.time_finish = time()
            self.log_request()
        self._look_at_what_is_left()

    def _look_at_what_is_left(self) -> None:
        """Whether another request can follow this one, and what becomes of its body."""
        if (
            self.connection_upgraded
            or (self._upgrade is not None and self._upgrade.taken)
            or (self.wsgi_input is not EMPTY and not self.wsgi_input.discard(self.connection.limits.drain))
        ):
            self.close_connection = True
        else:
            head = self._head
            # A client that asks for the close sends no more.
            self._unread = head is None or head.keep_alive or bool(self.connection.buffer)

    def run_application(self) -> None:
        """Call the application and send what it returns; its ``close`` is called whatever happens."""
        assert self.result is None
        assert self.environ is not None
        try:
            self.result = self.application(self.environ, self.start_response)
            upgrade = self._upgrade
            if upgrade is not None and upgrade.taken:
                self.code, self._orig_status = 101, "101 Switching Protocols"
                return
            self.process_result()
        finally:
            close = getattr(self.result, "close", None)
            self.result = None
            if close is not None:
                close()

    def process_result(self) -> None:
        """Send what the application returned, each piece as it comes, and the end of the response."""
        result = self.result
        if result.__class__ is FileWrapper and self._send_file(result):
            return
        for data in result:
            if data:
                self.write(data)
        if not self.headers_sent:
            self.write(b"")
        if self._owed:
            self._short(self._owed)
        elif self.response_use_chunked and self.command != "HEAD":
            self.connection.send(LAST_CHUNK)

    def _short(self, missing: int) -> None:
        if self.command != "HEAD":
            self.close_connection = True  # so that the client sees that something is missing
            self.log_error("%s: the application sent %s bytes less than its Content-Length", self.requestline, missing)

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        """See PEP 3333. What must not be sent is refused here, while the application can be blamed for it."""
        if exc_info:
            try:
                if self.headers_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # it would keep the frames that keep it
        elif self.status is not None:
            raise self.ApplicationError("start_response was called before; a second call needs exc_info (PEP 3333)")
        code, line = check_status(status)
        fields, special = check_fields(headers)
        if special:
            check_hop_by_hop(special, code)
        if code < 200 and (code != 101 or self._upgrade is None):
            raise self.ApplicationError(f"{code} is not a response of its own, or was not asked for")
        length = content_length(special)
        if length and code in (101, 204):
            raise self.ApplicationError(f"a response of {code} has no body: its Content-Length cannot be {length}")
        self.status, self._orig_status, self.code = line, status, code
        self.response_headers = fields
        self.provided_date = special.get("date")
        self.provided_content_length = special.get("content-length")
        self._owed = length
        if length is not None and self._is_tunnel():
            self.response_headers = [one for one in fields if one[0].lower() != b"content-length"]
            self._owed = None
        if code == 101 and self._raw is not None:
            self._raw.open = True
        if "connection" in special:
            self.close_connection = True
        return self.write

    def _is_tunnel(self) -> bool:
        """Whether what follows the head is no body, but what a tunnel carries (RFC 9110 section 9.3.6)."""
        return self.command == "CONNECT" and 200 <= self.code < 300

    def finalize_headers(self) -> None:
        """Add what the server says: Date, how the body ends, whether the connection goes on."""
        fields = self.response_headers
        if self.provided_date is None:
            fields.append((b"Date", date_now()))
        self.connection_upgraded = self.code == 101
        if self.connection_upgraded:
            return
        if self.code not in _BODILESS and self.provided_content_length is None:
            self._finalize_length(fields)
        # With an unsent 100 Continue nobody knows whether the client will send the body.
        if self.wsgi_input.awaits_continue or self.server.draining or self.command == "CONNECT":
            self.close_connection = True
        if self.close_connection:
            if not any(name.lower() == b"connection" for name, _ in fields):
                fields.append((b"Connection", b"close"))
        elif self.request_version == "HTTP/1.0":
            fields.append((b"Connection", b"keep-alive"))

    def _finalize_length(self, fields: Fields) -> None:
        result = self.result
        if self._is_tunnel():
            return
        if result.__class__ in _KNOWN_LENGTH and not self.response_length:
            length = sum(map(len, result))
            if length or self.command != "HEAD":
                fields.append((b"Content-Length", b"%d" % length))
                self._owed = length
        elif self.request_version == "HTTP/1.0":
            self.close_connection = True
        else:
            self.response_use_chunked = True
            fields.append((b"Transfer-Encoding", b"chunked"))

    def write(self, data: bytes) -> None:
        """Send a piece of the body, after the head if that was not sent yet. ClientGone if the client takes no more."""
        if not data:
            data = b""  # gevent-websocket's handler writes an empty str to send the head
        elif not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"the body of a response consists of bytes, not {type(data).__name__}")
        if self.status is None:
            raise self.ApplicationError("the application did not call start_response")
        if data and self.code in _BODILESS and self.code != 101:
            raise self.ApplicationError(f"a response of {self.code} has no body")
        head = b""
        if not self.headers_sent:
            self.finalize_headers()
            self.headers_sent = True
            head = format_head(self.status, self.response_headers)
        owed, excess = self._owed, 0
        if owed is not None and data:
            excess = max(len(data) - owed, 0)
            if excess:
                data = data[:owed]
            self._owed = owed - len(data)
        self._write(head, data)
        if excess and self.command != "HEAD":
            self.close_connection = True
            raise self.ApplicationError(f"the body has {excess} bytes more than Content-Length")

    def _write(self, head: bytes, data: bytes) -> None:
        if self.command == "HEAD":
            data = b""
        self.response_length += len(data)
        if data and self.response_use_chunked:
            data = encode_chunk(data)
        if not head or not data:
            self.connection.send(head or data)
        elif len(data) <= PIECE:
            self.connection.send(head + data)
        else:
            self.connection.send(head)
            self.connection.send(data)

    def _send_file(self, result: FileWrapper) -> bool:
        """Send a file by sendfile(2); False if it must be read."""
        found = result.regular()
        if found is None or self.headers_sent or self.status is None or self.server.ssl_context is not None:
            return False
        number, at, left = found
        if self._owed is not None:
            left = min(left, self._owed)
        elif self.code not in _BODILESS:
            self.response_headers.append((b"Content-Length", b"%d" % left))
            self.provided_content_length = str(left)
            self._owed = left
        self.write(b"")
        if self.command == "HEAD" or self.code in _BODILESS:
            return True
        sent = self.connection.send_file(number, at, left)
        self.response_length += sent
        if self._owed is not None and sent < self._owed:
            self._short(self._owed - sent)
        return True

    # -- what goes wrong, and the log ------------------------------------------------------------------------

    def handle_error(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """The application has failed: report it, and answer with 500 if nothing was sent."""
        self._report(kind, error, trace)
        self._answer(500, "")

    def _report(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        text = "".join(traceback.format_exception(kind, error, trace))
        self.log_error("%s: the application failed\n%s", self.requestline, text)

    def _answer(self, status: int, why: str) -> None:
        """An error of the server's own, in place of the application's response, if its head was not sent."""
        self.close_connection = True
        if self.headers_sent:
            return
        line, response = refusal(status, why)
        self.code, self._orig_status, self.headers_sent = status, line, True
        self._send_last(response if self.command != "HEAD" else response.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")

    def log_error(self, message: str, *args: Any) -> None:
        """Write to the server's ``error_log``."""
        self.server.error_log.write((message % args if args else message) + "\n")

    def log_request(self) -> None:
        """Write a line to the server's ``log``."""
        log = self.server.log
        if log is not NO_LOG:
            log.write(self.format_request() + "\n")

    def format_request(self) -> str:
        """The line of this request for the log, by the server's ``log_format``."""
        return self.server.log_format(self)  # type: ignore[no-any-return]


__all__ = ["WSGIHandler"]
