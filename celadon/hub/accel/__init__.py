"""The optional accelerator: cheaper memory for the 16 KiB that every greenlet's Python stack begins with.

Built by an ordinary install where there is a C compiler, left out silently where there is none; the behaviour is the
same. ``CELADON_ACCEL=0`` in the environment keeps it off. It works process-wide, and so for every greenlet there is.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

try:
    from . import _arena as _built

    _arena: Any = _built
except ImportError:  # there was no compiler
    _arena = None

#: Free blocks of 16 KiB whose pages are kept: 16 MiB.
BLOCKS = 1024


class AccelStats(NamedTuple):
    """Whether it was ``built`` and is ``on``; how many free blocks keep their pages (``kept``) or were ``reused``."""

    built: bool
    on: bool
    kept: int
    reused: int


_on = False


def enable(blocks: int = BLOCKS) -> bool:
    """Keep the pages of about ``blocks`` free blocks of 16 KiB for the next greenlets.

    About, because less than eight of a slab's 32 are not worth a call of the kernel. False where it was not built, or
    where the process may not reserve addresses for it (``ulimit -v``).
    """
    global _on
    _on = _arena is not None and _arena.enable(blocks)
    return _on


def disable() -> None:
    """Give the kept pages back, and keep no more."""
    global _on
    if _arena is not None:
        _arena.disable()
    _on = False


def accel_stats() -> AccelStats:
    """What the accelerator does now, and has done."""
    kept, reused = _arena.stats() if _arena is not None else (0, 0)
    return AccelStats(_arena is not None, _on, kept, reused)


if os.environ.get("CELADON_ACCEL", "1") != "0":
    enable()

__all__ = ["BLOCKS", "AccelStats", "accel_stats", "disable", "enable"]
