"""``eventlet.greenio``: green sockets and pipes, by eventlet's names."""

from .base import (
    _GLOBAL_DEFAULT_TIMEOUT,
    CONNECT_ERR,
    CONNECT_SUCCESS,
    SOCKET_BLOCKING,
    SOCKET_CLOSED,
    SSL,
    GreenSocket,
    set_nonblocking,
    shutdown_safe,
    socket_timeout,
)
from .py3 import GreenFileIO, GreenPipe, _fileobject

__all__ = [
    "CONNECT_ERR",
    "CONNECT_SUCCESS",
    "SOCKET_BLOCKING",
    "SOCKET_CLOSED",
    "SSL",
    "_GLOBAL_DEFAULT_TIMEOUT",
    "GreenFileIO",
    "GreenPipe",
    "GreenSocket",
    "_fileobject",
    "set_nonblocking",
    "shutdown_safe",
    "socket_timeout",
]
