"""``eventlet.green.Queue``: the standard library's ``queue``, whose calls stop one green thread only."""

from __future__ import annotations

from celadon.green import import_patched

from ...shaped import fill

fill(globals(), "queue", import_patched("queue"))
