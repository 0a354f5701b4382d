"""``eventlet.asyncio``: coroutines in green threads. Celadon needs no hub of asyncio's for it.

From its import on, each greenlet has a running loop of its own (``patch_all(asyncio=True)``). A coroutine that is given
to ``spawn_for_awaitable`` gets one as well, so one that waits as greenlets do stops no other. A task or a future has a
loop already: if nobody else runs it, a greenlet does, until all that was waited for on it is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from celadon.green import patch_all
from celadon.hub import Event
from celadon.hub import spawn as _spawn_greenlet

from .green import selectors as _selectors
from .greenthread import GreenThread, spawn

patch_all(asyncio=True)

#: Loops that a greenlet of ours runs -> the futures on them that somebody waits for.
_wanted: dict[asyncio.AbstractEventLoop, set[asyncio.Future[Any]]] = {}


def spawn_for_awaitable(coroutine: Awaitable[Any]) -> GreenThread:
    """Run an awaitable in a green thread; ``wait`` gives its result, ``kill`` cancels it.

    A future must belong to a loop of this thread, or to one that runs.
    """
    return spawn(_wait_for if asyncio.isfuture(coroutine) else _run, coroutine)


def _run(coroutine: Awaitable[Any]) -> Any:
    async def run() -> Any:
        return await coroutine

    with asyncio.Runner(loop_factory=_new_loop) as runner:
        return runner.run(run())


def _new_loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(_selectors.DefaultSelector())  # type: ignore[attr-defined]


def _wait_for(future: asyncio.Future[Any]) -> Any:
    loop = future.get_loop()
    if not future.done():
        if loop.is_closed():
            raise RuntimeError(f"{future!r} never ends: its loop is closed")
        done = Event()
        _when(loop, future.add_done_callback, lambda _: done.set())
        if loop in _wanted or not loop.is_running():
            _keep_running(loop, future)
        try:
            done.wait()
        except BaseException:
            _when(loop, future.cancel)
            raise
    return future.result()


def _when(loop: asyncio.AbstractEventLoop, call: Any, *args: Any) -> None:
    """In the loop's own turn: it may be another thread's."""
    if loop.is_running():
        loop.call_soon_threadsafe(call, *args)
    else:
        call(*args)


def _keep_running(loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any]) -> None:
    if loop not in _wanted:
        _wanted[loop] = set()
        _spawn_greenlet(_run_loop, loop)
    _wanted[loop].add(future)
    _when(loop, future.add_done_callback, _no_longer_wanted)


def _no_longer_wanted(future: asyncio.Future[Any]) -> None:
    loop = future.get_loop()
    _wanted[loop].discard(future)
    if not _wanted[loop]:
        loop.stop()


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    try:
        while _wanted[loop]:
            loop.run_forever()
    finally:
        del _wanted[loop]


__all__ = ["spawn_for_awaitable"]
