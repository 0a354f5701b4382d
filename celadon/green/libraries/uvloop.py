"""``uvloop`` under the patch: its loop waits in C, so it must run the greenlets of its thread, which are all threads.

Without that the loop would stop every greenlet, and a call of its executor, whose threads are greenlets, would never
come back. The hub joins the loop in its first turn (celadon.hub.aio). A coroutine may wait there, as beside threads: it
stops the loop, and greenlets go on.

In a thread on a greenlet uvloop would wait for all threads at once, and it asks for the main thread's signals: refused.
"""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any

from ...hub.aio import join
from ..thread import in_green_thread


def loop(module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``uvloop.Loop``: it joins as it begins to run."""
    std: Any = module
    original, init = std.Loop.run_forever, std.Loop.__init__

    def made(self: Any, *args: Any, **options: Any) -> None:
        _refuse_in_thread()
        init(self, *args, **options)

    def run_forever(self: Any) -> None:
        _refuse_in_thread()
        self.call_soon(partial(join, waits=True))
        original(self)

    return {"__init__": made, "run_forever": run_forever}


def _refuse_in_thread() -> None:
    if in_green_thread():
        raise RuntimeError(
            "uvloop cannot run in a threading.Thread under patch_all, because that is a greenlet and uvloop waits "
            "in C: run it in the main thread, or asyncio's own loop here"
        )


__all__ = ["loop"]
