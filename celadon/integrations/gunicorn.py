"""gunicorn's worker: ``gunicorn -k celadon.integrations.gunicorn.Worker app:app``.

Each worker process patches the standard library before it loads the application, and serves by
``celadon.green.servers.wsgi``: a greenlet for each connection. gunicorn's settings mean what they mean to its own
workers; docs/integrations.md lists those that do not apply. It needs gunicorn 22 or later, and ``celadon[serve]``.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

from gunicorn.arbiter import Arbiter
from gunicorn.http.wsgi import FileWrapper as PlainFileWrapper
from gunicorn.http.wsgi import base_environ
from gunicorn.sock import ssl_context
from gunicorn.workers import base

from celadon.green import original
from celadon.green.servers.base_server import BaseServer
from celadon.green.servers.proxied import ProxyProtocol, Trusted
from celadon.green.servers.websocket import OfferingHandler
from celadon.green.servers.wsgi import BadRequest, FileWrapper, Limits, WSGIServer
from celadon.green.socket import socket
from celadon.hub import Event, Pool, sleep

from .wishes import UsageError, patch, wishes

#: Seconds between two signs of life, and between two looks whether the last request has ended.
_BEAT, _LOOK = 1.0, 0.05
_CUT_OFF = "500 Internal Server Error"
#: gunicorn's names for "no limit", as it understands them itself: gunicorn/http/message.py.
_NO_LINE_LIMIT, _MOST_FIELDS, _FIELD_SIZE = 1 << 20, 32768, 8190


class Request:
    """A request, as gunicorn's loggers and hooks look at it."""

    method: str
    path: str
    peer_addr: Any
    query: str
    remote_addr: Any
    uri: str

    def __init__(self, handler: Handler) -> None:
        head = handler._head
        assert head is not None
        self._fields, self._handler = head.fields, handler
        self.method, self.uri, self.path, self.query = head.method, head.target, head.path, head.query
        self.version = (1, int(head.version[-1]))
        self.remote_addr = self.peer_addr = handler.client_address

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The fields of the request, their names in capitals."""
        return [(name.decode().upper(), value.decode("latin-1").strip(" \t")) for name, value in self._fields]


class Response:
    """The response to it, as far as it was sent."""

    headers_sent: bool
    sent: int
    status: str
    status_code: int

    def __init__(self, handler: Handler) -> None:
        # Without a status the request was cut off; loggers of gunicorn's count by a number.
        self._fields, self.status = handler.response_headers, handler._orig_status or _CUT_OFF
        self.status_code, self.sent, self.headers_sent = handler.code, handler.response_length, handler.headers_sent

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Its fields."""
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._fields]


def limits_of(cfg: Any) -> Limits:
    """The settings of gunicorn for what a client may send, and how long a connection is kept."""
    line, fields, field = cfg.limit_request_line, cfg.limit_request_fields, cfg.limit_request_field_size
    line = line if line > 0 else _NO_LINE_LIMIT
    fields = fields if 0 < fields <= _MOST_FIELDS else _MOST_FIELDS
    field = field if field > 0 else _FIELD_SIZE
    return Limits(
        request_line=line,
        fields=fields,
        field=field,
        head=max(Limits.head, line + field),
        keep_alive_seconds=cfg.keepalive or Limits.keep_alive_seconds,
        requests_per_connection=None if cfg.keepalive else 1,
    )


def _listed(value: Any) -> list[str]:
    return [one.strip() for one in value.split(",") if one.strip()] if isinstance(value, str) else list(value)


class Server(WSGIServer):
    """One listener's server."""

    worker: Worker
    #: Peers whose ``secure_scheme_headers`` and ``forwarder_headers`` are believed.
    proxies: Trusted
    secure: dict[str, str]
    forwarder: tuple[str, ...]
    script_name: str


class ApplicationExitError(RuntimeError):
    """An application that exits has failed with that request; it does not end the worker with all others."""


