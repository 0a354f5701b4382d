"""``eventlet.lock``: Celadon's Lock."""

from __future__ import annotations

from celadon.hub import Lock

__all__ = ["Lock"]
