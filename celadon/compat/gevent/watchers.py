"""libev's watchers by gevent's names, over Celadon's loop: callbacks for fds, times, children, signals and files."""

from __future__ import annotations

import os
import signal as _signal
import sys
from collections.abc import Callable
from typing import Any

from celadon.hub import Hub, spawn_raw, wait_pid
from celadon.hub.lowlevel import Watch, watch

READ, WRITE = 1, 2
_ERROR = 0x80000000
_getsignal, _set_signal = _signal.getsignal, _signal.signal


class callback:  # noqa: N801  (gevent's name)
    """One call in the loop's next turn; ``stop`` takes it back."""

    __slots__ = ("__weakref__", "_face", "args", "callback")

    def __init__(self, face: Any, function: Callable[..., object], args: Any) -> None:
        self._face = face
        self.callback: Callable[..., object] | None = function
        self.args: tuple[Any, ...] | None = args

    def __bool__(self) -> bool:
        return self.args is not None

    @property
    def pending(self) -> bool:
        """Whether it is still to come."""
        return self.callback is not None

    def stop(self) -> None:
        """Do not call."""
        self.callback = self.args = None

    close = stop

    def run(self) -> None:
        """For the loop."""
        function, args = self.callback, self.args
        self.callback = None
        if function is None:
            return
        try:
            function(*(args or ()))
        except BaseException:  # noqa: BLE001  (the hub's to report)
            self._face.handle_error(self, *sys.exc_info())
        finally:
            self.args = None

    def __repr__(self) -> str:
        state = "pending" if self.pending else "stopped"
        return f"<callback at {id(self):#x} {state} {self.callback!r} {self.args!r}>"


class watcher:  # noqa: N801  (gevent's name)
    """What all watchers share. ``start`` and ``close`` are a pair; ``with`` closes."""

    _what = ""

    def __init__(self, loop: Any, ref: bool = True, priority: int | None = None) -> None:
        self.loop = loop
        self._hub: Hub = loop.hub
        self._face = loop.face
        self._ref = bool(ref)
        self._active = False
        self._fed = 0
        self._callback: Callable[..., object] | None = None
        self._args: tuple[Any, ...] | None = None
        self._priority = 0 if priority is None else priority

    def __repr__(self) -> str:
        more = "" if self._callback is None else f" callback={self._callback!r}"
        state = f"{' active' if self.active else ''}{' pending' if self.pending else ''}"
        return f"<{type(self).__name__} at {id(self):#x}{self._format()}{state}{more}>"

    def _format(self) -> str:
        return ""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    # -- what kinds define

    def _arm(self) -> None:
        raise NotImplementedError

    def _disarm(self) -> None:
        raise NotImplementedError

    # -- what all have

    @property
    def callback(self) -> Callable[..., object] | None:
        """What is called."""
        return self._callback

    @callback.setter
    def callback(self, function: Callable[..., object] | None) -> None:
        if function is not None and not callable(function):
            raise TypeError(f"Expected callable, not {function!r}")
        self._callback = function

    @property
    def args(self) -> tuple[Any, ...] | None:
        """What it is called with."""
        return self._args

    @args.setter
    def args(self, args: tuple[Any, ...] | None) -> None:
        if args is not None and not isinstance(args, tuple):
            raise TypeError(f"args must be a tuple or None, not {args!r}")
        self._args = args

    @property
    def priority(self) -> int:
        """Kept, and does not matter; AttributeError while it is active."""
        return self._priority

    @priority.setter
    def priority(self, priority: int) -> None:
        if self.active:
            raise AttributeError("Cannot set priority of an active watcher")
        self._priority = priority

    @property
    def active(self) -> bool:
        """Whether it was started, and not stopped since."""
        return self._active

    @property
    def pending(self) -> bool:
        """Whether its callback is about to be called."""
        return self._fed > 0

    @property
    def ref(self) -> bool:
        """Whether it keeps the loop from ending while it is active."""
        return self._ref

    @ref.setter
    def ref(self, ref: bool) -> None:
        ref = bool(ref)
        if ref != self._ref:
            if self._active:
                self._hold(-1)
            self._ref = ref
            if self._active:
                self._hold(1)

    def _hold(self, more: int) -> None:
        if self._ref and not self._hub.closed:
            self._hub.holds += more

    def start(self, callback: Callable[..., object], *args: Any) -> None:
        """Call ``callback(*args)`` at each event from now on."""
        if callback is None:
            raise TypeError("callback must be callable, not None")
        self.callback = callback
        self.args = args
        if not self._active:
            if self._hub.closed:
                raise ValueError("operation on destroyed loop")
            self._active = True
            self._hold(1)
            try:
                self._arm()
            except BaseException:
                self.stop()
                raise

    def stop(self) -> None:
        """No calls any more."""
        active, self._active = self._active, False
        self._callback = None
        self.args = None
        self._fed = 0
        if active and not self._hub.closed:
            self._hold(-1)
            self._disarm()

    def close(self) -> None:
        """``stop``."""
        self.stop()

    def feed(self, revents: int, callback: Callable[..., object], *args: Any) -> None:
        """Call ``callback(*args)`` as if there had been an event."""
        self.callback = callback
        self.args = args
        self._came(revents)

    def _came(self, revents: int = 0) -> None:
        """In the loop: there was an event."""
        self._fed += 1
        self._hub.call_soon(self._call, revents)

    def _call(self, revents: int = 0) -> None:
        if not self._fed:
            return  # stopped meanwhile
        self._fed -= 1
        function, args = self._callback, self.args
        if function is not None:
            try:
                function(*self._arguments(args or (), revents))
            except BaseException:  # noqa: BLE001  (the hub's to report)
                self._face.handle_error(self, *sys.exc_info())
            if not self._active and not self._fed:
                self._callback = self._args = None

    def _arguments(self, args: Any, revents: int) -> Any:
        return args

    def _once(self) -> None:
        """It has done what it was started for."""
        if self._active:
            self._active = False
            self._hold(-1)


