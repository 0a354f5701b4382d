"""Callees: greenlets that a program switches to by itself, ``greenlet(f).switch()``. They run for whoever called them.

A caller is suspended in that switch while its callee waits, so it is not among the parked, and an error cannot be
raised in it. It is raised where the wait is, as in a function that was called, and comes up to the caller from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import CodeType

from greenlet import greenlet


def callers(callee: greenlet, top: greenlet | None) -> Iterator[greenlet]:
    """Who waits for the end of ``callee``, nearest first, up to ``top``, the loop's own greenlet."""
    one = callee.parent if callee is not top else None
    while one is not None and one is not top:
        yield one
        one = one.parent


def waits_in(victim: greenlet, leave: CodeType, parked: Iterable[greenlet], top: greenlet) -> list[greenlet]:
    """The parked callee of ``victim`` and then its callers below ``victim``; empty if there is none.

    Whoever leaves through the loop is suspended in the function with the code ``leave``: only a victim that switched
    by itself is worth the look at all who are parked.
    """
    frame = victim.gr_frame
    if frame is None or frame.f_code is leave:
        return []
    for one in list(parked):
        chain = [one]
        for caller in callers(one, top):
            if caller is victim:
                return chain
            chain.append(caller)
    return []


__all__ = ["callers", "waits_in"]
