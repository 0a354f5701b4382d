"""Time as a function that is handed in: the real monotonic clock here, a mock one in ``testing``."""

from __future__ import annotations

import time
from collections.abc import Callable

# A clock: seconds, never fewer than at the call before.
Now = Callable[[], float]

# CLOCK_MONOTONIC: unaffected by NTP steps, daylight saving and whoever patches ``time.time``.
monotonic: Now = time.monotonic
