"""The hub inside of trio's loop, also where trio itself is a guest (``start_guest_run``): crossing both ways.

One system task of trio's waits for the hub's poller and for its next deadline, and runs what is ready.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from inspect import isawaitable, iscoroutine
from typing import Any, ParamSpec, TypeVar

import trio
from greenlet import GreenletExit, getcurrent

from ..errors import BlockingInHubError
from ..greenlets.greenlet import Greenlet
from ..loop.current import get_hub
from ..loop.failures import text
from ..loop.joined import Joined, joined_of, joiners, outer_of
from .crossing import Green, Outcome, nothing, own_context, wait_out

P = ParamSpec("P")
T = TypeVar("T")


class _Timer:
    __slots__ = ("_cancel",)

    def __init__(self, cancel: Callable[[], object]) -> None:
        self._cancel = cancel

    def cancel(self) -> None:
        self._cancel()


class TrioOuter:
    """See ``Outer``: the run of trio's that the hub of this thread has joined."""

    def __init__(self) -> None:
        self.token: Any = trio.lowlevel.current_trio_token()
        self.joined: Joined = Joined(self)
        self._calls: list[Callable[[], object]] = []
        self._due = math.inf
        self._timed: Callable[[], object] | None = None
        self._scope: Any = None
        self._fd = -1
        self._readable: Callable[[], object] | None = None

    def __repr__(self) -> str:
        return f"<a run of trio, {self.token!r}>"

    def soon(self, function: Callable[[], object]) -> None:
        """See ``Outer.soon``."""
        self._calls.append(function)
        if self._scope is not None:
            self._scope.cancel()

    def later(self, seconds: float, function: Callable[[], object]) -> _Timer:
        """See ``Outer.later``."""
        self._due, self._timed = trio.current_time() + seconds, function
        if self._scope is not None:
            self._scope.deadline = self._due
        return _Timer(self._no_timer)

    def _no_timer(self) -> None:
        self._due, self._timed = math.inf, None
        if self._scope is not None:
            self._scope.deadline = math.inf

    def watch(self, fd: int, function: Callable[[], object]) -> None:
        """See ``Outer.watch``."""
        self._fd, self._readable = fd, function
        trio.lowlevel.spawn_system_task(self._serve, name="celadon")

    def unwatch(self, fd: int) -> None:
        """See ``Outer.unwatch``."""
        self._readable = None
        if self._scope is not None and self.running():
            self._scope.cancel()

    def running(self) -> bool:
        """See ``Outer.running``."""
        try:
            return trio.lowlevel.current_trio_token() is self.token
        except RuntimeError:
            return False

    def over(self) -> bool:
        """See ``Outer.over``."""
        return not self.running()

    def where(self) -> str:
        """See ``Outer.where``."""
        try:
            task = trio.lowlevel.current_task()
        except RuntimeError:
            return f"a callback of {self!r}"
        return f"the task {task.name} ({text(task.coro)})"

    def step_out(self) -> Callable[[], object]:
        """See ``Outer.step_out``: nothing of the kind."""
        return nothing

    async def ended(self, who: Greenlet[T]) -> T:
        """See ``Outer.ended``."""
        return await _ended(self, who)

    async def _serve(self) -> None:
        while self._readable is not None:
            due = self._calls
            self._calls = []
            if not due:
                with trio.CancelScope(deadline=self._due) as self._scope:
                    await trio.lowlevel.wait_readable(self._fd)
                    due = [self._readable] if self._readable is not None else []
                self._scope = None
                if trio.current_time() >= self._due and self._timed is not None:
                    due.append(self._timed)
                    self._due, self._timed = math.inf, None
            for function in due:
                try:
                    function()
                except KeyboardInterrupt:
                    signal.raise_signal(signal.SIGINT)  # trio takes it to the main task
                except BaseException as error:
                    get_hub().exception_handler(None, error)
            await trio.lowlevel.cancel_shielded_checkpoint()


