"""``eventlet.green.ssl``: the standard library's ``ssl``, whose calls stop one green thread only."""

from __future__ import annotations

import ssl as _std
from typing import Any

from celadon.green import import_patched
from celadon.green.ssl import SSLSocket

from ...shaped import fill

_green: Any = import_patched("ssl")


def wrap_socket(
    sock: Any,
    keyfile: Any = None,
    certfile: Any = None,
    server_side: bool = False,
    cert_reqs: Any = _std.CERT_NONE,
    ssl_version: Any = None,
    ca_certs: Any = None,
    do_handshake_on_connect: bool = True,
    suppress_ragged_eofs: bool = True,
    ciphers: str | None = None,
) -> Any:
    """An SSL socket over ``sock``, as ``ssl.wrap_socket`` until Python 3.11. Nothing is verified by default."""
    if server_side and not certfile:
        raise ValueError("certfile must be specified for server-side operations")
    protocol = _std.PROTOCOL_TLS_SERVER if server_side else _std.PROTOCOL_TLS_CLIENT
    context = _green.SSLContext(protocol if ssl_version in (None, _std.PROTOCOL_TLS) else ssl_version)
    context.check_hostname = False
    context.verify_mode = cert_reqs
    if ca_certs:
        context.load_verify_locations(ca_certs)
    if certfile:
        context.load_cert_chain(certfile, keyfile)
    if ciphers:
        context.set_ciphers(ciphers)
    return context.wrap_socket(
        sock,
        server_side=server_side,
        # What a listener accepts makes its handshake when it is read from: a slow client must not stop who accepts.
        do_handshake_on_connect=do_handshake_on_connect and not (server_side and not _connected(sock)),
        suppress_ragged_eofs=suppress_ragged_eofs,
    )


def _connected(sock: Any) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


GreenSSLSocket = SSLSocket
GreenSSLContext = _green.SSLContext
fill(globals(), "ssl", _green, ("wrap_socket", "GreenSSLSocket", "GreenSSLContext"))
