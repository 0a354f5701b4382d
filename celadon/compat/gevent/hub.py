"""``gevent.hub``: the greenlet that the loop runs in, with gevent's methods; waiting on watchers; signals."""

from __future__ import annotations

import sys
import time
import traceback
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

from celadon.compat.switched import switch_to_loop
from celadon.green import original
from celadon.hub import Hub as _Hub
from celadon.hub import LoopExit, SignalHandler, idle, sleep
from celadon.hub import wait as _wait
from celadon.hub.lowlevel import LoopGreenlet

from ._config import config
from ._hub_local import get_hub, get_hub_if_exists, set_default_hub_class, set_hub
from ._monitor import PeriodicMonitoringThread
from ._waiter import Waiter
from .core import loop as _Loop  # noqa: N812
from .events import PeriodicMonitorThreadStartedEvent, notify_and_call_entry_points
from .exceptions import HubDestroyed, InvalidSwitchError
from .greenlet import kill, spawn_raw
from .resolver import in_use
from .threadpool import ThreadPool

_MAIN: int = original("_thread", "get_ident")()  # of the thread that imports this: the main one, as in gevent
_get_hub = get_hub_if_exists


class _Interval:
    seconds = 0.005


def getswitchinterval() -> float:
    """What ``setswitchinterval`` was called with; it does not matter."""
    return _Interval.seconds


def setswitchinterval(seconds: float) -> None:
    """Kept: Celadon's turns are short by themselves."""
    _Interval.seconds = seconds


class signal(SignalHandler):  # noqa: N801  (gevent's name)
    """Run ``handler(*args, **kwargs)`` in a new greenlet whenever the signal comes, until ``cancel``."""

    def __init__(self, signalnum: int, handler: Any, *args: Any, **kwargs: Any) -> None:
        if not callable(handler):
            raise TypeError("signal handler must be callable.")
        super().__init__(signalnum, _guarded, (handler, args, kwargs), {})

    #: A handler does not keep the loop from ending.
    ref = False


signal_handler = signal


def _guarded(handler: Any, args: Any, kwargs: Any) -> None:
    """What a handler raises is raised in the main greenlet, as in gevent."""
    try:
        handler(*args, **kwargs)
    except BaseException:  # noqa: BLE001  (the hub's to report)
        get_hub().handle_error(None, *sys.exc_info())


def reinit(hub: Any = None) -> None:
    """Nothing: a forked child's hub is new by itself."""


