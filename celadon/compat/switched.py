"""The peers' bare way to wait: a greenlet switches to the loop, and somebody switches back to it with a value."""

from __future__ import annotations

from typing import Any

from greenlet import getcurrent, greenlet

from celadon.hub import Hub


class _Switched:
    """The wait of a greenlet that switched to the loop by itself. A kill or a Timeout ends it as any other."""

    shared = False

    def __repr__(self) -> str:
        return "whoever switches to it"

    def give_up(self, waiter: greenlet) -> bool:
        return True


#: What a greenlet that switched to the loop by itself waits for.
SWITCHED = _Switched()


def switch_to_loop(hub: Hub) -> Any:
    """Leave the calling greenlet until ``greenlet.switch(value)`` is called on it; returns the value."""
    me = getcurrent()
    out = getattr(me, "switch_out", None)
    if out is not None:
        out()
    error = hub.pending.take(me, hub.greenlet) if hub.pending else None
    if error is not None:
        raise error
    hub.parked[me] = SWITCHED
    try:
        return hub.switch()
    finally:
        hub.parked.pop(me, None)


__all__ = ["SWITCHED", "switch_to_loop"]
