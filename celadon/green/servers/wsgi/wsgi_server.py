"""WSGIServer: a StreamServer that speaks HTTP/1.1 and calls a WSGI application. By gevent's names."""

from __future__ import annotations

import _socket
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ....hub import Timer, get_hub
from ..base_server import Listener, Spawn
from ..proxied import Trusted
from ..stream import StreamServer
from .access_log import FORMATS, log_of
from .environ import WSGISecureEnviron
from .file_wrapper import FileWrapper
from .limits import Limits
from .wsgi_handler import WSGIHandler

#: Seconds that a client which has just connected has for its request when the server is closed.
_LAST_CHANCE = 0.25
_VERSION = ".".join(map(str, sys.version_info[:2]))


class WSGIServer(StreamServer):
    """Serves ``application``, a WSGI callable, over HTTP/1.1. For greenlets of one thread.

    ``listener``, ``backlog``, ``spawn`` and the arguments for TLS are StreamServer's. ``log`` takes a line for each
    request, ``error_log`` what went wrong, and it is ``wsgi.errors``: an object with ``write``, a ``logging.Logger``,
    None for nothing, "default" for stderr. ``handler_class`` is called for each connection with (socket, address,
    server). ``environ`` is added to each request's environment.

    ``limits`` bounds what a client may ask for. ``log_format`` is "combined", "json", or a function of the handler that
    returns a line. ``trusted_proxies`` (addresses, networks; peers on a Unix socket are) are believed what they say
    of the client in Forwarded or X-Forwarded-*, and of other peers these fields are removed; with None they mean
    nothing to the server, and the application gets them as they are.

    ``stop`` closes idle connections at once (those without a first request yet after a quarter of a second, as the
    client does not expect it), lets running requests end within its timeout, and kills the rest.
    """

    handler_class: Callable[[Any, Any, Any], Any] = WSGIHandler
    #: Where lines go; never None.
    log: Any
    error_log: Any
    #: The class of the environments. PEP 3333 asks for a dict, no subclass.
    environ_class: type[dict[str, Any]] = dict
    secure_environ_class = WSGISecureEnviron
    application: Any = None
    limits: Limits = Limits()
    trusted: Trusted | None = None

    base_env: Mapping[str, Any] = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": f"celadon Python/{_VERSION}",
        "SCRIPT_NAME": "",
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,  # greenlets: another request may run whenever this one waits
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
        "wsgi.input_terminated": True,
    }

    def __init__(
        self,
        listener: Listener,
        application: Any = None,
        backlog: int | None = None,
        spawn: Spawn = "default",
        log: Any = "default",
        error_log: Any = "default",
        handler_class: Callable[[Any, Any, Any], Any] | None = None,
        environ: Mapping[str, Any] | None = None,
        *,
        limits: Limits | None = None,
        trusted_proxies: Sequence[str] | None = None,
        log_format: str | Callable[[Any], str] = "combined",
        **ssl_args: Any,
    ) -> None:
        if "handle" in ssl_args:
            raise TypeError("WSGIServer takes no handle; did you mean application?")
        super().__init__(listener, None, backlog, spawn, **ssl_args)
        if application is not None:
            self.application = application
        if handler_class is not None:
            self.handler_class = handler_class
        if limits is not None:
            self.limits = limits
        if trusted_proxies is not None:
            self.trusted = Trusted(trusted_proxies)
        if isinstance(log_format, str) and log_format not in FORMATS:
            raise ValueError(
                f"WSGIServer: log_format is {', '.join(map(repr, FORMATS))} or a function, not {log_format!r}"
            )
        #: Makes a line for the log of a handler whose request was answered.
        self.log_format: Callable[[Any], str] = FORMATS[log_format] if isinstance(log_format, str) else log_format
        self.log, self.error_log = log_of(log, 20), log_of(error_log, 40)
        #: The connections that there are, and whether each is within the limits: others are just told so.
        self._handlers: dict[Any, bool] = {}
        self._by_address: Counter[str] = Counter()
        self._looking: Timer | None = None
        self._last_chance: Timer | None = None
        #: Whether it was stopped: connections are closed after the response that is under way.
        self.draining: bool = False
        self.environ: dict[str, Any] = {}
        self.set_environ(environ)
        self.set_max_accept()

    # -- the environment -------------------------------------------------------------------------------------

    def set_environ(self, environ: Mapping[str, Any] | None = None) -> None:
        """Make the environment that each request begins with: ``base_env`` and these."""
        self.environ = self.environ_class(self.base_env)
        self.environ["wsgi.url_scheme"] = "http" if self.ssl_context is None else "https"
        self.environ.update(environ or {})
        if self.environ.get("wsgi.errors") is None:
            self.environ["wsgi.errors"] = self.error_log

    def set_max_accept(self) -> None:
        """Accept one at a time if other processes share the listener, so that each gets its part. Called once."""
        if self.environ.get("wsgi.multiprocess"):
            self.max_accept = 1

    def get_environ(self) -> dict[str, Any]:
        """A copy of it, for a request."""
        return self.environ_class(self.environ)

    def update_environ(self) -> None:
        """Add where the server listens, unless that was given. Called when it has been bound."""
        host, port = self.server_host, self.server_port
        if not host or host in ("0.0.0.0", "::"):
            host = os.uname().nodename
        self.environ.setdefault("SERVER_NAME", host)
        self.environ.setdefault("SERVER_PORT", "" if port is None else str(port))

    # -- start and stop --------------------------------------------------------------------------------------

    def init_socket(self) -> None:
        """See ``BaseServer.init_socket``."""
        super().init_socket()
        self.update_environ()

    def close(self) -> None:
        """Stop accepting, close idle connections; running requests go on, each to the end of its response."""
        super().close()
        self.draining = True
        for handler in list(self._handlers):
            if not handler.connection.fresh:
                handler.connection.hang_up()
        self._hang_up_later()

    def _hang_up_later(self) -> None:
        if self._handlers and self._last_chance is None:
            self._last_chance = get_hub().call_later(_LAST_CHANCE, self._hang_up)

    def _hang_up(self) -> None:
        """End the waits for a request. For the loop."""
        self._last_chance = None
        for handler in self._handlers:
            handler.connection.hang_up()

    # -- connections -----------------------------------------------------------------------------------------

    def handle(self, sock: Any, address: Any) -> None:
        """Handle a connection until its end, by ``handler_class``."""
        if isinstance(address, tuple):
            with suppress(OSError):  # a response in several pieces is not held back (Nagle)
                sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self.handler_class(sock, address, self).handle()

    def enter(self, handler: Any) -> bool:
        """Look after a connection's deadlines from now on; False if it is one too many."""
        limits, host = self.limits, _host(handler)
        taken = (
            limits.connections_per_address is None or self._by_address[host] < limits.connections_per_address
        ) and (limits.connections is None or self._by_address.total() < limits.connections or self._make_room())
        self._handlers[handler] = taken
        if taken:
            self._by_address[host] += 1
        if self._looking is None:
            self._look_later()
        if self.draining:
            self._hang_up_later()
        return taken

    def leave(self, handler: Any) -> None:
        """The end of a connection."""
        if self._handlers.pop(handler, False):
            host = _host(handler)
            self._by_address[host] -= 1
            if not self._by_address[host]:
                del self._by_address[host]
        if not self._handlers:
            for timer in (self._looking, self._last_chance):
                if timer is not None:
                    timer.cancel()
            self._looking = self._last_chance = None

    def _make_room(self) -> bool:
        """Close the connection that was idle for longest; False if none is."""
        idle = [one for one in self._handlers if one.connection.idle and not one.connection.fresh]
        if not idle:
            return False
        min(idle, key=lambda one: one.connection.deadline).connection.hang_up()
        return True

    def is_last(self, handler: Any) -> bool:
        """Whether the connection is to be closed after the request that begins."""
        handler._requests += 1
        most = self.limits.requests_per_connection
        return most is not None and handler._requests >= most

    def _look_later(self) -> None:
        limits = self.limits
        shortest = min(limits.header_seconds, limits.keep_alive_seconds, limits.body_seconds, limits.write_seconds)
        self._looking = get_hub().call_later(min(1.0, max(shortest / 4, 0.01)), self._look)

    def _look(self) -> None:
        """End the waits whose deadline has come. For the loop."""
        now = get_hub().now()
        for handler in self._handlers:
            if handler.connection.deadline <= now:
                handler.connection.expire()
        self._look_later()


def _host(handler: Any) -> str:
    address = handler.client_address
    return str(address[0]) if isinstance(address, tuple) else ""
