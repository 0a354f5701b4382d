"""``eventlet.green.time``: the standard library's ``time``, whose calls stop one green thread only."""

from __future__ import annotations

from celadon.green import import_patched

from ...shaped import fill

fill(globals(), "time", import_patched("time"))
