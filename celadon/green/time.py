"""``time.sleep``, cooperatively."""

from __future__ import annotations

from ..hub import sleep as _sleep


def sleep(seconds: float) -> None:
    """See ``time.sleep``."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    _sleep(seconds)


__all__ = ["sleep"]
