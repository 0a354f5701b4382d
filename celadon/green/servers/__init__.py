"""Servers on green sockets, by gevent's names."""

from .base_server import BaseServer
from .counts import ServerStatistics
from .datagram import DatagramServer
from .inherited import Inherited, systemd_listeners
from .listeners import listen, parse_address
from .proxied import ProxiedAddress, ProxyProtocol, Trusted
from .proxy_protocol import ProxyHeader, ProxyProtocolError
from .stream import StreamServer
from .tls_files import TlsFiles

__all__ = [
    "BaseServer",
    "DatagramServer",
    "Inherited",
    "ProxiedAddress",
    "ProxyHeader",
    "ProxyProtocol",
    "ProxyProtocolError",
    "ServerStatistics",
    "StreamServer",
    "TlsFiles",
    "Trusted",
    "listen",
    "parse_address",
    "systemd_listeners",
]
