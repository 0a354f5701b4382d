"""The standard library's ``time``, with the ``sleep`` that the patch puts into it."""

from __future__ import annotations

from typing import Any

from celadon.compat.shaped import fill
from celadon.green.patching.table import TABLE

_PATCHED: Any = TABLE["time"]["time"]
sleep = _PATCHED["sleep"]

fill(globals(), "time")
__implements__ = __all__ = ["sleep"]
