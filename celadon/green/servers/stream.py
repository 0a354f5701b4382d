"""TCP and Unix stream servers, with TLS and the PROXY protocol by choice."""

from __future__ import annotations

import ssl as _ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

from greenlet import greenlet

from ...hub import Group, getcurrent, kill
from ..socket import socket
from .base_server import BaseServer, Listener, Spawn, log
from .counts import ServerStatistics
from .listeners import OfClassOrInstance, listen
from .proxied import ProxyProtocol
from .proxy_protocol import ProxyProtocolError
from .tls_files import TlsFiles, green

#: Arguments of gevent's for the socket and not for the context.
_OF_THE_SOCKET = ("do_handshake_on_connect", "suppress_ragged_eofs")


class Opening:
    """A connection between ``accept`` and its handler; ``end`` comes once, also if its greenlet never begins."""

    __slots__ = ("_client", "_peer", "_server")

    def __init__(self, server: StreamServer, client: Any, peer: Any) -> None:
        self._server, self._client, self._peer = server, client, peer

    def run(self) -> None:
        """Hand the connection on, once it is open."""
        client, self._client = self._client, None
        try:
            self._server.open_and_handle(client, self._peer)
        except BaseException:
            client.close()
            raise

    def end(self, _: object) -> None:
        """Close what was not handed on."""
        if self._client is not None:
            self._client.close()
        self._server._one_ended()


