"""``eventlet.green.thread``: the standard library's ``_thread``, whose threads are green."""

from __future__ import annotations

from celadon.green import import_patched

from ...shaped import fill
from ..lock import Lock as _Lock

Lock = _Lock
fill(globals(), "_thread", import_patched("_thread"), ("Lock",))
