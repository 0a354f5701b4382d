"""``eventlet.greenthread``: starting, ending and waiting for green threads."""

from __future__ import annotations

import asyncio
import warnings
from collections import deque
from collections.abc import Callable, Generator
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

from celadon.hub import BlockingInHubError, Greenlet, get_hub, spawn_raw
from celadon.hub import kill as _kill
from celadon.hub import sleep as _sleep

from .hubs import timer
from .support import wrap_deprecated
from .timeout import Timeout
from .timeout import with_timeout as _with_timeout


class GreenThread(Greenlet[Any]):
    """A Greenlet by eventlet's names: ``wait`` for its result, ``link`` functions that run in it at its end."""

    _curried: deque[Any] | None = None
    _linking = False

    def run(self) -> None:
        """The body, called by the loop."""
        super().run()
        self._resolve_links()

    def run_here(self) -> None:
        """See ``Greenlet.run_here``."""
        try:
            super().run_here()
        finally:
            self._resolve_links()

    def wait(self) -> Any:
        """What the function returned, waited for; raises what it failed with, GreenletExit if it was killed."""
        value = self.get()
        if isinstance(value, GreenletExit):
            raise value
        return value

    def link(self, func: Callable[..., object], *curried_args: Any, **curried_kwargs: Any) -> None:  # type: ignore[override]
        """Call ``func(self, *curried_args, **curried_kwargs)`` in this green thread at its end; at once after that."""
        if self._curried is None:
            self._curried = deque()
        self._curried.append((func, curried_args, curried_kwargs))
        if self.ready():
            self._resolve_links()

    def unlink(self, func: Callable[..., object], *curried_args: Any, **curried_kwargs: Any) -> bool:  # type: ignore[override]
        """Take back a ``link`` with the same arguments; True if there was one."""
        link = (func, curried_args, curried_kwargs)
        if self._curried and link in self._curried:
            self._curried.remove(link)
            return True
        return super().unlink(func) is not None  # what the pools link

    def _resolve_links(self) -> None:
        if self._linking:
            return
        self._linking = True
        try:
            while self._curried:
                func, args, kwargs = self._curried.popleft()
                func(self, *args, **kwargs)
        finally:
            self._linking = False

    def kill(self, *throw_args: Any, **options: Any) -> None:
        """See the function ``kill``. ``block`` and ``timeout`` are Greenlet's, for Celadon's own callers."""
        if options:
            self.die(thrown(throw_args))
            if options.get("block", True):
                self.join(options.get("timeout"))
        else:
            kill(self, *throw_args)

    def cancel(self, *throw_args: Any) -> None:
        """See the function ``cancel``."""
        cancel(self, *throw_args)

    def begun(self) -> bool:
        """Whether the function has begun."""
        return greenlet.__bool__(self) or self.ready()

    def die(self, error: BaseException) -> None:
        """Raise ``error`` in it, and do not wait."""
        begun = self.begun()
        super().kill(error, block=False)
        if not begun:
            self._resolve_links()

    def __await__(self) -> Generator[Any, Any, Any]:
        """For ``await`` in a coroutine that runs in this thread; a cancelled ``await`` kills it."""
        return wait_for(self).__await__()


def sleep(seconds: float = 0) -> None:
    """Let others run for ``seconds``. With 0: until all that is ready now, sockets included, has run once.

    In the hub 0 does nothing.
    """
    if seconds > 0:
        try:
            _sleep(seconds)
        except BlockingInHubError:
            raise RuntimeError("do not call blocking functions from the mainloop") from None
    elif getcurrent() is not get_hub().greenlet:
        _turn()


def _turn() -> None:
    """One turn of the loop as eventlet has it: what is ready, then who waited for a file that is ready."""
    hub = get_hub()
    hub.look_soon()
    _sleep(0)
    if hub.ready:
        _sleep(0)


def spawn(func: Callable[..., Any], *args: Any, **kwargs: Any) -> GreenThread:
    """Run ``func(*args, **kwargs)`` in a new green thread."""
    made = GreenThread(func, *args, **kwargs)
    made.start()
    return made


def spawn_n(func: Callable[..., Any], *args: Any, **kwargs: Any) -> greenlet:
    """As ``spawn``, in a bare greenlet, which cannot be waited for."""
    return spawn_raw(func, *args, **kwargs)


