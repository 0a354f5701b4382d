"""``eventlet.green.urllib2``: the standard library's ``urllib.request``, whose calls stop one green thread only."""

from __future__ import annotations

from celadon.green import import_patched

from ...shaped import fill

fill(globals(), "urllib.request", import_patched("urllib.request"))
