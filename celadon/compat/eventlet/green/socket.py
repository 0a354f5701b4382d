"""``eventlet.green.socket``: the standard library's ``socket``, whose calls stop one green thread only."""

from __future__ import annotations

from celadon.green import import_patched

from ...shaped import fill
from ..greenio.base import GreenSocket

socket = SocketType = GreenSocket
fill(globals(), "socket", import_patched("socket"))
