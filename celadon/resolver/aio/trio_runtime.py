"""A trio run as the Place of lookups and the Runtime of engines, as ``loop_runtime`` is for asyncio; so for anyio, too.

Trio has no readers and no timers: a system task waits for each direction of each socket, one more for the next
deadline. Trio ends them with the run, and with them all that is ours.
"""

from __future__ import annotations

import heapq
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ... import late
from ...hub.lowlevel import TIMED_OUT
from ..protocols import Cancel, Cancellable

trio: Any = late.module("trio")
outcome: Any = late.module("outcome")

_NEVER = float("inf")


def _call(function: Callable[..., object], *args: Any) -> None:
    """Call it in a system task, whose errors would end the whole run."""
    try:
        function(*args)
    except Exception as error:  # noqa: BLE001  (reported as asyncio reports a callback's)
        sys.excepthook(type(error), error, error.__traceback__)


class TrioTimer:
    """See ``protocols.Cancellable``."""

    __slots__ = ("args", "function", "when")

    def __init__(self, when: float, function: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.when: float = when
        self.function: Callable[..., object] | None = function
        self.args: tuple[Any, ...] = args

    def __lt__(self, other: TrioTimer) -> bool:
        return self.when < other.when

    def cancel(self) -> None:
        """Make it never fire."""
        self.function = None
        self.args = ()

    def fire(self) -> None:
        """Call the function, unless it was cancelled."""
        function, args = self.function, self.args
        self.cancel()
        if function is not None:
            _call(function, *args)


class TrioWatch:
    """See ``protocols.Watching``."""

    __slots__ = ("_callbacks", "_scopes", "fd")

    def __init__(
        self,
        fd: int,
        on_readable: Callable[[], object] | None = None,
        on_writable: Callable[[], object] | None = None,
    ) -> None:
        self.fd: int = fd
        self._callbacks: list[Callable[[], object] | None] = [None, None]
        self._scopes: list[Any] = [None, None]
        self.update(on_readable, on_writable)

    def update(
        self, on_readable: Callable[[], object] | None = None, on_writable: Callable[[], object] | None = None
    ) -> None:
        """Call these from now on; None: do not watch this direction."""
        for side, function in enumerate((on_readable, on_writable)):
            self._callbacks[side] = function
            if function is None and self._scopes[side] is not None:
                self._scopes[side].cancel()
                self._scopes[side] = None
            elif function is not None and self._scopes[side] is None and self.fd >= 0:
                scope = self._scopes[side] = trio.CancelScope()
                trio.lowlevel.spawn_system_task(self._look, side, scope)

    async def _look(self, side: int, scope: Any) -> None:
        wait = (trio.lowlevel.wait_readable, trio.lowlevel.wait_writable)[side]
        with scope, suppress(trio.ClosedResourceError):
            while self._scopes[side] is scope:
                await wait(self.fd)
                function = self._callbacks[side]
                if self._scopes[side] is scope and function is not None:
                    _call(function)

    def close(self) -> None:
        """Stop, before the fd is closed. Nothing happens the second time."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            self.update()
            with suppress(RuntimeError):  # the run has ended
                trio.lowlevel.notify_closing(fd)


class TrioRuntime:
    """See the module; ``protocols.Place`` and ``protocols.Runtime``. For the thread of the run."""

    watch: Callable[..., TrioWatch] = TrioWatch

    def __init__(self) -> None:
        self.vars: dict[object, Any] = {}
        self.clock: TrioRuntime = self
        self.now: Callable[[], float] = time.monotonic
        self._closers: list[Callable[[], object]] = []
        self._timers: list[TrioTimer] = []
        self._sooner: Any = None  # set while the task sleeps
        self._token = trio.lowlevel.current_trio_token()
        self._task = trio.lowlevel.spawn_system_task(self._keep_time)

    def __repr__(self) -> str:
        return f"<TrioRuntime, {len(self._timers)} timers>"

    async def _keep_time(self) -> None:
        timers = self._timers
        try:
            while True:
                while timers and (timers[0].function is None or timers[0].when <= self.now()):
                    heapq.heappop(timers).fire()
                left = timers[0].when - self.now() if timers else _NEVER
                self._sooner = trio.Event()
                with trio.move_on_after(max(left, 0)):
                    await self._sooner.wait()
        finally:
            self.close()

    def call_soon(self, function: Callable[..., object], *args: Any) -> Cancellable:
        """See ``Runtime.call_soon``."""
        return self.call_at(0.0, function, *args)

    def call_later(self, seconds: float, function: Callable[..., object], *args: Any) -> Cancellable:
        """See ``Runtime.call_later``."""
        return self.call_at(self.now() + seconds, function, *args)

    def call_at(self, when: float, function: Callable[..., object], *args: Any) -> Cancellable:
        """See ``Runtime.call_at``."""
        timer = TrioTimer(when, function, args)
        heapq.heappush(self._timers, timer)
        if self._timers[0] is timer and self._sooner is not None:
            self._sooner.set()
        return timer

    def from_thread(self, function: Callable[..., object], *args: Any) -> None:
        """See ``libc_awaited.LoopOfCaller``."""
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(_call, function, *args)

    def on_close(self, function: Callable[[], object]) -> None:
        """See ``Place.on_close``."""
        self._closers.append(function)

    async def wait(self, begin: Callable[[Any, Callable[[Any], None]], Cancel], what: Any, ends: float | None) -> Any:
        """See ``LoopRuntime.wait``."""
        await trio.lowlevel.checkpoint_if_cancelled()
        task: Any = trio.lowlevel.current_task()

        def done(value: Any) -> None:
            nonlocal task
            waiter, task = task, None
            if waiter is not None:
                trio.lowlevel.reschedule(waiter, outcome.Value(value))

        cancel = begin(what, done)
        timer = None if ends is None else self.call_at(ends, done, TIMED_OUT)

        def abort(_: Any) -> Any:
            nonlocal task
            task = None
            cancel()
            if timer is not None:
                timer.cancel()
            return trio.lowlevel.Abort.SUCCEEDED

        found = await trio.lowlevel.wait_task_rescheduled(abort)
        if timer is not None:
            timer.cancel()
        if found is TIMED_OUT:
            cancel()
        return found

    async def turn(self) -> None:
        """Let others run once."""
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Close what belongs to this run: engines, their sockets and timers. Once."""
        closers, self._closers = self._closers, []
        for function in reversed(closers):
            _call(function)
        self.vars.clear()
        self._timers.clear()


_of_run: Any = None


def runs() -> bool:
    """Whether the caller is a task of trio's."""
    return "trio" in sys.modules and bool(trio.lowlevel.in_trio_task())


def current() -> TrioRuntime:
    """This run's."""
    global _of_run
    if _of_run is None:
        _of_run = trio.lowlevel.RunVar("celadon.resolver.aio", default=None)
    found: TrioRuntime | None = _of_run.get()
    if found is None:
        found = TrioRuntime()
        _of_run.set(found)
    return found
