"""What a program that seems to hang is doing: who waits on what, and where in the code."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from greenlet import greenlet

from .accel import AccelStats, accel_stats
from .hubs import get_hub


@dataclass(frozen=True, slots=True)
class Parked:
    """A greenlet that waits, and what for."""

    greenlet: greenlet
    waits_on: str


def ps() -> list[Parked]:
    """The greenlets of this thread that are parked now, longest first."""
    return [Parked(who, repr(wait)) for who, wait in list(get_hub().parked.items())]


def where(who: greenlet) -> str:
    """The stack of a parked greenlet as text, outermost first; empty for one that does not run yet or any more."""
    frame = who.gr_frame
    return "".join(traceback.format_stack(frame)) if frame is not None else ""


__all__ = ["AccelStats", "Parked", "accel_stats", "ps", "where"]
