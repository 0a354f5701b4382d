"""Servers on green sockets, by gevent's names."""

from .base_server import BaseServer
from .datagram import DatagramServer
from .stream import StreamServer

__all__ = ["BaseServer", "DatagramServer", "StreamServer"]
