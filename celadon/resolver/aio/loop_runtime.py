"""A running asyncio loop (uvloop's, any other's that has readers) as the Place of lookups and the Runtime of engines.

Each loop has one, made at its first lookup. It ends with the loop: ``asyncio.run``, ``asyncio.Runner`` and
``uvloop.run`` close a loop's asynchronous generators at its end, and one of these is ours. A loop that is closed
without that is noticed when the next one begins.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import events
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from functools import partial
from typing import Any

from ...hub.lowlevel import TIMED_OUT
from ..protocols import Cancel, Cancellable


class LoopWatch:
    """See ``protocols.Watching``."""

    __slots__ = ("_loop", "_on_readable", "_on_writable", "fd")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        fd: int,
        on_readable: Callable[[], object] | None = None,
        on_writable: Callable[[], object] | None = None,
    ) -> None:
        self._loop = loop
        self.fd: int = fd
        self._on_readable: Callable[[], object] | None = None
        self._on_writable: Callable[[], object] | None = None
        self.update(on_readable, on_writable)

    def __repr__(self) -> str:
        return f"<LoopWatch of fd {self.fd}>"

    def update(
        self, on_readable: Callable[[], object] | None = None, on_writable: Callable[[], object] | None = None
    ) -> None:
        """Call these from now on; None: do not watch this direction."""
        if self.fd < 0:
            return
        loop = self._loop
        if on_readable != self._on_readable:
            self._on_readable = on_readable
            if on_readable is None:
                loop.remove_reader(self.fd)
            else:
                loop.add_reader(self.fd, on_readable)
        if on_writable != self._on_writable:
            self._on_writable = on_writable
            if on_writable is None:
                loop.remove_writer(self.fd)
            else:
                loop.add_writer(self.fd, on_writable)

    def close(self) -> None:
        """Stop, before the fd is closed. Nothing happens the second time, nor in a loop that is closed."""
        if not self._loop.is_closed():
            self.update()
        self.fd = -1


class _Never:
    """A timer that never fires."""

    __slots__ = ()

    def cancel(self) -> None:
        """Nothing is left to do."""


class LoopRuntime:
    """See the module; ``protocols.Place`` and ``protocols.Runtime``. For the loop's own thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop: asyncio.AbstractEventLoop = loop
        self.vars: dict[object, Any] = {}
        self.clock: LoopRuntime = self
        self.now: Callable[[], float] = time.monotonic
        self.watch: partial[LoopWatch] = partial(LoopWatch, loop)
        self._closers: list[Callable[[], object]] = []
        self._end = self._until_the_end()
        loop.call_soon(self._have_it_ended)

    def __repr__(self) -> str:
        return f"<LoopRuntime of {self.loop!r}>"

    def _have_it_ended(self) -> None:
        """Begin the generator, so that the loop, which runs now, knows of it. One step takes it to its yield."""
        with suppress(StopIteration):
            self._end.asend(None).send(None)

    async def _until_the_end(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self.close()

    def call_soon(self, function: Callable[..., object], *args: Any) -> Cancellable:
        """See ``Runtime.call_soon``. In a loop that is closed nobody waits any more, so nothing is called."""
        try:
            return self.loop.call_soon(function, *args)
        except RuntimeError:
            if not self.loop.is_closed():
                raise
            return _Never()

    def call_later(self, seconds: float, function: Callable[..., object], *args: Any) -> Cancellable:
        """See ``Runtime.call_later``, and ``call_soon``."""
        try:
            return self.loop.call_later(seconds, function, *args)
        except RuntimeError:
            if not self.loop.is_closed():
                raise
            return _Never()

    def call_at(self, when: float, function: Callable[..., object], *args: Any) -> Cancellable:
        """See ``Runtime.call_at``."""
        return self.call_later(max(when - self.now(), 0.0), function, *args)

    def from_thread(self, function: Callable[..., object], *args: Any) -> None:
        """See ``libc_awaited.LoopOfCaller``."""
        try:
            self.loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            if not self.loop.is_closed():
                raise

    def on_close(self, function: Callable[[], object]) -> None:
        """See ``Place.on_close``."""
        self._closers.append(function)

    async def wait(self, begin: Callable[[Any, Callable[[Any], None]], Cancel], what: Any, ends: float | None) -> Any:
        """What ``begin(what, done)`` gives to ``done``; TIMED_OUT when the time is ``ends`` first.

        ``begin`` returns a function that cancels. It is called when the time is over, and when the task is cancelled.
        """
        future = self.loop.create_future()
        cancel = begin(what, partial(_settle, future))
        timer = None if ends is None else self.call_at(ends, _settle, future, TIMED_OUT)
        try:
            outcome = await future
        except BaseException:
            cancel()
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if outcome is TIMED_OUT:
            cancel()
        return outcome

    async def turn(self) -> None:
        """Let others run once."""
        await asyncio.sleep(0)

    def close(self) -> None:
        """Close what belongs to this loop: engines, their sockets and timers. Once."""
        if _runtimes.get(self.loop) is self:
            del _runtimes[self.loop]
        closers, self._closers = self._closers, []
        for function in reversed(closers):
            function()
        self.vars.clear()


def _settle(future: asyncio.Future[Any], outcome: Any) -> None:
    if not future.done():  # the task may have been cancelled, and not know it yet
        future.set_result(outcome)


_runtimes: dict[asyncio.AbstractEventLoop, LoopRuntime] = {}


def current() -> LoopRuntime:
    """The running loop's. RuntimeError where no loop runs."""
    return of(events.get_running_loop())  # looked up there: ``patch_all`` may have replaced it


def of(loop: asyncio.AbstractEventLoop) -> LoopRuntime:
    """The one of a loop, which need not run yet."""
    found = _runtimes.get(loop)
    return found if found is not None else _made(loop)


def _made(loop: asyncio.AbstractEventLoop) -> LoopRuntime:
    for other in [one for one in _runtimes if one.is_closed()]:
        _runtimes[other].close()
    made = _runtimes[loop] = LoopRuntime(loop)
    return made
