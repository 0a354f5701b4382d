"""``eventlet.hubs.epolls``: Celadon's hub, as under each of these names; CELADON_POLLER chooses the system call."""

from __future__ import annotations

from .hub import BaseHub as Hub


def is_available() -> bool:
    """True: whatever this system has is used."""
    return True


__all__ = ["Hub", "is_available"]
