"""Greenlets and coroutines in one thread: the hub inside of asyncio's loop, or uvloop's. See docs/other-loops.md.

``celadon.hub.aio.trio`` and ``celadon.hub.aio.twisted`` are the same for those loops.
"""

from .asyncio import await_, join, joined, run_coroutine, run_green

__all__ = ["await_", "join", "joined", "run_coroutine", "run_green"]
