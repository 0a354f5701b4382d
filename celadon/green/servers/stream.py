"""TCP and Unix stream servers, with TLS by choice."""

from __future__ import annotations

import os
import ssl as _ssl
from collections.abc import Callable
from functools import partial
from typing import Any

from ..socket import socket
from ..ssl import SSLSocket
from .base_server import BaseServer, Listener, Spawn, log


class StreamServer(BaseServer):
    """Calls ``handle(socket, address)`` for each connection, and closes the socket after it.

    ``backlog`` is the length of the kernel's queue. With ``ssl_context``, or ``certfile`` and ``keyfile`` (files in
    PEM), connections are TLS, at least version 1.2; ``handle`` is called after the handshake.
    """

    #: Seconds that a client may take for the TLS handshake.
    handshake_timeout = 10.0

    def __init__(
        self,
        listener: Listener,
        handle: Callable[[Any, Any], object] | None = None,
        backlog: int | None = None,
        spawn: Spawn = None,
        *,
        ssl_context: _ssl.SSLContext | None = None,
        certfile: str | os.PathLike[str] | None = None,
        keyfile: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(listener, handle, spawn)
        if backlog is not None:
            if self.socket is not None:
                raise TypeError(
                    "StreamServer: backlog is for an address; this listener is a socket that listens already"
                )
            self.backlog = backlog
        if certfile is not None:
            if ssl_context is not None:
                raise TypeError("StreamServer: pass ssl_context or certfile, not both")
            ssl_context = _ssl.SSLContext(_ssl.PROTOCOL_TLS_SERVER)
            ssl_context.minimum_version = _ssl.TLSVersion.TLSv1_2
            ssl_context.load_cert_chain(certfile, keyfile)
        if ssl_context is not None and not issubclass(ssl_context.sslsocket_class, SSLSocket):
            ssl_context.sslsocket_class = SSLSocket
        self.ssl_context = ssl_context

    def _listen(self, made: socket) -> None:
        made.listen(self.backlog)

    def _accept_one(self, listener: socket) -> None:
        client, peer = listener.accept()
        try:
            serving = self._spawn(self._serve, client, peer)
        except BaseException:
            client.close()
            raise
        if serving is not None:
            serving.rawlink(partial(_close, client))  # also when it is killed before it begins

    def _serve(self, client: Any, peer: Any) -> None:
        with client:
            self._serve_open(client, peer)

    def _serve_open(self, client: Any, peer: Any) -> None:
        if self.ssl_context is None:
            self.handle(client, peer)
            return
        with self.ssl_context.wrap_socket(client, server_side=True, do_handshake_on_connect=False) as secure:
            secure.settimeout(self.handshake_timeout)
            try:
                secure.do_handshake()
            except OSError as error:
                # Not reported: on a public port failed handshakes are usual.
                log.debug("%r: no TLS handshake with %s: %s", self, peer, error)
                return
            secure.settimeout(None)
            self.handle(secure, peer)


def _close(client: socket, _: object) -> None:
    client.close()
