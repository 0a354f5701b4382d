"""The loop: phases that run what is ready, sleep in the kernel, and turn events and deadlines into ready work.

This is the only code that switches *into* greenlets (``park`` holds the only code that switches out). The
loop knows nothing of sockets, locks or names: it has a queue of ready work, a table of who is parked, timers,
a poller and a wake-up, each an object of its own without a greenlet inside.

A turn runs only what was ready when it began, so work that keeps making itself ready starves nobody. While
there is ready work the kernel is asked at most every millisecond: asking costs as much as a switch.
"""

from __future__ import annotations

import _thread
import os
import sys
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakSet

from greenlet import GreenletExit, getcurrent, greenlet

from .clock import monotonic
from .errors import HubClosedError, LoopExit, WokenTwiceError
from .poller import EDGE, READ, Poller, default_poller
from .timers import Timer, Timers
from .wakeup import Wakeup

AnyGreenlet = greenlet
Abort = Callable[[], object]
ExceptionHandler = Callable[[greenlet | None, BaseException], None]

# How long ready work may keep the loop from looking at the kernel and the timers, in seconds.
_LOOK_EVERY = 0.001


class FdEntry(Protocol):
    """What stands in ``Hub.fds``: told by the loop what the poller saw. Must not run foreign code."""

    def fire(self, mask: int) -> None: ...

    def closing(self) -> None: ...


def _call(work: tuple[Callable[..., object], tuple[Any, ...]]) -> None:
    function, args = work
    function(*args)


def _nothing(_: object) -> None:
    """Stands in the ready queue for work that a forked child must not do."""


def report(who: greenlet | None, error: BaseException) -> None:
    """The default exception handler: the traceback and the greenlet's str() on stderr, and the program goes on."""
    stream = sys.stderr
    if stream is None:
        return
    try:
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        stream.write("".join(lines))
        stream.write(f"{who if who is not None else 'hub callback'} failed with {type(error).__name__}\n\n")
    except Exception as second:  # a __str__ of the user's that raises: say that much, and go on
        stream.write(f"{type(error).__name__} in {object.__repr__(who)}, whose report failed: {second!r}\n")


