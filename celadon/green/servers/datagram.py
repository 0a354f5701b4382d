"""UDP and Unix datagram servers."""

from __future__ import annotations

import _socket
import errno
import os
from typing import Any

from ..socket import socket
from .base_server import BaseServer


class DatagramServer(BaseServer):
    """Calls ``handle(data, address)`` for each datagram; answer with ``sendto``."""

    #: Bytes of a datagram that are read; the rest is lost.
    max_size = 65536
    reuse_addr = False  # with datagrams it would let two servers share a port
    _kind = _socket.SOCK_DGRAM

    def sendto(self, data: Any, *args: Any) -> int:
        """See ``socket.sendto``. OSError(EBADF) once stopped."""
        if self.socket is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self.socket.sendto(data, *args)

    def _accept_one(self, listener: socket) -> None:
        data, peer = listener.recvfrom(self.max_size)
        self._spawn(self.handle, data, peer)
