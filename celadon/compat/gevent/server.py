"""TCP and UDP servers."""

from celadon.green.servers import DatagramServer, StreamServer

__all__ = ["DatagramServer", "StreamServer"]