class StreamServer(BaseServer):
    """Calls ``handle(socket, address)`` for each connection, and closes the socket after it.

    ``backlog`` is the length of the kernel's queue. With ``ssl_context``, or ``certfile`` and the other fields of
    ``TlsFiles``, connections are TLS, at least version 1.2. Each handshake has a greenlet of its own beside those of
    ``spawn``, so that slow clients take nobody's place; ``handle`` is called after it. With
    ``do_handshake_on_connect=False`` the handler does it.
    """

    backlog: int = 256
    #: Seconds that a client may take for the TLS handshake.
    handshake_timeout: float = 10.0
    #: How many clients may be in their handshake or PROXY header at once; one more, and the oldest is dropped.
    max_handshakes = 1000
    #: Whether connections begin with a proxy's header, and which proxies' word is believed; None: they do not.
    proxy_protocol: ProxyProtocol | None = None

    def __init__(
        self,
        listener: Listener,
        handle: Callable[[Any, Any], object] | None = None,
        backlog: int | None = None,
        spawn: Spawn = "default",
        *,
        ssl_context: _ssl.SSLContext | None = None,
        **ssl_args: Any,
    ) -> None:
        super().__init__(listener, handle, spawn)
        name = type(self).__name__
        if backlog is not None:
            if self.socket is not None:
                raise TypeError(f"{name}: backlog is for an address; this listener is a socket that listens already")
            self.backlog = backlog
        self._of_the_socket = {one: ssl_args.pop(one) for one in _OF_THE_SOCKET if one in ssl_args}
        if ssl_args and ssl_context is not None:
            raise TypeError(f"{name}: pass ssl_context or {', '.join(ssl_args)}, not both")
        try:
            self._tls_files = TlsFiles(**ssl_args) if ssl_args else None
        except TypeError as error:
            known = ", ".join(TlsFiles.__dataclass_fields__)
            raise TypeError(f"{name}: for TLS pass ssl_context, or certfile and some of {known}: {error}") from None
        #: What new connections are wrapped by; None without TLS.
        self.ssl_context: _ssl.SSLContext | None = None
        if ssl_context is not None or self._tls_files is not None:
            self.reload_tls(ssl_context)
        self._opening = Group()
        #: Who waits for a client's first bytes, the oldest first.
        self._waiting: dict[greenlet, None] = {}
        self._failed_handshakes = self._refused = 0

    # -- the listener ----------------------------------------------------------------------------------------

    @OfClassOrInstance
    def get_listener(one: Any, address: Any, backlog: int | None = None, family: int | None = None) -> socket:  # noqa: N805
        """A listening socket at ``address``, by the settings of the class or the server that it is called on."""
        backlog = one.backlog if backlog is None else backlog
        return listen(
            address,
            family or 0,
            backlog=backlog,
            reuse_addr=one.reuse_addr,
            reuse_port=one.reuse_port,
            unix_mode=one.unix_mode,
        )

    def _bind(self) -> socket:
        return self.get_listener(self._address, self.backlog, self._family)  # type: ignore[no-any-return]

    def do_read(self) -> tuple[Any, ...] | None:
        """Accept one connection: the socket and the client's address."""
        return self.socket.accept() if self.socket is not None else None

    def do_close(self, client: Any, *args: Any) -> None:
        """Close a connection."""
        client.close()

    # -- before the handler ----------------------------------------------------------------------------------

    @property
    def ssl_enabled(self) -> bool:
        """Whether connections are TLS."""
        return self.ssl_context is not None

    @property
    def statistics(self) -> ServerStatistics:
        """What it has done so far."""
        return (
            super()
            .statistics._replace(opening=len(self._opening))
            ._replace(failed_handshakes=self._failed_handshakes, refused=self._refused)
        )

    def reload_tls(self, ssl_context: _ssl.SSLContext | None = None) -> None:
        """Use ``ssl_context``, or the certificate files read anew, for connections that come from now on.

        Those that are there stay as they are. OSError if the files cannot be read; then nothing changes.
        """
        if ssl_context is None:
            if self._tls_files is None:
                raise TypeError(f"{self!r} was not made of certificate files: pass a context")
            ssl_context = self._tls_files.context()
        self.ssl_context = green(ssl_context)

    def do_handle(self, *args: Any) -> None:
        """Have a connection handled: at once, or as soon as it is open."""
        if self.ssl_context is None and self.proxy_protocol is None:
            super().do_handle(*args)
            return
        opening = Opening(self, *args)
        self._opening.spawn(opening.run).rawlink(opening.end)

    def open_and_handle(self, client: Any, peer: Any) -> None:
        """What happens between ``accept`` and ``handle``, in a greenlet of its own."""
        if self.proxy_protocol is not None:
            try:
                with self._one_of_so_many():
                    peer = self.proxy_protocol.client_of(client, peer)
            except (ProxyProtocolError, OSError) as error:
                self._refused += 1
                log.info("%r refuses %s: %s", self, peer, error)
                client.close()
                return
        if self.ssl_context is None:
            super().do_handle(client, peer)
        else:
            self.wrap_socket_and_handle(client, peer)

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> None:
        """Make the connection TLS, do the handshake, and have it handled."""
        assert self.ssl_context is not None
        options = {"suppress_ragged_eofs": self._of_the_socket.get("suppress_ragged_eofs", True)}
        try:
            client_socket.getpeername()  # before CPython 3.13, `wrap_socket` leaves one open whose client has gone
            secure = self.ssl_context.wrap_socket(
                client_socket, server_side=True, do_handshake_on_connect=False, **options
            )
        except OSError as error:
            self._no_handshake(address, error)  # the client has gone
            client_socket.close()
            return
        try:
            if self._of_the_socket.get("do_handshake_on_connect", True):
                secure.settimeout(self.handshake_timeout)
                with self._one_of_so_many():
                    secure.do_handshake()
                secure.settimeout(None)
        except OSError as error:
            self._no_handshake(address, error)
            secure.close()
        except BaseException:
            secure.close()
            raise
        else:
            super().do_handle(secure, address)

    def _no_handshake(self, peer: Any, error: BaseException) -> None:
        self._failed_handshakes += 1
        # Not reported: on a public port failed handshakes are usual.
        log.debug("%r: no TLS handshake with %s: %s", self, peer, error)

    @contextmanager
    def _one_of_so_many(self) -> Iterator[None]:
        """Around a wait for a client that has shown nothing yet."""
        me = getcurrent()
        while len(self._waiting) >= self.max_handshakes:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            kill(oldest, ConnectionAbortedError("dropped for a newer connection"), block=False)
        self._waiting[me] = None
        try:
            yield
        finally:
            self._waiting.pop(me, None)

    def _working(self) -> Iterable[object]:
        return chain(super()._working(), self._opening.greenlets)


__all__ = ["StreamServer"]
