"""``eventlet.green.asynchat``: the standard library's ``asynchat``, whose calls stop one green thread only."""

from __future__ import annotations

from celadon.green import import_patched

from ...shaped import fill

fill(globals(), "asynchat", import_patched("asynchat"))
