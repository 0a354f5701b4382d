"""Whether the code that runs now may wait at all."""

from __future__ import annotations

from ..hub import HubClosedError, get_hub, getcurrent


def can_park() -> bool:
    """Whether the caller may let others run: not in the hub itself, nor once the interpreter is being finalized."""
    try:
        return get_hub().greenlet is not getcurrent()
    except (RuntimeError, HubClosedError):
        return False


__all__ = ["can_park"]
