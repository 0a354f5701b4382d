"""``eventlet.green._socket_nodns``: the standard library's ``socket``, whose calls stop one green thread only."""

from __future__ import annotations

from celadon.green import import_patched

from ...shaped import fill

fill(globals(), "socket", import_patched("socket"))
