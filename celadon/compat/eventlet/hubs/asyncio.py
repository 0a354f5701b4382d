"""``eventlet.hubs.asyncio``: eventlet's hub on asyncio. Here every hub can run coroutines: ``eventlet.asyncio``."""

from __future__ import annotations

from .hub import BaseHub


class Hub(BaseHub):
    """Celadon's hub."""


def is_available() -> bool:
    """True."""
    return True


__all__ = ["Hub", "is_available"]