class Hub:
    """One thread's loop. ``get_hub()`` makes it at the first wait; it goes with its thread.

    Only ``call_soon_threadsafe`` may be called from other threads.
    """

    __slots__ = (
        "__weakref__",
        "_closers",
        "_incoming",
        "_next_look",
        "_wakeup",
        "closed",
        "exception_handler",
        "fds",
        "greenlet",
        "holds",
        "io_waiters",
        "main",
        "now",
        "parked",
        "pending",
        "poller",
        "ready",
        "switch",
        "thread_ident",
        "timers",
        "vars",
    )

    def __init__(self, poller: Poller | None = None) -> None:
        self.thread_ident = _thread.get_ident()
        #: (function, argument) pairs, run in order; for a greenlet its bound ``switch`` or ``throw``.
        self.ready: deque[tuple[Callable[[Any], object], Any]] = deque()
        #: Who waits, and how to undo what would wake it. Only park, unpark and cancel touch it.
        self.parked: dict[greenlet, Abort] = {}
        #: Errors for greenlets that were running or ready when they were cancelled; raised at their next park.
        self.pending: dict[greenlet, list[BaseException]] = {}
        self.timers = Timers()
        self.fds: dict[int, FdEntry] = {}
        #: How many greenlets wait for an fd, and how many results are awaited from other threads: both keep
        #: the loop waiting where otherwise it would raise LoopExit.
        self.io_waiters = 0
        self.holds = 0
        self.now = monotonic
        #: Hub-local variables; each key is owned by the module that made it.
        self.vars: dict[object, Any] = {}
        self.exception_handler: ExceptionHandler = report
        self.closed = False
        self._closers: list[Callable[[], object]] = []
        self._incoming: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._next_look = 0.0
        current = getcurrent()
        while current.parent is not None:
            current = current.parent
        #: The thread's own greenlet: the one that LoopExit, Ctrl-C and SystemExit go to.
        self.main = current
        self.poller = poller if poller is not None else default_poller()
        self._wakeup = Wakeup()
        self._watch_wakeup()
        self.greenlet = greenlet(self._run, self.main)
        #: The one way out of a greenlet; only ``park`` and ``sleep`` call it.
        self.switch: Callable[[], Any] = self.greenlet.switch

    def __repr__(self) -> str:
        return (
            f"<Hub of thread {self.thread_ident:#x}: {len(self.parked)} parked, {len(self.ready)} ready, "
            f"{len(self.timers)} timers, {len(self.fds) - 1} fds>"
        )

    # -- scheduling ----------------------------------------------------------------------------------------

    def call_soon(self, function: Callable[..., object], *args: object) -> None:
        """Call ``function(*args)`` in the loop's next turn. It must not park."""
        self.ready.append((_call, (function, args)))

    def call_later(self, seconds: float, function: Callable[..., object], *args: object) -> Timer:
        """Call ``function(*args)`` in the loop ``seconds`` from now, unless it is cancelled. It must not park."""
        return self.timers.add(self.now() + seconds, function, args)

    def call_soon_threadsafe(self, function: Callable[..., object], *args: object) -> None:
        """As ``call_soon``, from any thread or signal handler. Raises HubClosedError when the hub is gone.

        A pending call does not hold the loop open by itself: count ``holds`` in the hub's own thread for that.
        """
        if self.closed:
            raise HubClosedError(f"{self!r} is closed: its thread has ended")
        self._incoming.append((function, args))
        self._wakeup.send()

    def on_close(self, function: Callable[[], object]) -> None:
        """Call ``function()`` when the hub is torn down with its thread. A forked child forgets it silently."""
        self._closers.append(function)

    def unpark(self, waiter: greenlet, value: object = None) -> None:
        """Make a parked greenlet ready; its ``park`` returns ``value``. WokenTwiceError if it is not parked here."""
        try:
            del self.parked[waiter]
        except KeyError:
            raise WokenTwiceError(f"{waiter!r} is not parked in {self!r}") from None
        self.ready.append((waiter.switch, value))

    def unpark_error(self, waiter: greenlet, error: BaseException) -> None:
        """Make a parked greenlet ready; its ``park`` raises ``error``. WokenTwiceError if it is not parked here."""
        try:
            del self.parked[waiter]
        except KeyError:
            raise WokenTwiceError(f"{waiter!r} is not parked in {self!r}") from None
        self.ready.append((waiter.throw, error))

    def cancel(self, victim: greenlet, error: BaseException) -> None:
        """Raise ``error`` in ``victim``: at once if it is parked (its wait is undone), else when it next parks."""
        abort = self.parked.pop(victim, None)
        if abort is not None:
            abort()
            self.ready.append((victim.throw, error))
        else:
            self.pending.setdefault(victim, []).append(error)

    def withdraw(self, victim: greenlet, error: BaseException) -> None:
        """Take back an error that ``cancel`` left pending (its Timeout ended before it was noticed)."""
        errors = self.pending.get(victim)
        if errors is not None and error in errors:
            errors.remove(error)
            if not errors:
                del self.pending[victim]

    def take_pending(self, victim: greenlet) -> BaseException | None:
        """The first pending error of ``victim``, taken out."""
        errors = self.pending.get(victim)
        if errors is None:
            return None
        error = errors.pop(0)
        if not errors:
            del self.pending[victim]
        return error

    # -- the loop ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            try:
                self._turns()
            except GreenletExit:
                return
            except LoopExit:
                raise
            except BaseException as error:
                self._failed(None, error)

    def _turns(self) -> None:
        ready = self.ready
        popleft = ready.popleft
        while True:
            for _ in range(len(ready)):
                function, argument = popleft()
                function(argument)
            if not ready:
                self._look(self._timeout())
            elif self.now() >= self._next_look:
                self._look(0)

    def _timeout(self) -> float | None:
        """How long nothing needs to be done; None for until something comes from outside."""
        timers = self.timers
        if timers.heap:
            deadline = timers.next_deadline()
            if deadline is not None:
                return max(deadline - self.now(), 0)
        if self.holds or self.io_waiters or self._incoming:
            return None
        error = LoopExit(self._dead_end())
        if self.main not in self.parked:
            raise error
        self.cancel(self.main, error)
        return 0

    def _look(self, timeout: float | None) -> None:
        ready = self.ready
        fds = self.fds
        for fd, mask in self.poller.poll(timeout):
            entry = fds.get(fd)
            if entry is not None:
                entry.fire(mask)
            else:
                # Closed behind our back, while a dup keeps the kernel's side alive.
                self.poller.remove(fd)
        now = self.now()
        self._next_look = now + _LOOK_EVERY
        heap = self.timers.heap
        if heap and heap[0][0] <= now:
            for timer in self.timers.expire(now):
                ready.append((timer.fire, None))

    def _dead_end(self) -> str:
        waiting = "; ".join(f"{who} waits on {describe(abort)}" for who, abort in list(self.parked.items())[:10])
        more = f"; and {len(self.parked) - 10} more" if len(self.parked) > 10 else ""
        return f"this would wait for ever: no timer, fd or thread is left that could wake anyone ({waiting}{more})"

    def _failed(self, who: greenlet | None, error: BaseException) -> None:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self.cancel(self.main, error)
            return
        try:
            self.exception_handler(who, error)
        except Exception as second:
            report(who, second)

    def failed(self, who: greenlet, error: BaseException) -> None:
        """An exception escaped from a greenlet: Ctrl-C and SystemExit go to the main one, all others are reported."""
        self._failed(who, error)

    # -- wake-up from other threads -------------------------------------------------------------------------

    def _watch_wakeup(self) -> None:
        fd = self._wakeup.fileno()
        self.fds[fd] = _WakeupEntry(self)
        self.poller.add(fd, READ | EDGE if self.poller.edge_triggered else READ)

    def take_incoming(self) -> None:
        """Move what other threads sent into the ready queue."""
        self._wakeup.drain()
        incoming = self._incoming
        while incoming:
            self.ready.append((_call, incoming.popleft()))

    # -- the end -------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Tear down: run the closers, give the fds back, let go of every greenlet. Only from the hub's own thread."""
        if self.closed:
            return
        for function in reversed(self._closers):
            try:
                function()
            except Exception as error:
                report(None, error)
        self.closed = True
        self.forget()
        self.poller.close()
        self._wakeup.close()
        del self.switch, self.greenlet

    def forget(self) -> None:
        """Drop everything that was scheduled. The loop may be in the middle of a turn, so the count must hold."""
        count = len(self.ready)
        self.ready.clear()
        if not self.closed:
            self.ready.extend([(_nothing, None)] * count)
        self.parked.clear()
        self.pending.clear()
        self.timers.clear()
        self.fds.clear()
        self.vars.clear()
        self._incoming.clear()
        self._closers.clear()
        self.holds = self.io_waiters = 0

    def after_fork(self) -> None:
        """In a forked child: the parent's greenlets do not run here; new kernel objects, nothing scheduled."""
        self.forget()
        self.release_fds()
        self.thread_ident = _thread.get_ident()
        self.poller = default_poller()
        self._wakeup = Wakeup()
        self._watch_wakeup()

    def release_fds(self) -> None:
        """Close this process' copies of the kernel objects, for a hub whose thread does not exist in a forked child."""
        self.poller.close()
        self._wakeup.close()


