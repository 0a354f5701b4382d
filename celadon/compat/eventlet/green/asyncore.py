"""``eventlet.green.asyncore``: the standard library's ``asyncore``, whose calls stop one green thread only."""

from __future__ import annotations

from celadon.green import import_patched

from ...shaped import fill

fill(globals(), "asyncore", import_patched("asyncore"))
