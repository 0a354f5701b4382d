"""``eventlet.green.urllib.error``: the standard library's ``urllib.error``, which waits for nothing."""

from __future__ import annotations

from ....shaped import fill

fill(globals(), "urllib.error")
