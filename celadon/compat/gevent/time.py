"""``sleep``: what the patch puts into ``time``."""

from __future__ import annotations

from typing import Any

from celadon.green.patching.table import TABLE

_PATCHED: Any = TABLE["time"]["time"]
sleep = _PATCHED["sleep"]
__implements__ = __all__ = ["sleep"]
