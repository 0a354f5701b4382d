"""``eventlet.green.http.cookies``: the standard library's ``http.cookies``, which waits for nothing."""

from __future__ import annotations

from ....shaped import fill

fill(globals(), "http.cookies")
