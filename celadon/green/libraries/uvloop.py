"""``uvloop`` under the patch: its loop waits in C, so it must run the greenlets of its thread, which are all threads.

Without that the loop would stop every greenlet, and a call of its executor, whose threads are greenlets, would never
come back. The hub joins the loop in its first turn (celadon.hub.aio). A coroutine may wait there, as beside threads: it
stops the loop, and greenlets go on.
"""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any

from ...hub.aio import join


def loop(module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``uvloop.Loop``: it joins as it begins to run."""
    std: Any = module
    original = std.Loop.run_forever

    def run_forever(self: Any) -> None:
        self.call_soon(partial(join, waits=True))
        original(self)

    return {"run_forever": run_forever}


__all__ = ["loop"]
