"""``eventlet.wsgi``: Celadon's WSGI server with eventlet's arguments, and what its environment has besides."""

from __future__ import annotations

import dataclasses
import errno
import os
import ssl as _ssl
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from math import inf
from types import SimpleNamespace, TracebackType
from typing import Any

from celadon.green.servers.wsgi import BodyError, Limits, WSGIHandler, WSGIServer
from celadon.green.servers.wsgi.request_body import EMPTY, NoBody
from celadon.green.servers.wsgi.request_body import Input as _Input
from celadon.green.servers.wsgi.response_head import check_fields, format_head
from celadon.green.servers.wsgi.response_head import format_date_time as _date
from celadon.green.servers.wsgi.upgrade import Upgrade

from .corolocal import local
from .greenio.base import shutdown_safe
from .greenpool import GreenPool
from .support import get_errno

DEFAULT_MAX_SIMULTANEOUS_REQUESTS = 1024
DEFAULT_MAX_HTTP_VERSION = "HTTP/1.1"
MAX_REQUEST_LINE = 8192
MAX_HEADER_LINE = 8192
MAX_TOTAL_HEADER_SIZE = 65536
MINIMUM_CHUNK_SIZE = 4096
DEFAULT_LOG_FORMAT = (
    '%(client_ip)s - - [%(date_time)s] "%(request_line)s" %(status_code)s %(body_length)s %(wall_seconds).6f'
)
STATE_IDLE, STATE_REQUEST, STATE_CLOSE = "idle", "request", "close"
#: False: ``server`` accepts no more, and returns.
is_accepting = True
#: ``already_handled``, set by an application that has answered by itself: the connection is closed.
WSGI_LOCAL = local()
ChunkReadError = BodyError
BAD_SOCK = {errno.EBADF}
BROKEN_SOCK = {errno.EPIPE, errno.ECONNRESET, errno.ESHUTDOWN}
#: After these errors of ``accept`` the server ends without a word.
ACCEPT_EXCEPTIONS = (OSError, _ssl.SSLError)
ACCEPT_ERRNO = {*BROKEN_SOCK, errno.ENOTCONN, _ssl.SSL_ERROR_EOF, _ssl.SSL_ERROR_SSL}


def format_date_time(timestamp: float) -> str:
    """A time of the Unix clock as HTTP has it."""
    return _date(timestamp).decode("ascii")


def _encode_header_line(header: tuple[str, str]) -> bytes:
    """A field of a response as it is sent. ValueError for what is not latin-1."""
    (one,), _ = check_fields([header])
    return b"%b: %b\r\n" % one


def _capitalized(name: str) -> str:
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


class Input(_Input):
    """``wsgi.input``, with a hand on the 100 Continue, and on the socket."""

    __slots__ = ("_continues", "_handler", "hundred_continue_headers")

    def __init__(self, source: Any, before: Callable[[], object] | None, handler: HttpProtocol) -> None:
        super().__init__(source, None if before is None else self.send_hundred_continue_response)
        self._handler = handler
        self._continues = before is not None
        #: What the 100 Continue has besides its status.
        self.hundred_continue_headers: list[tuple[str, str]] | None = None

    def get_socket(self) -> Any:
        """The connection's socket, to speak another protocol on it: after its first use no response is sent."""
        return self._handler.upgrade().get_socket()

    def set_hundred_continue_response_headers(
        self, headers: Iterable[tuple[str, str]], capitalize_response_headers: bool = True
    ) -> None:
        """Fields for the 100 Continue, which is sent at the first read."""
        self.hundred_continue_headers = [
            (_capitalized(name) if capitalize_response_headers else name, value) for name, value in headers
        ]

    def send_hundred_continue_response(self) -> None:
        """Send it now, also a second time; not once the response has begun."""
        if self._handler.headers_sent or not self._continues:
            return
        self._before = None
        lines = [_encode_header_line(one) for one in self.hundred_continue_headers or ()]
        self._handler.connection.send(b"HTTP/1.1 100 Continue\r\n" + b"".join(lines) + b"\r\n")


