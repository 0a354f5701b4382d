"""The hub inside of asyncio's loop, or of any loop with its API (uvloop): crossing to coroutines and back.

asyncio is imported here, patched or not: it is the program's own loop that greenlets run in.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from functools import partial
from inspect import isawaitable, iscoroutine
from typing import Any, ParamSpec, TypeVar

from greenlet import GreenletExit, getcurrent, greenlet

from ..errors import BlockingInHubError
from ..greenlets.greenlet import Greenlet
from ..loop.current import get_hub
from ..loop.failures import text
from ..loop.hub import Hub
from ..loop.joined import Joined, joined_of, joiners, outer_of
from .crossing import Green, nothing, own_context, wait_out

P = ParamSpec("P")
T = TypeVar("T")
#: In the hub's ``vars``: the loops that wait by it.
_HOSTED = object()
#: The loop that waits by the hub and that a greenlet belongs to, for there may be several.
_host: ContextVar[AsyncioOuter | None] = ContextVar("the loop beside greenlets", default=None)
_tasks: Any = asyncio.tasks
_enter_task, _leave_task = _tasks._enter_task, _tasks._leave_task


class AsyncioOuter:
    """See ``Outer``: a loop of asyncio's that the hub of its thread has joined."""

    __slots__ = ("_context", "_with_task", "joined", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop: asyncio.AbstractEventLoop = loop
        #: Greenlets have contexts of their own; so each call needs no copy of whichever is the caller's.
        self._context = Context()
        self.joined: Joined = Joined(self)
        #: How many greenlets belong to a task.
        self._with_task = 0

    def __repr__(self) -> str:
        return repr(self.loop)

    def soon(self, function: Callable[[], object]) -> object:
        """See ``Outer.soon``."""
        return self.loop.call_soon(function, context=self._context)

    def later(self, seconds: float, function: Callable[[], object]) -> asyncio.TimerHandle:
        """See ``Outer.later``."""
        return self.loop.call_later(seconds, function, context=self._context)

    def watch(self, fd: int, function: Callable[[], object]) -> object:
        """See ``Outer.watch``."""
        return self.loop.add_reader(fd, function)

    def unwatch(self, fd: int) -> None:
        """See ``Outer.unwatch``."""
        if not self.loop.is_closed():
            self.loop.remove_reader(fd)

    def running(self) -> bool:
        """See ``Outer.running``."""
        return self.loop.is_running()

    def over(self) -> bool:
        """See ``Outer.over``."""
        return self.loop.is_closed()

    def where(self) -> str:
        """See ``Outer.where``."""
        task = asyncio.current_task(self.loop)
        if task is not None:
            return f"the task {task.get_name()} ({text(task.get_coro())})"
        return f"the callback {_callback()} of {self.loop!r}"

    def ended(self, who: Greenlet[T]) -> Coroutine[Any, Any, T]:
        """See ``Outer.ended``."""
        return _ended(self, who)

    def step_out(self) -> Callable[[], object]:
        """See ``Outer.step_out``."""
        task = asyncio.current_task(self.loop)
        if task is None:
            return nothing
        _leave_task(self.loop, task)
        return partial(_enter_task, self.loop, task)

    def count_tasks(self, change: int) -> None:
        """So many greenlets more, or less, belong to a task."""
        self._with_task += change
        self.joined.awake_as = TaskHub if self._with_task else Hub

    def tell(self, function: Callable[..., object], *args: object) -> None:
        """From the hub's loop: call ``function(*args)``, which wakes a task."""
        function(*args)

    # -- coroutines for greenlets ----------------------------------------------------------------------------

    def nudge(self) -> None:
        """From a greenlet: have the loop look at what was given to it. It does so by itself: it has called the hub."""

    def may_await(self) -> bool:
        """Whether a greenlet runs, not a task or a callback."""
        return self.joined.inside

    def task_of(self, awaitable: Awaitable[T], context: Context) -> asyncio.Future[T]:
        """The future of what a greenlet awaits; a coroutine becomes a task that runs in ``context``."""
        if asyncio.isfuture(awaitable):
            return awaitable
        coroutine: Coroutine[Any, Any, T] = awaitable if iscoroutine(awaitable) else _as_coroutine(awaitable)
        return self.loop.create_task(coroutine, context=context)


class HostedOuter(AsyncioOuter):
    """A loop that runs in a greenlet and waits by the hub (``patch_all``): nothing is joined, both go on by themselves.

    So it may be asleep in the hub when a greenlet has something for it, and must be woken.
    """

    __slots__ = ()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def count_tasks(self, change: int) -> None:
        """Nothing: there is no current task but in the loop's own greenlet."""

    def tell(self, function: Callable[..., object], *args: object) -> None:
        """See ``AsyncioOuter.tell``."""
        self.loop.call_soon_threadsafe(function, *args)

    def ended(self, who: Greenlet[T]) -> Coroutine[Any, Any, T]:
        """See ``Outer.ended``. A greenlet that has not begun is from now on one of this loop's."""
        if not greenlet.__bool__(who) and not who.ready():  # a Greenlet's own bool is true from its start
            context = who.gr_context
            if context is None:
                context = who.gr_context = Context()
            context.run(_host.set, self)
        return _ended(self, who)

    def nudge(self) -> None:
        """See ``AsyncioOuter.nudge``."""
        self.loop.call_soon_threadsafe(nothing)

    def may_await(self) -> bool:
        """See ``AsyncioOuter.may_await``."""
        return asyncio._get_running_loop() is not self.loop

    def task_of(self, awaitable: Awaitable[T], context: Context) -> asyncio.Future[T]:
        """See ``AsyncioOuter.task_of``."""
        future = super().task_of(awaitable, context)
        self.nudge()
        return future


def _waits_by_hub(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether the loop's selector is a green one: then the hub runs whenever the loop waits."""
    selector = getattr(loop, "_selector", None)
    inner = getattr(selector, "_selector", None) or getattr(type(selector), "_select", None)
    return (getattr(inner, "__module__", None) or type(inner).__module__).startswith("celadon.")


async def _as_coroutine(awaitable: Awaitable[T]) -> T:
    return await awaitable


def _callback() -> str:
    """The function that the loop called, with its line: the outermost one above the frames of the loop."""
    found = frame = sys._getframe(2)
    while frame is not None and "asyncio" not in frame.f_globals.get("__name__", "").split("."):
        found, frame = frame, frame.f_back  # type: ignore[assignment]
    return f"{found.f_code.co_qualname} ({found.f_code.co_filename}:{found.f_lineno})"


def _join() -> AsyncioOuter:
    loop = asyncio.get_running_loop()
    hub = get_hub()
    before = joined_of(hub)
    if before is not None:
        if isinstance(before.outer, AsyncioOuter) and before.outer.loop is loop:
            before.resume()
            return before.outer
        if before.outer.running():
            raise RuntimeError(
                f"this thread's hub has joined {before.outer!r}, which runs: it cannot join {loop!r} too"
            )
        before.end()
    if _waits_by_hub(loop):
        hosted: dict[Any, AsyncioOuter] = hub.vars.setdefault(_HOSTED, {})
        for one in [one for one in hosted if one.is_closed()]:
            del hosted[one]
        found = hosted.setdefault(loop, HostedOuter(loop))
        _host.set(found)
        return found
    outer = AsyncioOuter(loop)
    outer.joined.begin()
    return outer


def _join_if_running() -> AsyncioOuter | None:
    if asyncio._get_running_loop() is not None:
        return _join()
    found = _host.get()
    if found is not None and found.running():
        return found
    running = [one for one in get_hub().vars.get(_HOSTED, {}).values() if one.running()]
    return running[0] if len(running) == 1 else None


joiners.append(_join_if_running)


def join(*, waits: bool = False) -> None:
    """Have the running loop run this thread's greenlets as well, until the loop ends. Doing it twice is harmless.

    ``run_green`` does it by itself. ``waits``: a wait in a coroutine or a callback is no error from now on; it stops
    the loop, while greenlets go on, as threads would. RuntimeError without a running loop, with a poller that cannot be
    watched (``CELADON_POLLER=poll``), and while the hub has joined another loop that runs.
    """
    outer = _join()
    if waits and not isinstance(outer, HostedOuter):
        outer.joined.waits = True


@contextmanager
def joined() -> Iterator[None]:
    """A context manager for a block of a coroutine: ``join`` for so long. Who still waits after it does not run."""
    before = joined_of(get_hub())
    outer = _join()
    try:
        yield
    finally:
        if not isinstance(outer, HostedOuter) and outer.joined is not before:
            outer.joined.end()


# -- from a coroutine into a greenlet --------------------------------------------------------------------------


class TaskHub(Hub):
    """A joined hub while greenlets run of which some belong to a task, which is the current one for them alone."""

    __slots__ = ()

    def leave(self, me: greenlet) -> Any:
        """See ``Hub.leave``."""
        task = asyncio.current_task()
        if task is None:
            return Hub.leave(self, me)
        loop = task.get_loop()
        _leave_task(loop, task)
        try:
            return Hub.leave(self, me)
        finally:
            _enter_task(loop, task)

    def after_fork(self) -> None:
        """See ``Hub.after_fork``."""
        self.__class__ = Hub  # type: ignore[assignment]
        self.after_fork()


class _Green(Green[T]):
    """One that belongs to a task, or to none."""

    __slots__ = ("task",)

    task: asyncio.Task[Any] | None

    def run(self) -> None:
        """See ``Greenlet.run``: the task that waits for it is the current one."""
        if self.task is None:
            super().run()
            return
        loop = self.task.get_loop()
        _enter_task(loop, self.task)
        try:
            super().run()
        finally:
            _leave_task(loop, self.task)


async def run_green(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``function(*args, **kwargs)`` in a greenlet of the running loop, and give its result. It may wait there.

    It runs in the very context of the calling coroutine (contextvars), as if it were awaited. A cancelled task kills
    the greenlet (GreenletExit), waits until it has ended, and then raises CancelledError; a function that catches
    GreenletExit and returns has swallowed the cancellation. A greenlet that is killed raises CancelledError here.
    """
    outer = _join()
    made: _Green[T] = _Green(function, *args, **kwargs)
    context = getcurrent().gr_context
    if context is not None:
        made.gr_context = context
    task = made.task = None if isinstance(outer, HostedOuter) else asyncio.current_task()
    made.start()
    if task is None:
        return await _ended(outer, made)
    outer.count_tasks(1)
    try:
        return await _ended(outer, made)
    finally:
        outer.count_tasks(-1)


async def _ended(outer: AsyncioOuter, who: Greenlet[T]) -> T:
    cancelled: asyncio.CancelledError | None = None
    while not who.ready():
        future: asyncio.Future[None] = outer.loop.create_future()
        tell: Callable[[Any], object] = partial(outer.tell, _settle, future)
        if who._hub is not get_hub():
            tell = partial(outer.loop.call_soon_threadsafe, _settle, future)
        who.rawlink(tell)
        try:
            await future
        except asyncio.CancelledError as error:
            who.unlink(tell)
            cancelled = cancelled or error
            who.kill(block=False)
    if who.exception is not None:
        cancelled = None
        raise who.failure()
    if isinstance(who.value, GreenletExit):
        raise cancelled or asyncio.CancelledError(f"{who!r} was killed")
    return who.value  # type: ignore[return-value]


def _settle(future: asyncio.Future[None], _: object = None) -> None:
    if not future.done():
        future.set_result(None)


# -- from a greenlet into a coroutine --------------------------------------------------------------------------


def await_(awaitable: Awaitable[T]) -> T:
    """From a greenlet: wait for a coroutine, a task, a future or whatever can be awaited, and give its result.

    A coroutine runs as a task of the joined loop, in the greenlet's own context (contextvars). A kill or a Timeout that
    ends the wait cancels it, and is raised once it has ended. TypeError for what cannot be awaited, RuntimeError in a
    coroutine (write ``await``) and in a thread whose hub has joined no running loop.
    """
    if not isawaitable(awaitable):
        raise TypeError(f"await_() takes an awaitable, not {text(awaitable)}")
    return _await("await_", awaitable, own_context)


def run_coroutine(coroutine: Coroutine[Any, Any, T]) -> T:
    """From a greenlet: as ``asyncio.run``, on the joined loop. A task of its own, in a copy of the greenlet's context.

    TypeError for anything but a coroutine; else as ``await_``.
    """
    if not iscoroutine(coroutine):
        raise TypeError(f"run_coroutine() takes a coroutine, not {text(coroutine)}")
    result: T = _await("run_coroutine", coroutine, copy_context)
    return result


def _await(name: str, awaitable: Awaitable[T], context: Callable[[], Context]) -> T:
    try:
        outer = outer_of()
        if not isinstance(outer, AsyncioOuter):
            raise RuntimeError(f"this thread's hub has joined {outer!r}, not a loop of asyncio's")
        if not outer.may_await():
            raise BlockingInHubError(f"{outer.where()} called {name}(), which is for greenlets: write await there")
        future: asyncio.Future[T] = outer.task_of(awaitable, context())
    except BaseException:
        if iscoroutine(awaitable):
            awaitable.close()  # so that Python does not complain of a coroutine that nobody awaited
        raise
    if not future.done():
        try:
            wait_out(future, outer.nudge)
        except BaseException:
            if not future.cancelled():
                future.exception()  # so that asyncio does not complain of an exception that nobody has seen
            raise
    return future.result()


__all__ = ["AsyncioOuter", "await_", "join", "joined", "run_coroutine", "run_green"]
