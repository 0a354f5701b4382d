"""``eventlet.green.SocketServer``: the standard library's ``socketserver``, whose calls stop one green thread only."""

from __future__ import annotations

from celadon.green import import_patched

from ...shaped import fill

fill(globals(), "socketserver", import_patched("socketserver"))
