"""The optional accelerator: a free list for the 16 KiB that every greenlet's Python stack begins with.

Built by an ordinary install where there is a C compiler, left out silently where there is none; the behaviour is the
same. ``CELADON_ACCEL=0`` in the environment keeps it off. It works process-wide, and so for every greenlet there is.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

try:
    from . import _arena as _built

    _arena: Any = _built
except ImportError:  # there was no compiler
    _arena = None

#: Blocks of 16 KiB kept at most: 16 MiB.
BLOCKS = 1024


@dataclass(frozen=True, slots=True)
class AccelStats:
    """``built``: it is there; ``on``: it is in use; ``kept`` blocks lie ready, ``reused`` were saved an mmap so far."""

    built: bool
    on: bool
    kept: int
    reused: int


_on = False


def enable(blocks: int = BLOCKS) -> bool:
    """Keep at most ``blocks`` blocks of 16 KiB for the next greenlets; False where it was not built."""
    global _on
    if _arena is None:
        return False
    _arena.enable(blocks)
    _on = True
    return True


def disable() -> None:
    """Give the kept blocks back, and keep no more."""
    global _on
    if _arena is not None:
        _arena.disable()
    _on = False


def accel_stats() -> AccelStats:
    """How the free list stands."""
    kept, reused = _arena.stats() if _arena is not None else (0, 0)
    return AccelStats(_arena is not None, _on, kept, reused)


if os.environ.get("CELADON_ACCEL", "1") != "0":
    enable()

__all__ = ["BLOCKS", "AccelStats", "accel_stats", "disable", "enable"]
