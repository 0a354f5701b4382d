"""The standard library's ``signal``, whose handlers act on the main greenlet."""

from __future__ import annotations

from celadon.compat.shaped import fill
from celadon.green.signal import getsignal, set_wakeup_fd, signal

fill(globals(), "signal")
__all__ = ["getsignal", "set_wakeup_fd", "signal"]
__implements__ = __all__
