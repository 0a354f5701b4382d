"""Servers on green sockets, by gevent's names."""

from .base_server import BaseServer
from .counts import ServerStatistics
from .datagram import DatagramServer
from .listeners import listen, parse_address
from .stream import StreamServer
from .tls_files import TlsFiles

__all__ = ["BaseServer", "DatagramServer", "ServerStatistics", "StreamServer", "TlsFiles", "listen", "parse_address"]
