"""UDP and Unix datagram servers."""

from __future__ import annotations

import _socket
import errno
import os
from typing import Any

from ..socket import socket
from .base_server import BaseServer
from .listeners import OfClassOrInstance, listen


class DatagramServer(BaseServer):
    """Calls ``handle(data, address)`` for each datagram; answer with ``sendto``."""

    #: Bytes of a datagram that are read; the rest is lost.
    max_size = 65536
    reuse_addr = False  # with datagrams it would let two servers share a port

    @OfClassOrInstance
    def get_listener(one: Any, address: Any, family: int | None = None) -> socket:  # noqa: N805
        """A bound socket at ``address``, by the settings of the class or the server that it is called on."""
        return listen(
            address,
            family or 0,
            _socket.SOCK_DGRAM,
            reuse_addr=one.reuse_addr,
            reuse_port=one.reuse_port,
            unix_mode=one.unix_mode,
        )

    def _bind(self) -> socket:
        return self.get_listener(self._address, self._family)  # type: ignore[no-any-return]

    def do_read(self) -> tuple[Any, ...] | None:
        """Read one datagram: the data and the sender's address."""
        return self.socket.recvfrom(self.max_size) if self.socket is not None else None

    def sendto(self, data: Any, *args: Any) -> int:
        """See ``socket.sendto``. OSError(EBADF) once stopped."""
        if self.socket is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self.socket.sendto(data, *args)


__all__ = ["DatagramServer"]
