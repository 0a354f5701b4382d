"""``eventlet.greenio.base``: GreenSocket, which is Celadon's socket, or stands over one that is handed in."""

from __future__ import annotations

import errno
import os
import socket as _std
from typing import Any

from celadon.green.socket import socket

try:
    from OpenSSL import SSL
except ImportError:

    class SSL:  # type: ignore[no-redef]
        """The errors of pyOpenSSL, which is not installed."""

        class WantWriteError(Exception):
            """See pyOpenSSL."""

        class WantReadError(Exception):
            """See pyOpenSSL."""

        class ZeroReturnError(Exception):
            """See pyOpenSSL."""

        class SysCallError(Exception):
            """See pyOpenSSL."""


BUFFER_SIZE = 4096
CONNECT_ERR = {errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK}
CONNECT_SUCCESS = {0, errno.EISCONN}
SOCKET_BLOCKING = {errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOTCONN}
SOCKET_CLOSED = {errno.ECONNRESET, errno.ESHUTDOWN, errno.EPIPE}
_GLOBAL_DEFAULT_TIMEOUT: Any = _std._GLOBAL_DEFAULT_TIMEOUT  # type: ignore[attr-defined]
socket_timeout = TimeoutError


class _Meta(type(socket)):  # type: ignore[misc]
    """Every green socket is a GreenSocket."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return type.__instancecheck__(socket if cls is GreenSocket else cls, instance)


class GreenSocket(socket, metaclass=_Meta):
    """Celadon's socket. In place of the family a socket may be handed in: then this one stands over it.

    Both have one descriptor then, which is closed with either; ``fd`` is the one that was handed in.
    """

    #: The socket that was handed in, None if this one stands by itself.
    _below: Any = None

    def __init__(self, family: Any = _std.AF_INET, *args: Any, **kwargs: Any) -> None:
        kwargs.pop("set_nonblocking", None)
        if isinstance(family, int):
            super().__init__(family, *args, **kwargs)
            return
        super().__init__(family.family, family.type, family.proto, fileno=family.fileno())
        self._below = family
        self.settimeout(family.gettimeout() or _std.getdefaulttimeout())

    def __del__(self) -> None:
        if self._below is not None and self.fileno() >= 0:
            self.detach()
        else:
            super().__del__()

    def _real_close(self, *args: Any) -> None:
        if self._below is None:
            super()._real_close(*args)
        else:
            self.detach()
            self._below.close()

    def accept(self) -> tuple[Any, Any]:
        """See ``socket.accept``; the connection is of this class."""
        client, peer = super().accept()
        made = type(self)(client.family, client.type, client.proto, fileno=client.detach())
        made.settimeout(_std.getdefaulttimeout())
        return made, peer

    @property
    def fd(self) -> Any:
        """The socket below, or itself."""
        return self if self._below is None else self._below

    @property
    def _sock(self) -> GreenSocket:
        return self

    @property
    def act_non_blocking(self) -> bool:
        """Whether its calls never wait, because its user said so."""
        return self.gettimeout() == 0


def set_nonblocking(fd: Any) -> None:
    """Have calls on a socket or a file not block."""
    call = getattr(fd, "setblocking", None)
    if call is not None:
        call(False)
    else:
        os.set_blocking(fd.fileno(), False)


def shutdown_safe(sock: Any) -> Any:
    """``sock.shutdown`` both ways, also of pyOpenSSL's, and of one that is not connected or closed."""
    try:
        try:
            return sock.shutdown(_std.SHUT_RDWR)
        except TypeError:
            return sock.shutdown()
    except OSError as error:
        if error.errno not in (errno.ENOTCONN, errno.EBADF, errno.ENOTSOCK):
            raise


__all__ = [
    "CONNECT_ERR",
    "CONNECT_SUCCESS",
    "SOCKET_BLOCKING",
    "SOCKET_CLOSED",
    "SSL",
    "_GLOBAL_DEFAULT_TIMEOUT",
    "GreenSocket",
    "set_nonblocking",
    "shutdown_safe",
    "socket_timeout",
]
