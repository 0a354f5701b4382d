"""``eventlet.green.urllib.request``: the standard library's, whose calls stop the calling green thread only."""

from __future__ import annotations

from celadon.green import import_patched

from ....shaped import fill

fill(globals(), "urllib.request", import_patched("urllib.request"))
