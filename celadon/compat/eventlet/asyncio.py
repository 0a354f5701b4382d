"""``eventlet.asyncio``: coroutines in green threads. Celadon needs no hub of asyncio's for it.

From its import on, each greenlet has a running loop of its own (``patch_all(asyncio=True)``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from celadon.green import patch_all

from .green import selectors as _selectors
from .greenthread import GreenThread, spawn

patch_all(asyncio=True)


def spawn_for_awaitable(coroutine: Awaitable[Any]) -> GreenThread:
    """Run an awaitable in a green thread, on a loop of its own; ``wait`` gives its result, ``kill`` cancels it."""

    async def run() -> Any:
        return await coroutine

    def loop() -> asyncio.AbstractEventLoop:
        return asyncio.SelectorEventLoop(_selectors.DefaultSelector())  # type: ignore[attr-defined]

    def body() -> Any:
        with asyncio.Runner(loop_factory=loop) as runner:
            return runner.run(run())

    return spawn(body)


__all__ = ["spawn_for_awaitable"]