class _WakeupEntry:
    __slots__ = ("_hub",)

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def fire(self, mask: int) -> None:
        self._hub.take_incoming()

    def closing(self) -> None:
        """The wake-up is closed only with its hub."""


def describe(abort: object) -> str:
    """What a parked greenlet waits on, told from the function that would undo the wait."""
    target = getattr(abort, "func", abort)
    owner = getattr(target, "__self__", None)
    return repr(owner) if owner is not None else str(getattr(target, "__qualname__", repr(target)))


# -- one hub per thread ----------------------------------------------------------------------------------------


class _Slot:
    """Dies with its thread's local storage, and takes the thread's hub with it."""

    __slots__ = ("hub",)

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    def __del__(self) -> None:
        self.hub.close()


class _Local(_thread._local):
    hub: Hub | None = None
    slot: _Slot | None = None


_local = _Local()
_hubs: WeakSet[Hub] = WeakSet()


def get_hub() -> Hub:
    """This thread's hub, made at the first call. Cheap; safe from any thread."""
    hub = _local.hub
    return hub if hub is not None else _make_hub()


def hub_if_any() -> Hub | None:
    """This thread's hub, or None if it never waited."""
    return _local.hub


def all_hubs() -> list[Hub]:
    """The hubs of all threads that have one now."""
    return [hub for hub in list(_hubs) if not hub.closed]


def _make_hub() -> Hub:
    hub = Hub()
    _local.hub = hub
    _local.slot = _Slot(hub)
    _hubs.add(hub)
    return hub


def _after_fork_in_child() -> None:
    mine = _local.hub
    for hub in list(_hubs):
        if hub is mine:
            hub.after_fork()
        elif not hub.closed:
            hub.closed = True
            hub.release_fds()
            _hubs.discard(hub)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