class io(watcher):  # noqa: N801  (gevent's name)
    """``fd`` is ready for ``events`` (READ, WRITE). Called again as long as it is."""

    def __init__(self, loop: Any, fd: int, events: int, ref: bool = True, priority: int | None = None) -> None:
        if fd < 0:
            raise ValueError(f"fd must be non-negative: {fd!r}")
        if events & ~(READ | WRITE) or not events:
            raise ValueError(f"illegal event mask: {events!r}")
        super().__init__(loop, ref, priority)
        self._fd = fd
        self._events = events
        self._watch: Watch | None = None
        self._pass_events = False

    def _format(self) -> str:
        return f" fd={self._fd} events={self.events_str}"

    @property
    def events_str(self) -> str:
        """The events as text."""
        return "|".join(name for bit, name in ((READ, "READ"), (WRITE, "WRITE")) if self._events & bit)

    @property
    def fd(self) -> int:
        """The descriptor; it may be set while the watcher is stopped."""
        return self._fd

    @fd.setter
    def fd(self, fd: int) -> None:
        self._refuse_while_active("fd")
        self._fd = fd

    @property
    def events(self) -> int:
        """What is waited for; it may be set while the watcher is stopped."""
        return self._events

    @events.setter
    def events(self, events: int) -> None:
        self._refuse_while_active("events")
        self._events = events

    def _refuse_while_active(self, what: str) -> None:
        if self.active:
            raise AttributeError(f"'io' watcher attribute {what!r} is read-only while watcher is active")

    def start(self, callback: Callable[..., object], *args: Any, pass_events: bool = False) -> None:
        """As of all watchers; with ``pass_events`` the events that came are the first argument."""
        self._pass_events = pass_events
        super().start(callback, *args)

    def _arm(self) -> None:
        self._watch = watch(
            self._fd,
            (lambda: self._ready(READ)) if self._events & READ else None,
            (lambda: self._ready(WRITE)) if self._events & WRITE else None,
        )

    def _disarm(self) -> None:
        found, self._watch = self._watch, None
        if found is not None:
            found.close()

    def _ready(self, revents: int) -> None:
        self._fed += 1
        self._call(revents)

    def _arguments(self, args: Any, revents: int) -> Any:
        return (revents, *args) if self._pass_events or (args and args[0] is _EVENTS) else args