class Handler(OfferingHandler):
    """Counts requests, calls gunicorn's hooks, logs by its logger."""

    def get_environ(self) -> dict[str, Any]:
        """The environment, with what gunicorn believes of a proxy that it trusts."""
        environ = super().get_environ()
        server: Server = self.server
        script_name = server.script_name
        if self.client_address in server.proxies:
            self._believe(environ, server)
            script_name = environ["SCRIPT_NAME"] or script_name
        if script_name:
            path = environ["PATH_INFO"]
            if not path.startswith(script_name):
                raise BadRequest(400, f"the path {path!r} does not begin with SCRIPT_NAME {script_name!r}")
            environ["SCRIPT_NAME"], environ["PATH_INFO"] = script_name, path[len(script_name) :]
        return environ

    def _believe(self, environ: dict[str, Any], server: Server) -> None:
        assert self._head is not None
        scheme = None
        for raw, value in self._head.fields:
            name = raw.decode().upper()
            if name in server.secure:
                said = "https" if value.decode("latin-1").strip(" \t") == server.secure[name] else "http"
                if scheme not in (None, said):
                    raise BadRequest(400, "the proxy's fields do not agree whether the client uses HTTPS")
                environ["wsgi.url_scheme"] = scheme = said
            elif "_" in name and (name in server.forwarder or "*" in server.forwarder):
                # gunicorn gives SCRIPT_NAME its own place, and others that of a field.
                environ[name if name == "SCRIPT_NAME" else f"HTTP_{name}"] = value.decode("latin-1").strip(" \t")

    def handle_one_response(self) -> None:
        """Answer one request, and call gunicorn's hook ``post_request``."""
        worker: Worker = self.server.worker
        worker.count_request()
        if not worker.alive:
            self.close_connection = True
        request, environ = Request(self), self.environ
        try:
            super().handle_one_response()
        finally:
            try:
                worker.cfg.post_request(worker, request, environ, Response(self))
            except Exception:
                worker.log.exception("Exception in post_request hook")

    def run_application(self) -> None:
        """Call gunicorn's hook ``pre_request``, then the application."""
        worker: Worker = self.server.worker
        worker.cfg.pre_request(worker, Request(self))
        try:
            super().run_application()
        except SystemExit as error:
            if worker.aborted:
                raise
            raise ApplicationExitError("the application has called sys.exit()") from error

    def log_request(self) -> None:
        """Log by gunicorn's logger; not what was refused before it was a request: that is in the error log."""
        if self.environ is not None and self._head is not None:
            took = timedelta(seconds=max(self.time_finish - self.time_start, 0))
            self.server.worker.log.access(Response(self), Request(self), self.environ, took)