def _join() -> TrioOuter:
    token: Any = trio.lowlevel.current_trio_token()
    before = joined_of(get_hub())
    if before is not None:
        if isinstance(before.outer, TrioOuter) and before.outer.token is token:
            before.resume()
            return before.outer
        if before.outer.running():
            raise RuntimeError(f"this thread's hub has joined {before.outer!r}, which runs: not trio too")
        before.end()
    outer = TrioOuter()
    outer.joined.begin()
    return outer


def _join_if_running() -> TrioOuter | None:
    return _join() if trio.lowlevel.in_trio_run() else None


joiners.append(_join_if_running)


def join() -> None:
    """Have trio run this thread's greenlets as well, until its run ends. Doing it twice is harmless.

    ``run_green`` does it by itself. RuntimeError outside of a run of trio's, with a poller that cannot be watched
    (``CELADON_POLLER=poll``), and while the hub has joined another loop that runs.
    """
    _join()


async def run_green(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``function(*args, **kwargs)`` in a greenlet, in the calling task's own context, and give its result.

    A cancelled scope kills the greenlet (GreenletExit), waits until it has ended, and then raises Cancelled.
    """
    outer = _join()
    made: Green[T] = Green(function, *args, **kwargs)
    context = getcurrent().gr_context
    if context is not None:
        made.gr_context = context
    made.start()
    return await _ended(outer, made)


async def _ended(outer: TrioOuter, who: Greenlet[T]) -> T:
    raise_cancel: Callable[[], Any] | None = None
    if not who.ready():
        task = trio.lowlevel.current_task()

        def wake(_: object) -> None:
            trio.lowlevel.reschedule(task)

        def give_up(raises: Callable[[], Any]) -> Any:
            nonlocal raise_cancel
            raise_cancel = raises
            who.kill(block=False)
            return trio.lowlevel.Abort.FAILED  # it is woken at the end, as ever

        who.rawlink(wake if who._hub is get_hub() else partial(outer.token.run_sync_soon, wake))
        await trio.lowlevel.wait_task_rescheduled(give_up)
    else:
        await trio.lowlevel.checkpoint()
    if who.exception is not None:
        raise_cancel = None
        raise who.failure()
    if isinstance(who.value, GreenletExit):
        if raise_cancel is not None:
            raise_cancel()
        raise GreenletKilledError(f"{who!r} was killed")
    return who.value  # type: ignore[return-value]


class GreenletKilledError(Exception):
    """The greenlet that a task of trio's waited for was killed; nobody but trio itself can raise its Cancelled."""


def await_(awaitable: Awaitable[T]) -> T:
    """From a greenlet: wait for a coroutine of trio's, and give its result.

    It runs in a system task, in the greenlet's own context (contextvars). A kill or a Timeout that ends the wait
    cancels it, and is raised once it has ended. TypeError for what cannot be awaited, RuntimeError in a task (write
    ``await``) and in a thread whose hub has joined no run of trio's.
    """
    if not isawaitable(awaitable):
        raise TypeError(f"await_() takes an awaitable, as work(1), not {text(awaitable)}")
    try:
        outer = outer_of()
        if not isinstance(outer, TrioOuter):
            raise RuntimeError(f"this thread's hub has joined {outer!r}, not a run of trio's")
        if not outer.joined.inside:
            raise BlockingInHubError(f"{outer.where()} called await_(), which is for greenlets: write await there")
    except BaseException:
        if iscoroutine(awaitable):
            awaitable.close()  # so that Python does not complain of a coroutine that nobody awaited
        raise
    scope = trio.CancelScope()
    outcome = Outcome(scope.cancel)

    async def work() -> None:
        value, failed = None, None
        with scope:
            try:
                value = await awaitable
            except trio.Cancelled:
                raise
            except BaseException as error:
                failed = error
        outcome.finish(value, failed)

    trio.lowlevel.spawn_system_task(work, name=text(awaitable), context=own_context())
    wait_out(outcome, nothing)
    result: T = outcome.result()
    return result


__all__ = ["GreenletKilledError", "TrioOuter", "await_", "join", "run_green"]
