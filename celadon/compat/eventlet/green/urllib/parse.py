"""``eventlet.green.urllib.parse``: the standard library's ``urllib.parse``, which waits for nothing."""

from __future__ import annotations

from ....shaped import fill

fill(globals(), "urllib.parse")
