"""``eventlet.green.selectors``: the standard library's ``selectors``, whose calls stop one green thread only."""

from __future__ import annotations

from celadon.green import import_patched

from ...shaped import fill

fill(globals(), "selectors", import_patched("selectors"))
