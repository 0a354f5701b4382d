"""Asking the kernel again instead of falling asleep, where answers have lately come within a moment.

To fall asleep and be woken takes some 50 microseconds. A server nearby answers sooner, so a hub that asks the kernel
once more, and again, is faster and uses less CPU than one that sleeps. It only pays while it succeeds: each search
that finds nothing doubles the number of brief sleeps before the next one.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable, Sized

#: A sleep shorter than this, in seconds, was mostly spent on falling asleep and waking.
BRIEF = 0.0001
#: Busy-poll only while at most this many greenlets wait for fds: more of them are better served together.
MOST_WAITERS = 2
# How often the kernel is asked before the hub sleeps after all.
_LOOKS = 100
# The number of brief sleeps between two searches grows to 2 to the power of this.
_MOST_IN_VAIN = 10

Events = list[tuple[int, int]]


class BusyLook:
    """When one hub asks again before it sleeps. ``sleeps_left`` is 0 or less when the next wait may try."""

    __slots__ = ("in_vain", "sleeps_left")

    def __init__(self) -> None:
        #: How many more brief sleeps must happen before the next search.
        self.sleeps_left: int = 1
        #: How many searches in a row found nothing.
        self.in_vain: int = 0

    def search(self, poll: Callable[[float | None], Events], ready: Sized) -> Events:
        """Poll until there is an event or something in ``ready``; gives no events when it is time to sleep.

        Not beside other threads: they want the interpreter, which this would keep.
        """
        events: Events = []
        if not _thread._count():
            for _ in range(_LOOKS):
                events = poll(0)
                if events or ready:
                    break
        self.in_vain = 0 if events else min(self.in_vain + 1, _MOST_IN_VAIN)
        self.sleeps_left = self.in_vain and 1 << self.in_vain
        return events


__all__ = ["BRIEF", "MOST_WAITERS", "BusyLook"]