#: As the first argument of ``start``: the events that came are passed in its place.
_EVENTS = object()


class timer(watcher):  # noqa: N801  (gevent's name)
    """``after`` seconds from its start, then each ``repeat`` seconds (0: once)."""

    def __init__(
        self, loop: Any, after: float = 0.0, repeat: float = 0.0, ref: bool = True, priority: int | None = None
    ) -> None:
        if repeat < 0:
            raise ValueError(f"repeat must be positive or zero: {repeat!r}")
        super().__init__(loop, ref, priority)
        self.after = after
        self.repeat = repeat
        self._timer: Any = None

    def _format(self) -> str:
        return f" after={self.after} repeat={self.repeat}"

    @property
    def at(self) -> float:
        """When it is due, in the time of ``loop.now``."""
        left = 0.0 if self._timer is None else self._timer.when - self._hub.now()
        return float(self.loop.now() + left)

    def start(self, callback: Callable[..., object], *args: Any, update: bool = True) -> None:
        """As of all watchers; ``update`` does not matter: each start counts from now."""
        super().start(callback, *args)

    def again(self, callback: Callable[..., object], *args: Any, update: bool = True) -> None:
        """Count ``repeat`` seconds from now on."""
        if self._active:
            self._disarm()
        self.callback = callback
        self.args = args
        if not self._active:
            self._active = True
            self._hold(1)
        self._set(self.repeat)

    def _hold(self, more: int) -> None:
        """A timer that runs holds the loop by itself; its kind follows ``ref``."""
        if self._timer is not None:
            left = self._timer.when - self._hub.now()
            self._disarm()
            self._set(left)

    def _arm(self) -> None:
        self._set(self.after)

    def _set(self, seconds: float) -> None:
        timers = self._hub.timers
        add = timers.add if self._ref else timers.add_loose
        self._timer = add(self._hub.now() + max(seconds, 0), self._due)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self._timer = None
        if self.repeat:
            self._set(self.repeat)
        else:
            self._once()
        self._came()


class async_(watcher):  # noqa: N801  (gevent's name)
    """``send`` in any thread has the callback called in the loop's."""

    _sent = False

    def _arm(self) -> None:
        pass

    def _disarm(self) -> None:
        self._sent = False

    @property
    def pending(self) -> bool:
        """Whether it was sent, and the callback has not been called since."""
        return self._sent

    def send(self) -> None:
        """Have the callback called, once, however often this is called before."""
        if not self._sent and not self._hub.closed:
            self._sent = True
            self._hub.call_soon_threadsafe(self._received)

    def send_ignoring_arg(self, _: object) -> None:
        """``send``, as a link."""
        self.send()

    def _received(self) -> None:
        if self._sent:
            self._sent = False
            if self._active:
                self._fed += 1
                self._call()


