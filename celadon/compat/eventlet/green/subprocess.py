"""``eventlet.green.subprocess``: the standard library's ``subprocess``, whose calls stop one green thread only."""

from __future__ import annotations

from celadon.green import import_patched

from ...shaped import fill

fill(globals(), "subprocess", import_patched("subprocess"))
