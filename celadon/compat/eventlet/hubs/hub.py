"""``eventlet.hubs.hub``: the methods that eventlet's hubs have, on Celadon's hub of the thread."""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet

from celadon.hub import get_hub, notify_closing, sleep
from celadon.hub.debug import hub_blocking_detection
from celadon.hub.lowlevel import watch

from ...switched import switch_to_loop
from . import timer

READ, WRITE = "read", "write"
#: eventlet's switch; here several greenlets may always wait for one file.
g_prevent_multiple_readers = True


class IOClosed(OSError):
    """What listens to a file was told that the file is closed."""


class FdListener:
    """A callback for a descriptor that is ready, until ``remove``."""

    def __init__(
        self, evtype: str, fileno: int, cb: Callable[[int], object], tb: Callable[..., object], mark_as_closed: Any
    ) -> None:
        if evtype not in (READ, WRITE):
            raise AssertionError(f"a listener is for {READ!r} or {WRITE!r}, not {evtype!r}")
        self.evtype = evtype
        self.fileno = fileno
        self.cb = cb
        self.tb = tb
        self.mark_as_closed = mark_as_closed
        #: True once the hub has let it go.
        self.spent = False
        self.greenlet = getcurrent()
        self._watch: Any = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.evtype!r}, {self.fileno!r}, {self.cb!r}, {self.tb!r})"

    def defang(self) -> None:
        """Call nobody any more."""
        self.spent = True
        if self.mark_as_closed is not None:
            self.mark_as_closed()

    def begin(self) -> None:
        """Listen."""
        ready = {"on_readable" if self.evtype == READ else "on_writable": self._ready}
        self._watch = watch(self.fileno, ref=True, **ready)

    def end(self) -> None:
        """Stop."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _ready(self) -> None:
        if not self.spent and self._watch is not None:
            self.cb(self.fileno)


class DebugListener(FdListener):
    """A listener that keeps where it was made."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.where_called = traceback.format_stack()

    def __repr__(self) -> str:
        return f"{super().__repr__()}\n{''.join(self.where_called)}EndDebugFdListener"


class _Waiting:
    """A greenlet that waits for a file, as ``get_readers`` shows it."""

    def __init__(self, evtype: str, fileno: int, who: greenlet) -> None:
        self.evtype = evtype
        self.fileno = fileno
        self.greenlet = who
        self.cb, self.tb = who.switch, who.throw

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.evtype!r}, {self.fileno!r}, {self.greenlet!r})"