class HttpProtocol(WSGIHandler):
    """One connection; ``server(protocol=…)`` takes a subclass."""

    protocol_version = "HTTP/1.1"
    minimum_chunk_size = MINIMUM_CHUNK_SIZE
    capitalize_response_headers = True

    def __init__(self, conn_state: Any, server: Server) -> None:
        super().__init__(conn_state[1], conn_state[0], server)
        self.conn_state = conn_state
        if server.minimum_chunk_size is not None:
            self.minimum_chunk_size = server.minimum_chunk_size
        self.capitalize_response_headers = server.capitalize_response_headers

    def upgrade(self) -> Upgrade:
        """The hand on the socket of the request that is being handled."""
        if self._upgrade is None:
            self._upgrade = Upgrade(self.connection)
        return self._upgrade

    # -- the environment

    def get_environ(self) -> dict[str, Any]:
        """See ``WSGIHandler``."""
        self._upgrade = None
        environ = super().get_environ()
        if self.wsgi_input is EMPTY:
            self.wsgi_input = Input(NoBody(), self._send_continue if self._awaits() else None, self)
        # What comes on the connection after an upgrade is read from the socket, as there.
        environ["wsgi.input"] = environ["eventlet.input"] = self.wsgi_input
        environ["eventlet.posthooks"] = []
        environ["eventlet.set_idle"] = self._set_idle
        head = self._head
        assert head is not None
        environ["RAW_PATH_INFO"] = head.path
        environ["headers_raw"] = tuple(
            (name.decode("latin-1"), value.decode("latin-1").strip(" \t")) for name, value in head.fields
        )
        environ.setdefault("CONTENT_TYPE", "text/plain")
        name = self.socket.getsockname()
        if isinstance(name, tuple):
            environ["SERVER_NAME"], environ["SERVER_PORT"] = name[0], str(name[1])
        else:
            environ["SERVER_NAME"], environ["SERVER_PORT"] = "unix", ""
            environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = "unix", ""
        return environ

    def _awaits(self) -> bool:
        return self._head is not None and self._head.awaits_continue

    def _body(self, head: Any) -> _Input:
        made = super()._body(head)
        return Input(made._source, made._before, self)

    def _set_idle(self) -> None:
        self.conn_state[2] = STATE_IDLE

    # -- the response

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        """See PEP 3333. A second call without ``exc_info`` replaces the first one, until something was sent."""
        if exc_info is None and not self.headers_sent:
            self.status = None
        if self.capitalize_response_headers:
            headers = [(_capitalized(name), value) for name, value in headers]
        return super().start_response(status, headers, exc_info)

    def run_application(self) -> None:
        """See ``WSGIHandler``."""
        WSGI_LOCAL.already_handled = False
        super().run_application()

    def process_result(self) -> None:
        """Send what the application returned, in pieces of ``minimum_chunk_size`` bytes at least."""
        if WSGI_LOCAL.already_handled:
            self.upgrade().taken = True
            return
        result, environ = self.result, self.environ or {}
        least = int(environ.get("eventlet.minimum_write_chunk_size", self.minimum_chunk_size))
        if not hasattr(result, "__len__"):
            self.result = _in_pieces(result, least, getattr(result, "close", None))
        elif self.status is not None and not self.headers_sent:
            self.result = [data.encode("ascii") if isinstance(data, str) else data for data in result]
        super().process_result()
        if WSGI_LOCAL.already_handled:
            self.upgrade().taken = True

    def finalize_headers(self) -> None:
        """See ``WSGIHandler``; ``Keep-Alive`` says how long the server waits."""
        server = self.server
        asked = any(
            name.lower() == b"connection" and value.lower() == b"keep-alive"
            for name, value in (self._head.fields if self._head is not None else ())
        )
        if not server.keepalive or server.max_http_version == "HTTP/1.0":
            self.close_connection = True
        super().finalize_headers()
        if not asked or self.close_connection:
            return
        if self.request_version != "HTTP/1.0":
            self.response_headers.append((b"Connection", b"keep-alive"))
        if not isinstance(server.keepalive, bool) and int(server.keepalive):
            self.response_headers.append((b"Keep-Alive", b"timeout=%d" % int(server.keepalive)))

    def handle_one_request(self) -> Any:
        """See ``WSGIHandler``."""
        self.conn_state[2] = STATE_IDLE
        going_on = super().handle_one_request()
        if self.conn_state[2] == STATE_CLOSE:
            return None
        return going_on

    def handle_one_response(self) -> None:
        """See ``WSGIHandler``; the post hooks run after the log."""
        self.conn_state[2] = STATE_REQUEST
        self.server.outstanding_requests += 1
        try:
            super().handle_one_response()
        finally:
            self.server.outstanding_requests -= 1
            environ = self.environ or {}
            for hook, args, kwargs in environ.get("eventlet.posthooks", ()):
                try:
                    hook(environ, *args, **kwargs)
                except Exception:  # noqa: BLE001  (the program's)
                    self.server.log.info(traceback.format_exc())

    def handle_error(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """The application has failed; with ``debug`` the client is sent the traceback."""
        text = "".join(traceback.format_exception(kind, error, trace))
        self.server.log.info(text)
        self.close_connection = True
        if not self.headers_sent:
            body = text.encode("utf-8", "replace") if self.server.debug else b""
            self.code, self._orig_status, self.headers_sent = 500, "500 Internal Server Error", True
            head = format_head(
                b"500 Internal Server Error",
                [
                    (b"Content-Type", b"text/plain"),
                    (b"Content-Length", b"%d" % len(body)),
                    (b"Connection", b"close"),
                ],
            )
            self._send_last(head if self.command == "HEAD" else head + body)

    # -- the log

    def log_error(self, message: str, *args: Any) -> None:
        """Write to the server's log."""
        self.server.log.debug(message % args if args else message)

    def log_request(self) -> None:
        """Write a line by the server's ``log_format``."""
        server = self.server
        if not server.log_output:
            return
        address = self.client_address
        host, port = address[:2] if isinstance(address, tuple) else ("unix", "")
        forwarded = (self.environ or {}).get("HTTP_X_FORWARDED_FOR", "").replace(" ", "")
        if server.log_x_forwarded_for and forwarded:
            host = f"{forwarded},{host}"
        line = {
            "client_ip": host,
            "client_port": port,
            "date_time": time.strftime("%d/%b/%Y %H:%M:%S", time.localtime(self.time_finish)),
            "request_line": self.requestline,
            "status_code": self.code,
            "body_length": self.response_length,
            "wall_seconds": self.time_finish - self.time_start,
        }
        server.log.info(server.log_format % line)


def _in_pieces(result: Any, least: int, close: Any) -> Any:
    """The body's pieces, joined until they have so many bytes."""
    held: list[bytes] = []
    size = 0
    try:
        for data in result:
            held.append(data.encode("ascii") if isinstance(data, str) else data)
            size += len(data)
            if size >= least:
                yield b"".join(held)
                held, size = [], 0
        if held:
            yield b"".join(held)
    finally:
        if close is not None:
            close()


class _FileLog:
    """A log's ``info`` and ``debug`` over a file."""

    def __init__(self, file: Any, debug: bool) -> None:
        self._file, self._debug = file, debug

    def info(self, message: str, *args: Any) -> None:
        self._file.write((message % args if args else message) + "\n")

    write = error = info

    def debug(self, message: str, *args: Any) -> None:
        if self._debug:
            self.info(message, *args)


_NO_LOG: Any = SimpleNamespace(**dict.fromkeys(("info", "debug", "error", "write"), lambda *args: None))


def get_logger(log: Any, debug: bool) -> Any:
    """``log`` itself if it has ``info`` and ``debug``; else what writes to it, or to stderr."""
    if callable(getattr(log, "info", None)) and callable(getattr(log, "debug", None)):
        return log
    return _FileLog(log or sys.stderr, debug)


class Server(WSGIServer):
    """What the connections of one ``server`` share."""

    #: Whether ``server`` has stopped: connections are closed after the response that is under way.
    draining = False

    def __init__(
        self, socket: Any, address: Any, app: Any, log: Any = None, environ: Any = None, **options: Any
    ) -> None:
        get = options.get
        self.keepalive = get("keepalive", True)
        self.max_http_version = get("max_http_version", DEFAULT_MAX_HTTP_VERSION)
        self.protocol = get("protocol", HttpProtocol)
        self.minimum_chunk_size = get("minimum_chunk_size")
        self.log_x_forwarded_for = get("log_x_forwarded_for", True)
        self.log_output = get("log_output", True)
        self.debug = get("debug", True)
        self.url_length_limit = get("url_length_limit", MAX_REQUEST_LINE)
        self.socket_timeout = get("socket_timeout")
        self.capitalize_response_headers = get("capitalize_response_headers", True)
        if not self.capitalize_response_headers:
            warnings.warn(
                "capitalize_response_headers is disabled; names of fields have no case (RFC 9110)",
                DeprecationWarning,
                stacklevel=3,
            )
        self.outstanding_requests = 0
        self.pid = os.getpid()
        self.app = app
        # Never started: ``server`` accepts by itself, on whatever socket it is given.
        super().__init__(("", 0), app, log=None, environ=environ, limits=self._limits())
        self.listening_on = address
        self.log = get_logger(log, self.debug) if self.log_output else _NO_LOG
        self.log_format = get("log_format", DEFAULT_LOG_FORMAT)
        self.environ.update({"wsgi.errors": sys.stderr, **(environ or {})})
        if hasattr(socket, "do_handshake"):
            self.environ.update({"wsgi.url_scheme": "https", "HTTPS": "on", **(environ or {})})

    def _limits(self) -> Limits:
        limits = Limits(request_line=self.url_length_limit, field=MAX_HEADER_LINE, head=MAX_TOTAL_HEADER_SIZE)
        seconds = self.socket_timeout
        if seconds:
            limits = dataclasses.replace(
                limits, header_seconds=seconds, body_seconds=seconds, write_seconds=seconds, keep_alive_seconds=seconds
            )
        if self.keepalive and not isinstance(self.keepalive, bool):
            limits = dataclasses.replace(limits, keep_alive_seconds=self.keepalive)
        elif not seconds:
            limits = dataclasses.replace(limits, keep_alive_seconds=inf)
        return limits

    def process_request(self, conn_state: Any) -> None:
        """Handle a connection, [address, socket, state], to its end."""
        try:
            self.protocol(conn_state, self).handle()
        except TimeoutError:
            self.log.debug("(%s) timed out %r", self.pid, conn_state[0])


def socket_repr(sock: Any) -> str:
    """Where a socket listens, as a URL."""
    scheme = "https" if hasattr(sock, "do_handshake") else "http"
    name = sock.getsockname()
    if not isinstance(name, tuple):
        return f"{scheme}:{name}"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"{scheme}://{host}:{name[1]}"


def server(
    sock: Any,
    site: Any,
    log: Any = None,
    environ: Any = None,
    max_size: int | None = None,
    max_http_version: str = DEFAULT_MAX_HTTP_VERSION,
    protocol: Any = HttpProtocol,
    server_event: Any = None,
    minimum_chunk_size: int | None = None,
    log_x_forwarded_for: bool = True,
    custom_pool: Any = None,
    keepalive: Any = True,
    log_output: bool = True,
    log_format: str = DEFAULT_LOG_FORMAT,
    url_length_limit: int = MAX_REQUEST_LINE,
    debug: bool = True,
    socket_timeout: float | None = None,
    capitalize_response_headers: bool = True,
) -> None:
    """Serve the WSGI application ``site`` on a socket that listens, until the socket is closed or the caller killed.

    Then idle connections are closed, the others are waited for, and ``sock`` is closed. At most ``max_size``
    connections at once (1024), or as many as ``custom_pool`` has room for. ``keepalive``: seconds between two requests,
    True: any number, False: one request for each connection. ``socket_timeout``: seconds that a client may be silent
    in a request.
    """
    serv = Server(
        sock, sock.getsockname(), site, log, environ,
        max_http_version=max_http_version, protocol=protocol, minimum_chunk_size=minimum_chunk_size,
        log_x_forwarded_for=log_x_forwarded_for, keepalive=keepalive, log_output=log_output, log_format=log_format,
        url_length_limit=url_length_limit, debug=debug, socket_timeout=socket_timeout,
        capitalize_response_headers=capitalize_response_headers,
    )  # fmt: skip
    if server_event is not None:
        warnings.warn("wsgi.server's argument server_event is deprecated", DeprecationWarning, stacklevel=2)
        server_event.send(serv)
    pool = custom_pool if custom_pool is not None else GreenPool(max_size or DEFAULT_MAX_SIMULTANEOUS_REQUESTS)
    if not (hasattr(pool, "spawn") and hasattr(pool, "waitall")):
        raise AttributeError("wsgi.server: custom_pool must have spawn and waitall, as eventlet.GreenPool has")
    serv.log.info(f"({serv.pid}) wsgi starting up on {socket_repr(sock)}")
    connections: dict[int, list[Any]] = {}
    try:
        _accept(serv, sock, pool, connections)
    finally:
        serv.draining = True
        for state in list(connections.values()):
            idle, state[2] = state[2] == STATE_IDLE, STATE_CLOSE
            if idle:
                shutdown_safe(state[1])
        pool.waitall()
        serv.log.info(f"({serv.pid}) wsgi exited, is_accepting={is_accepting}")
        with suppress(OSError):
            sock.close()


def _accept(serv: Server, sock: Any, pool: Any, connections: dict[int, list[Any]]) -> None:
    def ended(_: Any, state: list[Any]) -> None:
        connections.pop(id(state), None)
        state[2] = STATE_CLOSE
        shutdown_safe(state[1])
        state[1].close()

    while is_accepting:
        try:
            client, address = sock.accept()
        except ACCEPT_EXCEPTIONS as error:
            if get_errno(error) not in ACCEPT_ERRNO | BAD_SOCK:
                raise
            return
        except (KeyboardInterrupt, SystemExit):
            serv.log.info("wsgi exiting")
            return
        serv.log.debug("(%s) accepted %r", serv.pid, address)
        state = [address, client, STATE_IDLE]
        connections[id(state)] = state
        pool.spawn(serv.process_request, state).link(ended, state)
        del client, state


__all__ = ["format_date_time", "server"]
