"""``eventlet.green.httplib``: the standard library's ``http.client``, whose calls stop one green thread only."""

from __future__ import annotations

from celadon.green import import_patched

from ...shaped import fill

fill(globals(), "http.client", import_patched("http.client"))
