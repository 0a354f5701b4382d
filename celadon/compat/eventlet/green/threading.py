"""``eventlet.green.threading``: the standard library's ``threading``, whose threads are green."""

from __future__ import annotations

from celadon.green import import_patched

from ...shaped import fill

fill(globals(), "threading", import_patched("threading"))
#: Without the warning that the name is deprecated.
currentThread = globals()["current_thread"]  # noqa: N816  (the standard library's)
