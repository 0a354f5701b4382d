"""``eventlet.green.urllib.response``: the standard library's ``urllib.response``, which waits for nothing."""

from __future__ import annotations

from ....shaped import fill

fill(globals(), "urllib.response")
