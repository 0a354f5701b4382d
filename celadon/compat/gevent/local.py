"""Attributes for each greenlet."""

from __future__ import annotations

import gc
from typing import Any

from celadon.hub import local


def all_local_dicts_for_greenlet(greenlet: Any) -> list[tuple[tuple[type, int], dict[str, Any]]]:
    """``((class, id), attributes)`` of each local in which ``greenlet`` has any. Looks through all objects."""
    found = []
    for one in gc.get_objects():
        if issubclass(type(one), local):
            slots = object.__getattribute__(one, "_local__slots")
            if greenlet in slots:
                found.append(((type(one), id(one)), slots[greenlet]))
    return found


__all__ = ["local"]
