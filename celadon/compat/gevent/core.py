"""``gevent.core``: the loop object of a hub, which makes watchers. The loop itself is Celadon's."""

from __future__ import annotations

import signal as _signal
import time
from collections.abc import Callable
from typing import Any

from celadon.hub import notify_closing, sleep, wait

from . import watchers
from ._hub_local import get_hub_noargs
from .watchers import READ, WRITE, async_, callback, check, child, fork, idle, io, prepare, stat, timer  # noqa: F401

EVENTS = READ | WRITE
NONE = 0
MINPRI, MAXPRI = -2, 2
BREAK_ONE, BREAK_ALL = 1, 2


def get_version() -> str:
    """What runs."""
    return "celadon"


get_header_version = get_version


def supported_backends() -> list[str]:
    """The one: which system call it uses is the environment's ``CELADON_POLLER``."""
    return ["celadon"]


recommended_backends = supported_backends


def embeddable_backends() -> list[str]:
    """None."""
    return []


class loop:  # noqa: N801  (gevent's name)
    """What ``get_hub().loop`` is. The watchers that it makes belong to that hub's thread."""

    MINPRI, MAXPRI = MINPRI, MAXPRI
    approx_timer_resolution = 0.00001
    starting_timer_may_update_loop_time = False
    error_handler: Any = None

    def __init__(self, flags: Any = None, default: bool | None = None, hub: Any = None) -> None:
        self.face = get_hub_noargs() if hub is None else hub
        self.hub = self.face.hub
        self._default = default

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__name__} at {id(self):#x} {self._format()}>"

    def _format(self) -> str:
        return "destroyed" if self.hub.closed else f"backend={self.backend}{' default' if self.default else ''}"

    @property
    def default(self) -> bool:
        """Whether it is the main thread's."""
        return bool(self.face.main_hub) and self._default is not False and not self.hub.closed

    default_loop = default

    @property
    def ptr(self) -> bool:
        """False once it was destroyed."""
        return not self.hub.closed

    WatcherType = watchers.watcher

    # -- watchers

    def io(self, fd: int, events: int, ref: bool = True, priority: int | None = None) -> Any:
        """See ``watchers.io``."""
        return watchers.io(self, fd, events, ref, priority)

    def timer(self, after: float, repeat: float = 0.0, ref: bool = True, priority: int | None = None) -> Any:
        """See ``watchers.timer``."""
        return watchers.timer(self, after, repeat, ref, priority)

    def signal(self, signum: int, ref: bool = True, priority: int | None = None) -> Any:
        """See ``watchers.signal``."""
        return watchers.signal(self, signum, ref, priority)

    def idle(self, ref: bool = True, priority: int | None = None) -> Any:
        """See ``watchers.idle``."""
        return watchers.idle(self, ref, priority)

    def prepare(self, ref: bool = True, priority: int | None = None) -> Any:
        """See ``watchers.prepare``."""
        return watchers.prepare(self, ref, priority)

    def check(self, ref: bool = True, priority: int | None = None) -> Any:
        """See ``watchers.check``."""
        return watchers.check(self, ref, priority)

    def fork(self, ref: bool = True, priority: int | None = None) -> Any:
        """See ``watchers.fork``."""
        return watchers.fork(self, ref, priority)

    def async_(self, ref: bool = True, priority: int | None = None) -> Any:
        """See ``watchers.async_``."""
        return watchers.async_(self, ref, priority)

    def child(self, pid: int, trace: int = 0, ref: bool = True) -> Any:
        """See ``watchers.child``."""
        return watchers.child(self, pid, trace, ref)

    def stat(self, path: Any, interval: float = 0.0, ref: bool = True, priority: int | None = None) -> Any:
        """See ``watchers.stat``."""
        return watchers.stat(self, path, interval, ref, priority)

    def install_sigchld(self) -> None:
        """Nothing: no handler of SIGCHLD is needed."""

    reset_sigchld = install_sigchld

    # -- callbacks

    def run_callback(self, func: Callable[..., object], *args: Any) -> callback:
        """Call ``func(*args)`` in the next turn. In the loop's thread."""
        if not callable(func):
            raise TypeError("Expected callable, not %r" % (func,))  # noqa: UP031
        made = callback(self.face, func, args)
        self.hub.call_soon(made.run)
        return made

    def run_callback_threadsafe(self, func: Callable[..., object], *args: Any) -> callback:
        """Call ``func(*args)`` in the next turn. From any thread."""
        made = callback(self.face, func, args)
        self.hub.call_soon_threadsafe(made.run)
        return made

    def closing_fd(self, fd: int) -> bool:
        """Stop the watchers of a number that is about to be closed."""
        notify_closing(fd)
        return True

    # -- the loop

    def run(self, nowait: bool = False, once: bool = False) -> None:
        """Wait until nothing is left to do; ``once`` or ``nowait``: for a turn. The loop runs by itself in any wait."""
        if nowait or once:
            sleep(0)
        else:
            wait()

    def break_(self, how: int = BREAK_ONE) -> None:
        """Nothing: see ``run``."""

    def verify(self) -> None:
        """Nothing to look at."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def update_now(self) -> None:
        """Nothing: ``now`` is never old."""

    update = update_now

    def ref(self) -> None:
        """Keep the loop from ending until ``unref``."""
        self.hub.holds += 1

    def unref(self) -> None:
        """See ``ref``."""
        self.hub.holds -= 1

    def reinit(self) -> None:
        """Nothing: a forked child's loop is new by itself."""

    def destroy(self) -> bool:
        """Destroy the hub; True the first time."""
        if self.hub.closed:
            return False
        self.face.destroy()
        return True

    @property
    def iteration(self) -> int:
        """How many turns there were."""
        return int(self.hub.turn)

    depth = 1
    backend = "celadon"
    backend_int = origflags_int = sigfd = 0
    origflags = flags = 0

    @property
    def activecnt(self) -> int:
        """How many waits, watches and timers there are."""
        return len(self.hub.fds) - 1 + len(self.hub.timers)

    @property
    def pendingcnt(self) -> int:
        """How many are ready to run."""
        return len(self.hub.ready)

    def fileno(self) -> int:
        """The poller's descriptor, or -1."""
        return int(self.hub.poller.fileno())

    @property
    def MAXSIGNAL(self) -> int:  # noqa: N802
        """The first number that is no signal."""
        return _signal.NSIG


setattr(loop, "async", loop.async_)  # a keyword now

__all__ = [
    "BREAK_ALL",
    "BREAK_ONE",
    "EVENTS",
    "MAXPRI",
    "MINPRI",
    "NONE",
    "READ",
    "WRITE",
    "callback",
    "embeddable_backends",
    "get_header_version",
    "get_version",
    "loop",
    "recommended_backends",
    "supported_backends",
]
