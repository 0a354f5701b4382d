"""``eventlet.convenience``: sockets that connect or listen, and a loop that serves."""

from __future__ import annotations

import errno
import socket as _std
import ssl as _ssl
import sys
import warnings
from collections.abc import Callable
from typing import Any

from greenlet import GreenletExit, getcurrent

from . import greenthread
from .green.ssl import wrap_socket
from .greenio.base import GreenSocket
from .greenpool import GreenPool
from .support import get_errno


class ReuseRandomPortWarning(Warning):
    """SO_REUSEPORT was asked for with port 0: another process may get a part of the connections."""


class ReusePortUnavailableWarning(Warning):
    """SO_REUSEPORT is defined, and the system refuses it."""


class StopServe(Exception):
    """Raised in a handler of ``serve``: it returns."""


def connect(addr: Any, family: int = _std.AF_INET, bind: Any = None) -> Any:
    """A socket that is connected to ``addr``; names are looked up without stopping others."""
    made = GreenSocket(family, _std.SOCK_STREAM)
    try:
        if bind is not None:
            made.bind(bind)
        made.connect(addr)
    except BaseException:
        made.close()
        raise
    return made


def listen(
    addr: Any,
    family: int = _std.AF_INET,
    backlog: int = 50,
    reuse_addr: bool = True,
    reuse_port: bool | None = None,
) -> Any:
    """A socket that listens on ``addr``, with SO_REUSEADDR, and SO_REUSEPORT unless the port is 0 or it is False."""
    made = GreenSocket(family, _std.SOCK_STREAM)
    try:
        if reuse_addr and sys.platform != "win32":
            made.setsockopt(_std.SOL_SOCKET, _std.SO_REUSEADDR, 1)
        if family in (_std.AF_INET, _std.AF_INET6) and addr[1] == 0:
            if reuse_port:
                warnings.warn(
                    "listen on a random port (0) with SO_REUSEPORT is dangerous", ReuseRandomPortWarning, stacklevel=3
                )
        elif reuse_port is None:
            reuse_port = family in (_std.AF_INET, _std.AF_INET6)
        if reuse_port and hasattr(_std, "SO_REUSEPORT"):
            _share_port(made)
        made.bind(addr)
        made.listen(backlog)
    except BaseException:
        made.close()
        raise
    return made


def _share_port(made: GreenSocket) -> None:
    try:
        made.setsockopt(_std.SOL_SOCKET, _std.SO_REUSEPORT, 1)
    except OSError as error:
        if get_errno(error) not in (errno.EINVAL, errno.ENOPROTOOPT, errno.EOPNOTSUPP):
            raise
        warnings.warn("SO_REUSEPORT is not supported by this system", ReusePortUnavailableWarning, stacklevel=4)


def _stop_checker(t: Any, server: Any, conn: Any) -> None:
    try:
        try:
            t.wait()
        finally:
            conn.close()
    except GreenletExit:
        pass
    except Exception as error:  # noqa: BLE001  (the handler's: it ends the server)
        greenthread.kill(server, error)


def serve(sock: Any, handle: Callable[[Any, Any], object], concurrency: int = 1000) -> None:
    """Call ``handle(connection, address)`` in a green thread for each connection; at most ``concurrency`` at a time.

    Returns when a handler raises StopServe; what else escapes from a handler is raised here, and ends the server.
    """
    pool = GreenPool(concurrency)
    server = getcurrent()
    while True:
        try:
            conn, addr = sock.accept()
            made: Any = pool.spawn(handle, conn, addr)
            made.link(_stop_checker, server, conn)
            del conn, addr, made
        except StopServe:
            return


def wrap_ssl(sock: Any, *a: Any, **kw: Any) -> Any:
    """An SSL socket over ``sock``, which is used up; the arguments are ``ssl.wrap_socket``'s of old."""
    return wrap_socket(sock, *a, **kw)


wrap_ssl_impl = wrap_socket
SSLError = _ssl.SSLError

__all__ = [
    "ReusePortUnavailableWarning",
    "ReuseRandomPortWarning",
    "StopServe",
    "connect",
    "listen",
    "serve",
    "wrap_ssl",
]