class Hub(LoopGreenlet):
    """The greenlet in which this thread's loop runs. ``hub`` is Celadon's object for the same."""

    #: Raised in the main greenlet, whichever greenlet they came from.
    SYSTEM_ERROR: Any = (KeyboardInterrupt, SystemExit, SystemError)
    #: Not printed.
    NOT_ERROR: Any = (GreenletExit, SystemExit)
    threadpool_size = 10
    periodic_monitoring_thread: Any = None
    name = ""
    threadpool_class = ThreadPool
    loop_class = _Loop
    backend = None
    _loop: Any = None
    _threadpool: Any = None
    _resolver: Any = None

    def adopted(self) -> None:
        """This greenlet of the loop has just become gevent's hub."""
        self.hub.exception_handler = self._failed
        self.hub.on_close(self._closed)
        if config.monitor_thread:  # not at once: the program may be about to set something on this hub
            self.hub.call_soon(self.start_periodic_monitoring_thread)

    def _failed(self, who: greenlet | None, error: BaseException) -> None:
        self.handle_error("hub callback" if who is None else who, type(error), error, error.__traceback__)

    def _closed(self) -> None:
        self._loop = None
        self._threadpool = self._resolver = None

    def __repr__(self) -> str:
        loop = self.loop
        info = "destroyed" if loop is None else loop._format()
        return f"<{type(self).__name__} {self.name!r} at {id(self):#x} {info} thread_ident={self.thread_ident:#x}>"

    @property
    def thread_ident(self) -> int:
        """Its thread's."""
        return int(self.hub.thread_ident)

    @property
    def main_hub(self) -> bool:
        """Whether it is the main thread's."""
        return self.thread_ident == _MAIN

    @property
    def minimal_ident(self) -> int:
        """0 for the main thread's hub, a number else."""
        return 0 if self.main_hub else self.thread_ident

    @property
    def loop(self) -> Any:
        """What makes watchers; None once it was destroyed."""
        if self._loop is None and not self.hub.closed:
            self._loop = self.loop_class(hub=self)
        return self._loop

    @loop.setter
    def loop(self, loop: Any) -> None:
        self._loop = loop

    @property
    def threadpool(self) -> Any:
        """Threads for calls that block."""
        if self._threadpool is None:
            self._threadpool = self.threadpool_class(self.threadpool_size)
        return self._threadpool

    @threadpool.setter
    def threadpool(self, pool: Any) -> None:
        self._threadpool = pool

    @threadpool.deleter
    def threadpool(self) -> None:
        self._threadpool = None

    @property
    def resolver(self) -> Any:
        """Who looks names up; what is set here is used by the process."""
        return in_use() if self._resolver is None else self._resolver

    @resolver.setter
    def resolver(self, resolver: Any) -> None:
        self._resolver = resolver
        in_use(resolver)

    @resolver.deleter
    def resolver(self) -> None:
        self._resolver = None

    @property
    def resolver_class(self) -> Any:
        """The class that the configuration names."""
        return config.resolver

    format_context = staticmethod(config.format_context)

    # -- switching

    def switch(self, *args: Any, **kwargs: Any) -> Any:
        """Leave the calling greenlet until something switches back to it (``greenlet.switch``); returns the value."""
        me = getcurrent()
        if args or kwargs or me is self:
            return greenlet.switch(self, *args, **kwargs)
        return switch_to_loop(self.hub)

    def switch_out(self) -> None:
        """AssertionError: the hub's own greenlet cannot wait."""
        raise AssertionError("Impossible to call blocking function in the event loop callback")

    def wait(self, watcher: Any) -> None:
        """Wait until the watcher's event."""
        waiter = Waiter(self)
        watcher.start(waiter.switch, waiter)
        try:
            result = waiter.get()
            if result is not waiter:
                raise InvalidSwitchError(getcurrent())
        finally:
            watcher.stop()

    def cancel_wait(self, watcher: Any, error: BaseException, close_watcher: bool = False) -> None:
        """Raise ``error`` in the greenlet that is in ``wait`` for the watcher, in the next turn."""
        if watcher is None:
            return
        if watcher.callback is not None:
            self.loop.run_callback(self._cancel_wait, watcher, error, close_watcher)
        elif close_watcher:
            watcher.close()

    def _cancel_wait(self, watcher: Any, error: BaseException, close_watcher: bool) -> None:
        callback = watcher.callback if watcher.active or watcher.pending else None
        if close_watcher:
            watcher.close()
        who = getattr(callback, "__self__", None)
        if isinstance(who, Waiter):
            who.throw(error)

    def cancel_waits_close_and_then(
        self, watchers: Any, exc_kind: Any, then: Any, *then_args: Any, **then_kwargs: Any
    ) -> None:
        """``cancel_wait`` and close of several, then a call, all in the next turn."""

        def together() -> None:
            for watcher in watchers:
                self._cancel_wait(watcher, exc_kind, True)
            then(*then_args, **then_kwargs)

        self.loop.run_callback(together)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until nothing is left that could wake a greenlet, at most ``timeout`` seconds; True if so."""
        if getcurrent() is not self.parent:
            raise AssertionError("only possible from the MAIN greenlet")
        return True if self.dead else bool(_wait(timeout=timeout))

    def destroy(self, destroy_loop: bool | None = None) -> None:
        """Give back what it holds; the thread's next wait makes a new hub. Only in the thread's main greenlet."""
        if self.periodic_monitoring_thread is not None:
            self.periodic_monitoring_thread.kill()
            self.periodic_monitoring_thread = None
        if self._threadpool is not None:
            self._threadpool.kill()
            self._threadpool = None
        if not self.hub.closed:
            self.hub.destroy()
        self._closed()

    # -- errors

    def _normalize_exception(self, t: Any, v: Any, tb: Any) -> tuple[Any, Any, Any]:
        if (t, v, tb) == (None, None, None):
            t, v, tb = sys.exc_info()
        if t is not None and (v is None or isinstance(v, str)):
            v = t(v) if v is not None else t()
        return t, v, tb

    def handle_error(self, context: Any, type: Any, value: Any, tb: Any) -> None:
        """An exception escaped in ``context`` (a greenlet, a watcher; None: raise it in the main greenlet as well).

        A program may set another function with these arguments on its hub.
        """
        kind, error, trace = self._normalize_exception(type, value, tb)
        if not issubclass(kind, self.NOT_ERROR):
            self.print_exception(context, kind, error, trace)
        if context is None or issubclass(kind, self.SYSTEM_ERROR):
            self.handle_system_error(kind, error, trace)

    def handle_system_error(self, type: Any, value: Any, tb: Any = None) -> None:
        """Raise it in the main greenlet."""
        _, error, trace = self._normalize_exception(type, value, tb)
        hub = self.hub
        if hub.closed or getcurrent() is hub.main:
            raise error.with_traceback(trace)
        hub.cancel(hub.main, error, sys.maxsize)

    @property
    def exception_stream(self) -> Any:
        """Where errors are printed: ``sys.stderr`` unless set; None: nowhere."""
        return self.__dict__.get("_exception_stream", sys.stderr)

    @exception_stream.setter
    def exception_stream(self, stream: Any) -> None:
        self.__dict__["_exception_stream"] = stream

    @exception_stream.deleter
    def exception_stream(self) -> None:
        self.__dict__.pop("_exception_stream", None)

    def print_exception(self, context: Any, t: Any, v: Any, tb: Any) -> None:
        """The traceback, then the time and ``context``, on ``exception_stream``."""
        stream = self.exception_stream
        if not stream:
            return
        t, v, tb = self._normalize_exception(t, v, tb)
        lines = [*traceback.format_exception(t, v, tb), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())]
        if context is not None:
            if not isinstance(context, str):
                try:
                    context = self.format_context(context)
                except Exception:  # noqa: BLE001  (the program's)
                    lines.append(traceback.format_exc())
                    context = repr(context)
            lines.append(f" {context} failed with {getattr(t, '__name__', 'exception')}\n")
        stream.write("".join(lines) + "\n")

    def start_periodic_monitoring_thread(self) -> Any:
        """Begin to monitor this hub, if ``config.monitor_thread`` is set; returns the monitor, or None."""
        if self.periodic_monitoring_thread is None and config.monitor_thread:
            self.periodic_monitoring_thread = monitor = PeriodicMonitoringThread(self)
            if self.main_hub:
                monitor.install_monitor_memory_usage()
            monitor.start()
            notify_and_call_entry_points(PeriodicMonitorThreadStartedEvent(monitor))
        return self.periodic_monitoring_thread


set_default_hub_class(Hub)


def _fail(who: greenlet | None, error: BaseException) -> None:
    """The first failure in a thread that has not asked for its hub yet: the Hub's class says what becomes of it."""
    get_hub()._failed(who, error)


