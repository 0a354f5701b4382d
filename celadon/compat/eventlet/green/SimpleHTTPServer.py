"""``eventlet.green.SimpleHTTPServer``: the standard library's ``http.server``, whose calls stop one green thread."""

from __future__ import annotations

from celadon.green import import_patched

from ...shaped import fill

fill(globals(), "http.server", import_patched("http.server"))
