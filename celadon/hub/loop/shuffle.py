"""A seeded random order of what is ready: finds code that relies on an order that was never promised.

With ``CELADON_SHUFFLE=seed`` in the environment every hub runs what a turn finds ready in a random order, the same for
the same seed. What is promised stays: whoever waited longest is *given* the item, the lock or the wake-up first (it may
run later than the second); callbacks run in the order in which they were queued; ``sleep(0)`` ends when all that was
ready has run; a signal's handler runs before what became ready after it; and nobody runs twice while another waits
for its turn.
"""

from __future__ import annotations

import os
from collections import deque
from typing import Any, Final

from greenlet import greenlet

from ... import late

random: Any = late.module("random")  # only a shuffle draws

Ready = deque[tuple[greenlet | None, Any]]


class _Sign:
    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name: str = name

    def __repr__(self) -> str:
        return self.name


#: In the ready queue, the value of a greenlet that runs after all that was ready before it: ``sleep(0)``.
AFTER_ALL: Final = _Sign("AFTER_ALL")
#: The value of a greenlet that has not begun.
START: Final = _Sign("START")
#: The value of a greenlet that begins before all that was made ready after it: a signal's handler.
AHEAD: Final = _Sign("AHEAD")
#: The function of an entry that resumes a greenlet with an error. Not `who.throw`: a subclass may override that.
RAISE: Final = greenlet.throw


class Shuffle:
    """Call it with the ready queue. One for each hub, so that no thread's order depends on another thread's."""

    __slots__ = ("_draw", "seed")

    def __init__(self, seed: object) -> None:
        self.seed: object = seed
        self._draw = random.Random(str(seed)).random

    def __repr__(self) -> str:
        return f"<Shuffle by seed {self.seed!r}>"

    def __call__(self, ready: Ready) -> None:
        """Put what is in ``ready`` in a random order. Other threads may append to it meanwhile."""
        order = self._order(list(ready))
        for place in range(len(order)):
            other = order[place]
            while other < place:  # it was swapped to another place before: follow it
                other = order[other]
            # No call in here: a signal handler may raise between calls, and nothing may be lost then.
            ready[place], ready[other] = ready[other], ready[place]

    def _order(self, entries: list[tuple[greenlet | None, Any]]) -> list[int]:
        """Which entry comes first, second, …: by a random key for each, above the keys of what it must come after."""
        draw = self._draw
        keys = []
        top = last_callback = floor = 0.0
        for who, work in entries:
            if work is AFTER_ALL:
                key = top = top + 1
            elif work is AHEAD:
                key = floor = last_callback = max(top, floor)
            elif who is not None or work[0] is RAISE:
                key = floor + draw() * (top + 1 - floor)
            else:
                key = last_callback = last_callback + draw() * (top + 1 - last_callback)
            top = max(top, key)
            keys.append(key)
        return sorted(range(len(entries)), key=keys.__getitem__)


def shuffle_of_environment() -> Shuffle | None:
    """What ``CELADON_SHUFFLE`` asks for; None where it is unset or empty."""
    seed = os.environ.get("CELADON_SHUFFLE")
    return Shuffle(seed) if seed else None


__all__ = ["AFTER_ALL", "AHEAD", "RAISE", "START", "Ready", "Shuffle", "shuffle_of_environment"]
