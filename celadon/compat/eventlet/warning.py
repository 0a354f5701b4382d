"""What eventlet warns with when it is imported; Celadon does not. For programs that name it in a filter."""

from __future__ import annotations


class EventletDeprecationWarning(Warning):
    """Never raised here."""


__all__ = ["EventletDeprecationWarning"]
