"""``time.sleep``, cooperatively."""

from __future__ import annotations

import math
import time as _std
from sys import is_finalizing
from typing import Any

from ..hub import sleep as _sleep
from ..hub.lowlevel import may_wait

_native_sleep = _std.sleep
_MOST = (1 << 63) / 1e9  # seconds that CPython's clock type holds


def sleep(seconds: Any, /) -> None:
    """See ``time.sleep``."""
    if not isinstance(seconds, int | float):
        if not hasattr(seconds, "__index__") and not hasattr(seconds, "__float__"):
            raise TypeError(f"{type(seconds).__name__!r} object cannot be interpreted as an integer")
        seconds = float(seconds)
    if math.isnan(seconds):
        raise ValueError("Invalid value NaN (not a number)")
    if seconds >= _MOST:
        raise OverflowError("timestamp too large to convert to C _PyTime_t")
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    if is_finalizing() or (not seconds and not may_wait()):
        _native_sleep(seconds)  # a callback of the loop cannot give way, and has not asked to wait
    else:
        _sleep(seconds)


__all__ = ["sleep"]
