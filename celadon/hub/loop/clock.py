"""Time as a value that is handed in: the real monotonic clock here, a mock one in ``testing``."""

from __future__ import annotations

import time
from collections.abc import Callable

# What the hub asks of a clock: seconds that never go back.
Now = Callable[[], float]

# CLOCK_MONOTONIC: unaffected by NTP steps, daylight saving and whoever patches ``time.time``.
monotonic: Now = time.monotonic
