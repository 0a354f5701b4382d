"""``eventlet.green.ftplib``: the standard library's ``ftplib``, whose calls stop one green thread only."""

from __future__ import annotations

from celadon.green import import_patched

from ...shaped import fill

fill(globals(), "ftplib", import_patched("ftplib"))