class child(watcher):  # noqa: N801  (gevent's name)
    """The child ``pid`` has ended and was waited for: ``rpid``, ``rstatus``. Only on the main thread's loop."""

    def __init__(self, loop: Any, pid: int, trace: int = 0, ref: bool = True) -> None:
        if not loop.default:
            raise TypeError("child watchers are only available on the default loop")
        super().__init__(loop, ref)
        self._pid = pid
        self.rpid = self.rstatus = 0
        self._waiting: Any = None

    def _format(self) -> str:
        return f" pid={self._pid} rstatus={self.rstatus}"

    @property
    def pid(self) -> int:
        """Which child; 0 for any."""
        return self._pid

    def _arm(self) -> None:
        self._waiting = spawn_raw(self._wait)

    def _disarm(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.throw()

    def _wait(self) -> None:
        try:
            self.rpid, self.rstatus = wait_pid(self._pid or -1)
        except ChildProcessError:  # somebody else waited for it
            self.rpid, self.rstatus = self._pid, 0
        self._waiting = None
        self._once()
        self._came()


class signal(watcher):  # noqa: N801  (gevent's name)
    """The signal ``signum`` came."""

    def __init__(self, loop: Any, signum: int, ref: bool = True, priority: int | None = None) -> None:
        if not 1 <= signum < _signal.NSIG:
            raise ValueError(f"illegal signal number: {signum!r}")
        super().__init__(loop, ref, priority)
        self._signum = signum
        self._before: Any = None

    def _format(self) -> str:
        return f" signum={self._signum}"

    def _arm(self) -> None:
        self._before = _getsignal(self._signum)
        _set_signal(self._signum, self._signalled)

    def _disarm(self) -> None:
        before, self._before = self._before, None
        if _getsignal(self._signum) == self._signalled:
            _set_signal(self._signum, _signal.SIG_DFL if before is None else before)

    def _signalled(self, number: int, frame: object) -> None:
        if not self._hub.closed:
            self._hub.call_soon_threadsafe(self._came)


class idle(watcher):  # noqa: N801  (gevent's name)
    """Nothing else is ready to run."""

    def _arm(self) -> None:
        self._hub.call_soon(self._look)

    def _disarm(self) -> None:
        pass

    def _look(self) -> None:
        if not self._active:
            return
        if not self._hub.ready:
            self._fed += 1
            self._call()
        if self._active:
            self._hub.call_soon(self._look)


class _Turn(watcher):
    """Called once in each turn that the loop makes while it is active; it makes one at least every 50 ms."""

    _timer: Any = None

    def _arm(self) -> None:
        self._hub.call_soon(self._turn)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _turn(self) -> None:
        if self._active:
            self._fed += 1
            self._call()
        if self._active:
            self._timer = self._hub.timers.add_loose(self._hub.now() + 0.05, self._turn)


class prepare(_Turn):  # noqa: N801  (gevent's name)
    """Before the loop sleeps."""


class check(_Turn):  # noqa: N801  (gevent's name)
    """After the loop has slept."""


class fork(watcher):  # noqa: N801  (gevent's name)
    """This is a forked child."""

    def _arm(self) -> None:
        _forks.append(self)

    def _disarm(self) -> None:
        _forks.remove(self)


_forks: list[fork] = []


def _after_fork_in_child() -> None:
    for one in _forks:
        if not one._hub.closed:
            one._hub.holds += one._ref  # the hub has forgotten it
            one._came()


os.register_at_fork(after_in_child=_after_fork_in_child)


class stat(watcher):  # noqa: N801  (gevent's name)
    """What ``os.stat(path)`` says has changed, looked up each ``interval`` seconds: ``attr`` now, ``prev`` before."""

    def __init__(
        self, loop: Any, path: Any, interval: float = 0.0, ref: bool = True, priority: int | None = None
    ) -> None:
        super().__init__(loop, ref, priority)
        self.path = os.fsdecode(path)
        self.interval = interval
        self.attr = self.prev = self._now()
        self._timer: Any = None

    def _now(self) -> os.stat_result | None:
        try:
            return os.stat(self.path)
        except OSError:
            return None

    def _arm(self) -> None:
        if self.interval <= 0:  # no wish; libev's own choice is a tenth of a second at the least
            self.interval = 0.1
        self.attr = self._now()
        self._timer = self._hub.timers.add_loose(self._hub.now() + self.interval, self._look)

    def _disarm(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        self._timer = self._hub.timers.add_loose(self._hub.now() + self.interval, self._look)
        now = self._now()
        if now != self.attr:
            self.prev, self.attr = self.attr, now
            self._came()


__all__ = [
    "READ",
    "WRITE",
    "async_",
    "callback",
    "check",
    "child",
    "fork",
    "idle",
    "io",
    "prepare",
    "signal",
    "stat",
    "timer",
    "watcher",
]
