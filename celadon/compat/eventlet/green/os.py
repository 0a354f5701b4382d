"""``eventlet.green.os``: the standard library's ``os``, whose calls stop one green thread only."""

from __future__ import annotations

from celadon.green import import_patched

from ...shaped import fill

fill(globals(), "os", import_patched("os"))
