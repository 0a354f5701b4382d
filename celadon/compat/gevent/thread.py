"""``_thread`` on greenlets: what the patch puts there, whether or not anything is patched."""

from __future__ import annotations

from typing import Any

from celadon.compat.shaped import fill
from celadon.green.patching.table import TABLE

_PATCHED: Any = TABLE["thread"]["_thread"]
globals().update(_PATCHED)
fill(globals(), "_thread")