class BaseHub:
    """A thread's hub, by eventlet's names. It runs by itself, as soon as a greenlet waits."""

    SYSTEM_EXCEPTIONS = (KeyboardInterrupt, SystemExit)
    READ, WRITE = READ, WRITE

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self.hub = get_hub()
        self.clock = self.hub.now if clock is None else clock
        self.lclass: type[FdListener] = FdListener
        self.debug_exceptions = True
        self._report = self.hub.exception_handler
        self._detecting = False
        self.debug_blocking_resolution: float = 1
        self._listeners: list[FdListener] = []
        self.stopping = False
        self._aborted = False

    @property
    def greenlet(self) -> greenlet:
        """The one that the loop runs in."""
        return self.hub.greenlet

    @property
    def running(self) -> bool:
        """Whether any greenlet has waited yet, and ``abort`` was not called."""
        return bool(self.hub.greenlet) and not self._aborted

    # -- switching

    def ensure_greenlet(self) -> None:
        """Nothing: the loop's greenlet lives as long as the hub."""

    def switch(self) -> Any:
        """Leave the calling greenlet until something switches back to it (``greenlet.switch``); returns the value."""
        if getcurrent() is self.hub.greenlet:
            raise AssertionError("Cannot switch to MAINLOOP from MAINLOOP")
        return switch_to_loop(self.hub)

    def abort(self, wait: bool = False) -> None:
        """Nothing that stops it: a loop ends with its thread. With ``wait`` others run once."""
        if wait:
            if getcurrent() is self.hub.greenlet:
                raise AssertionError("Can't abort with wait from inside the hub's greenlet.")
            sleep(0)
        self._aborted = True

    # -- calls

    def add_timer(self, made: timer.Timer) -> float:
        """Start a timer; returns when it is due, by ``clock``."""
        made.schedule()
        return self.clock() + made.seconds

    def timer_canceled(self, made: timer.Timer) -> None:
        """Nothing."""

    def schedule_call_global(self, seconds: float, cb: Callable[..., object], *args: Any, **kw: Any) -> timer.Timer:
        """Call ``cb`` in the hub ``seconds`` from now. It must not wait."""
        return timer.Timer(seconds, cb, *args, **kw).schedule()

    def schedule_call_local(self, seconds: float, cb: Callable[..., object], *args: Any, **kw: Any) -> timer.Timer:
        """As ``schedule_call_global``, unless the calling greenlet has ended by then."""
        return timer.LocalTimer(seconds, cb, *args, **kw).schedule()

    @property
    def timers(self) -> list[tuple[float, Any]]:
        """When, and what."""
        return [(when, one.callback) for when, _, one in self.hub.timers.heap if one.active]

    next_timers: tuple[Any, ...] = ()

    @property
    def timers_canceled(self) -> int:
        """How many that were cancelled take up room yet."""
        return self.hub.timers.dead

    def get_timers_count(self) -> int:
        """How many there are, those that were cancelled and take up room included."""
        return len(self.hub.timers.heap)

    # -- files

    def add(self, evtype: str, fileno: int, cb: Any, tb: Any, mark_as_closed: Any = None) -> FdListener:
        """Call ``cb(fileno)`` in the hub while the file is ready, until ``remove``; ``tb(error)`` if it is closed."""
        made = self.lclass(evtype, fileno, cb, tb, mark_as_closed)
        made.begin()
        self._listeners.append(made)
        return made

    def remove(self, listener: FdListener) -> None:
        """End what ``add`` began; nothing happens if it has ended."""
        listener.end()
        if listener in self._listeners:
            self._listeners.remove(listener)

    def remove_descriptor(self, fileno: int) -> None:
        """Call all listeners of a file once, and let them go."""
        for one in [one for one in self._listeners if one.fileno == fileno]:
            try:
                one.cb(fileno)
            except Exception:  # noqa: BLE001  (the program's)
                self.squelch_generic_exception(sys.exc_info())
            self.remove(one)

    def notify_close(self, fileno: int) -> None:
        """Wake who waits for a file that is about to be closed."""
        self.mark_as_reopened(fileno)

    def mark_as_reopened(self, fileno: int) -> None:
        """The number is another file by now: who listened or waited is told."""
        gone = [one for one in self._listeners if one.fileno == fileno]
        for one in gone:
            self.remove(one)
            one.defang()
            if not one.greenlet.dead:
                self.hub.call_soon(one.tb, IOClosed(errno.ENOTCONN, "Operation on closed file"))
        notify_closing(fileno)

    def get_readers(self) -> list[Any]:
        """Who waits for input."""
        return self._waiting(READ, "readers")

    def get_writers(self) -> list[Any]:
        """Who waits for room to write."""
        return self._waiting(WRITE, "writers")

    def _waiting(self, evtype: str, which: str) -> list[Any]:
        found = [(fd, getattr(entry, which, ())) for fd, entry in list(self.hub.fds.items())]
        bare: list[Any] = [_Waiting(evtype, fd, who) for fd, waiters in found for who in waiters]
        return bare + [one for one in self._listeners if one.evtype == evtype]

    # -- debugging

    def set_debug_listeners(self, value: bool) -> None:
        """Whether listeners keep where they were made."""
        self.lclass = DebugListener if value else FdListener

    def set_timer_exceptions(self, value: bool) -> None:
        """Whether exceptions that escape are printed on stderr."""
        self.debug_exceptions = value
        self.hub.exception_handler = self._report if value else lambda who, error: None

    def squelch_generic_exception(self, exc_info: Any) -> None:
        """Print it, unless that is switched off."""
        if self.debug_exceptions:
            traceback.print_exception(*exc_info)

    squelch_timer_exception = squelch_generic_exception

    @property
    def debug_blocking(self) -> bool:
        """Whether a call that blocks the loop for ``debug_blocking_resolution`` seconds is reported on stderr."""
        return self._detecting

    @debug_blocking.setter
    def debug_blocking(self, on: bool) -> None:
        self._detecting = on
        hub_blocking_detection(on, self.debug_blocking_resolution)


Hub = BaseHub

__all__ = ["READ", "WRITE", "BaseHub", "DebugListener", "FdListener", "Hub", "IOClosed"]
