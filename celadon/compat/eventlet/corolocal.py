"""``eventlet.corolocal``: variables of each green thread."""

from __future__ import annotations

from greenlet import getcurrent

from celadon.hub import local


def get_ident() -> int:
    """A number for the calling greenlet."""
    return id(getcurrent())


__all__ = ["get_ident", "local"]
