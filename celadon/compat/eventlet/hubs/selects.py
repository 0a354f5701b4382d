"""``eventlet.hubs.selects``: Celadon's hub, as under each of these names; CELADON_POLLER chooses the system call."""

from __future__ import annotations

import select

from .hub import BaseHub as Hub


def is_available() -> bool:
    """Whether this system has it."""
    return hasattr(select, "select")


__all__ = ["Hub", "is_available"]