class Worker(base.Worker):
    """See the top. A subclass in gunicorn.conf.py may set what follows: ``worker_class = MyWorker``."""

    #: Keywords of ``celadon.patch_all``, such as ``{"resolver": "python", "servers": ["127.0.0.1:53"]}``. What is not
    #: here is as CELADON_RESOLVER and CELADON_OPTIONS say.
    patch_options: ClassVar[dict[str, Any]] = {}
    server_class = Server
    handler_class = Handler
    #: Whether it goes on. gunicorn's reloader clears it too.
    alive: bool
    sockets: list[Any]

    @classmethod
    def setup(cls) -> None:
        """Refuse a wrong CELADON_OPTIONS in the master, with one line. gunicorn calls it."""
        try:
            wishes()
        except UsageError as error:
            raise RuntimeError(str(error)) from None

    # -- the process -----------------------------------------------------------------------------------------

    def init_process(self) -> None:
        """Patch, and serve until the end; gunicorn calls it in the new process."""
        try:
            patch(**self.patch_options)
        except UsageError as error:
            self.log.critical("celadon: %s", error)
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
        self._told = Event()
        self._quick = self.aborted = False
        self.sockets = [socket(fileno=one.sock.detach()) for one in self.sockets]
        super().init_process()

    def run(self) -> None:
        """Serve until a signal, ``max_requests``, or the master's end."""
        servers = list(self._servers())
        for server in servers:
            server.start()
        while self.alive:
            self.notify()
            self._told.wait(_BEAT)
        self._drain(servers)

    def _servers(self) -> Iterator[WSGIServer]:
        cfg = self.cfg
        pool = Pool(cfg.worker_connections)
        environ = base_environ(cfg)
        environ.update({"wsgi.multithread": True, "wsgi.file_wrapper": FileWrapper})
        if cfg.sendfile is False:
            environ["wsgi.file_wrapper"] = PlainFileWrapper
        tls = {"ssl_context": self._tls(), "suppress_ragged_eofs": cfg.suppress_ragged_eofs} if cfg.is_ssl else {}
        for listener in self.sockets:
            server = self.server_class(
                listener, self.wsgi, spawn=pool, log=None, error_log=self.log, handler_class=self.handler_class,
                environ=environ, limits=limits_of(cfg), **tls,
            )  # fmt: skip
            server.worker = self
            server.proxies = Trusted(_listed(cfg.forwarded_allow_ips))
            server.secure = cfg.secure_scheme_headers
            server.forwarder = tuple(_listed(getattr(cfg, "forwarder_headers", ())))
            server.script_name = os.environ.get("SCRIPT_NAME", "")
            if cfg.proxy_protocol not in (False, "off"):
                server.proxy_protocol = ProxyProtocol(Trusted(_listed(cfg.proxy_allow_ips)))
            yield server

    def _tls(self) -> Any:
        context = ssl_context(self.cfg)
        if "h2" in _listed(getattr(self.cfg, "http_protocols", ())):
            self.log.warning("celadon's worker does not speak HTTP/2: it offers HTTP/1.1")
            context.set_alpn_protocols(["http/1.1"])
        return context

    def _drain(self, servers: list[WSGIServer]) -> None:
        """Let running requests end, at most for ``graceful_timeout``, and kill the rest; at once after SIGINT."""
        for server in servers:
            server.close()
        end = time.monotonic() + self.cfg.graceful_timeout
        while not self._quick and any(map(_busy, servers)) and time.monotonic() < end:
            self.notify()
            sleep(_LOOK)
        if any(map(_busy, servers)) and not self._quick:
            self.log.warning("Worker graceful timeout (pid:%s)", self.pid)
        for server in servers:
            server.kill()

    # -- what ends it ----------------------------------------------------------------------------------------

    def notify(self) -> None:
        """The sign of life for the master, which kills a worker without one after ``timeout`` seconds."""
        super().notify()
        if self.alive and self.ppid != os.getppid():
            self.log.info("Parent changed, shutting down: %s", self)
            self.alive = False

    def count_request(self) -> None:
        """Stop after ``max_requests``, once those that run have ended."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self._end()

    def _end(self) -> None:
        self.alive = False
        self._told.set()

    def init_signals(self) -> None:
        """gunicorn's; but SIGABRT reaches the greenlet that blocks all others, wherever it is."""
        super().init_signals()
        original("signal", "signal")(signal.SIGABRT, self.handle_abort)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: end after the running requests."""
        self._end()

    def handle_quit(self, sig: int, frame: Any) -> None:
        """SIGINT, SIGQUIT: end at once."""
        self._quick = True
        self._end()
        self.cfg.worker_int(self)

    def handle_abort(self, sig: int, frame: Any) -> None:
        """SIGABRT, by the master: no sign of life has come in time. Says where the worker is stuck."""
        self.aborted = True
        where = "".join(traceback.format_stack(frame))
        self.log.critical("A greenlet has stopped all others; it is here:\n%s", where)
        self._end()
        self.cfg.worker_abort(self)
        sys.exit(1)


def _busy(server: BaseServer) -> bool:
    counts = server.statistics
    return bool(counts.active or counts.opening)


__all__ = ["ApplicationExitError", "Handler", "Request", "Response", "Server", "Worker", "limits_of"]
