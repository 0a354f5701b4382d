"""``eventlet.green.profile``: the standard library's ``profile``."""

from __future__ import annotations

from ...shaped import fill

fill(globals(), "profile")
