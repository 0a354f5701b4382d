"""``eventlet.green.select``: the standard library's ``select``, whose calls stop one green thread only."""

from __future__ import annotations

from typing import Any

from celadon.green import import_patched

from ...shaped import fill

fill(globals(), "select", import_patched("select"))


def get_fileno(obj: Any) -> int:
    """The number of a file, or of a file object; TypeError for anything else."""
    number = obj.fileno() if hasattr(obj, "fileno") else obj
    if not isinstance(number, int):
        raise TypeError(f"Expected int or long, got {type(number)}")
    return number