def spawn_after(seconds: float, func: Callable[..., Any], *args: Any, **kwargs: Any) -> GreenThread:
    """As ``spawn``, beginning ``seconds`` from now; ``cancel`` takes it back before."""
    made = GreenThread(func, *args, **kwargs)
    made.start_later(seconds)
    return made


def spawn_after_local(seconds: float, func: Callable[..., Any], *args: Any, **kwargs: Any) -> GreenThread:
    """As ``spawn_after``, unless the calling greenlet has ended by then."""
    made = GreenThread(func, *args, **kwargs)
    timer.LocalTimer(seconds, made.start).schedule()
    return made


def call_after_global(seconds: float, func: Callable[..., Any], *args: Any, **kwargs: Any) -> timer.Timer:
    """Deprecated: ``spawn_after``. Returns a timer."""
    warnings.warn("call_after_global is renamed to spawn_after", DeprecationWarning, stacklevel=2)
    return timer.Timer(seconds, spawn_n, func, *args, **kwargs).schedule()


def call_after_local(seconds: float, function: Callable[..., Any], *args: Any, **kwargs: Any) -> timer.Timer:
    """Deprecated: ``spawn_after_local``. Returns a timer."""
    warnings.warn("call_after_local is renamed to spawn_after_local", DeprecationWarning, stacklevel=2)
    return timer.LocalTimer(seconds, spawn_n, function, *args, **kwargs).schedule()


call_after = call_after_local


def exc_after(seconds: float | None, *throw_args: Any) -> timer.Timer:
    """Deprecated: ``Timeout``. Raise an exception in the calling greenlet ``seconds`` from now. Returns a timer."""
    warnings.warn("exc_after is deprecated; use Timeout(seconds, exception)", DeprecationWarning, stacklevel=2)
    if seconds is None:
        return timer.Timer(0, object)
    return timer.LocalTimer(seconds, get_hub().cancel, getcurrent(), thrown(throw_args)).schedule()


def thrown(throw_args: tuple[Any, ...]) -> BaseException:
    """The exception that the arguments of ``greenlet.throw`` name."""
    if not throw_args:
        return GreenletExit()
    kind, value, trace = (*throw_args, None, None)[:3]
    if isinstance(value, BaseException):
        kind = value
    elif isinstance(kind, type):
        kind = kind() if value is None else kind(*value) if isinstance(value, tuple) else kind(value)
    if not isinstance(kind, BaseException):
        raise TypeError(f"exceptions must be classes, or instances, not {type(kind).__name__}")
    return kind if trace is None else kind.with_traceback(trace)


def kill(g: Any, *throw_args: Any) -> None:
    """Raise GreenletExit, or what ``throw_args`` name, in a greenlet of this thread, and let it run.

    One that has not begun never does. Comes back when all that is ready has run once, though ``g`` may go on.
    """
    if g.dead:
        return
    error = thrown(throw_args)
    if g is getcurrent():
        raise error
    if isinstance(g, GreenThread):
        g.die(error)
    elif isinstance(g, Greenlet):
        g.kill(error, block=False)
    else:
        _kill(g, error)
    if getcurrent() is not get_hub().greenlet:
        _turn()


def cancel(g: Any, *throw_args: Any) -> None:
    """``kill``, only if it has not begun."""
    if not (g.begun() if isinstance(g, GreenThread) else g):
        kill(g, *throw_args)


async def wait_for(g: GreenThread) -> Any:
    """What the green thread returns, for a coroutine."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()

    def settle(ended: Greenlet[Any]) -> None:
        if future.done():
            return
        if ended.exception is not None:
            future.set_exception(ended.exception)
        elif isinstance(ended.value, GreenletExit):
            future.cancel()
        else:
            future.set_result(ended.value)

    g.rawlink(lambda ended: loop.call_soon_threadsafe(settle, ended))
    try:
        return await future
    except asyncio.CancelledError:
        if not g.ready():
            g.die(GreenletExit())
        raise


TimeoutError = wrap_deprecated("greenthread.TimeoutError", "Timeout")(Timeout)  # noqa: A001  (eventlet's name)
with_timeout = wrap_deprecated("greenthread.with_timeout", "with_timeout")(_with_timeout)

__all__ = [
    "GreenThread",
    "cancel",
    "getcurrent",
    "kill",
    "sleep",
    "spawn",
    "spawn_after",
    "spawn_after_local",
    "spawn_n",
]