def _in_place() -> None:
    """The program imports gevent and gets this: failures go by ``Hub``, also before anybody has called ``get_hub``."""
    _Hub.first_exception_handler = staticmethod(_fail)  # type: ignore[method-assign]
    get_hub_if_exists()


def _monitor(wanted: bool) -> None:
    """``config.monitor_thread`` was set: the hub of this thread is monitored from its next turn on."""
    if wanted:
        hub = get_hub()
        hub.hub.call_soon(hub.start_periodic_monitoring_thread)


config.when_set("monitor_thread", _monitor)


class linkproxy:  # noqa: N801  (gevent's name)
    """A link that is given ``obj`` in place of the source, once."""

    __slots__ = ("callback", "obj")

    def __init__(self, callback: Any, obj: Any) -> None:
        self.callback = callback
        self.obj = obj

    def __call__(self, *args: Any) -> None:
        callback, obj = self.callback, self.obj
        self.callback = self.obj = None
        callback(obj)


__all__ = [
    "GreenletExit",
    "Hub",
    "HubDestroyed",
    "LoopExit",
    "Waiter",
    "get_hub",
    "getcurrent",
    "idle",
    "kill",
    "linkproxy",
    "reinit",
    "set_hub",
    "signal",
    "sleep",
    "spawn_raw",
]
