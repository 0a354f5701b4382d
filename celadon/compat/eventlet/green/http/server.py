"""``eventlet.green.http.server``: the standard library's ``http.server``, whose calls stop one green thread only."""

from __future__ import annotations

from celadon.green import import_patched

from ....shaped import fill

fill(globals(), "http.server", import_patched("http.server"))
