"""What servers share."""

from celadon.green.servers import BaseServer, parse_address  # noqa: F401  (gevent.baseserver.parse_address)

__all__ = ["BaseServer"]
