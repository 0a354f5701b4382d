"""``eventlet.green.http.cookiejar``: the standard library's ``http.cookiejar``, which waits for nothing."""

from __future__ import annotations

from ....shaped import fill

fill(globals(), "http.cookiejar")
