"""``threading.local``, for greenlets."""

from __future__ import annotations

from ..hub import local

__all__ = ["local"]
