"""Giving way where nothing waits: a loop over what is always ready would keep the others out for ever.

Threads of the operating system take turns by themselves. Greenlets give way where they wait, and here: in questions
that are asked in vain, in selectors that always find something, in sockets that never make anybody wait.
"""

from __future__ import annotations

from collections.abc import Callable

from ..hub import HubClosedError, sleep
from ..hub.lowlevel import may_wait

#: Told before and after others run: asyncio's loop is not the running one then (see ``asyncio``).
around: list[tuple[Callable[[], object], Callable[[], object]]] = []
#: How often somebody gave way here, or waited in a selector.
count: int = 0
_in_vain = 0


def can_park() -> bool:
    """Whether the caller may let others run: not in the hub or a loop it has joined, nor once Python is finalized."""
    try:
        return may_wait()
    except (RuntimeError, HubClosedError):
        return False


def give_way() -> None:
    """Let whoever is ready run."""
    if can_park():
        during(sleep, 0)


def during(wait: Callable[..., object], *args: object) -> None:
    """``wait(*args)``, which lets others run."""
    global count
    count += 1
    for before, _ in around:
        before()
    try:
        wait(*args)
    finally:
        for _, after in around:
            after()


def tried_in_vain() -> None:
    """Who tries or asks again and again without waiting lets others run now and then: what they wait for may come."""
    global _in_vain
    _in_vain += 1
    if _in_vain >= 32:
        _in_vain = 0
        give_way()


__all__ = ["around", "can_park", "during", "give_way", "tried_in_vain"]
