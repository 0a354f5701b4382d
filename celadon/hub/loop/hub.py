"""The loop: phases that run what is ready, sleep in the kernel, and turn events and deadlines into ready work.

All switches between greenlets happen here. ``Hub.leave`` is the only way out of a greenlet (``leave_for``: with a
deadline); ``Hub.ready`` is the only way back in. How a wait is put together is told in ``waiting/park.py``. The loop
knows nothing of sockets, locks or names: it has a queue of ready work, a table of who is parked, timers, a poller and
a wake-up, each an object of its own without a greenlet inside.

A turn runs what was ready when it began, so work that keeps making itself ready starves nobody. While there is
ready work the kernel is asked at most every millisecond: asking costs as much as a switch. A greenlet that leaves
while another is ready switches straight to it, which saves half of the switches; only *starting* one is left to the
loop, because a greenlet begun inside another would stand on its C stack.

Threads: other threads may append to ``ready`` and take a waiter that they claimed out of ``parked``, each one atomic
operation; then they look whether the hub is ``asleep``. The hub first says that it is, then looks at ``ready`` once
more, then sleeps. So one of the two always sees the other, and where one thread suffices no lock is taken.

Signals: a Python signal handler may raise between any two calls in here. What is ready is looked at, removed and run
by operations without a call between them, and after an exception every edge is asked for anew: nothing is lost.
"""

from __future__ import annotations

import _thread
import sys
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from greenlet import GreenletExit, getcurrent, greenlet

from ..errors import HubClosedError, InvalidSwitchError, LoopExit, WokenTwiceError
from .busy_look import BRIEF, MOST_WAITERS, BusyLook
from .callees import waits_in
from .clock import Now, monotonic
from .dead_end import EndlessWaits, dead_end
from .failures import raisable, report, text
from .gevent_names import GeventNames, LoopGreenlet
from .held_up import LATE, LONG_TURN, HeldUp
from .other_threads import PATIENCE, OtherThreads, Wait
from .pending_errors import ForCaller, PendingErrors
from .pollers import EDGE, READ, Poller, default_poller
from .shuffle import RAISE, START, Ready, shuffle_of_environment
from .timers import TIMED_OUT, Timer, Timers
from .wakeup import Wakeup

AnyGreenlet = greenlet
ExceptionHandler = Callable[[greenlet | None, BaseException], None]

# While there is ready work, the kernel and the timers are asked again after this time, in seconds.
_LOOK_EVERY = 0.001
# A turn has room for at least this many switches: reading the clock after each would cost as much as the switch.
_TURN = 16
_LONGEST = 86400.0  # seconds to sleep, if the kernel's call does not take as much as asked for (epoll: some 25 days)
# At most this many timers fire in one go: then who they woke runs, while its memory is in the CPU's caches.
_MOST_TIMERS = 256
_WOKEN: Any = ()  # what a switch of the loop's brings

#: The fds that the hubs of all threads need. A program that closes everything it has open must leave them open.
hub_fds: set[int] = set()


class FdEntry(Protocol):
    """The value of an fd in ``Hub.fds``. Its methods run in the loop and must not call foreign code."""

    def fire(self, mask: int) -> None:
        """The poller reported ``mask`` for the fd."""

    def closing(self) -> None:
        """The number is no longer the file that was registered."""

    def rearm_now(self) -> None:
        """Have the poller report again what is ready: events may have been lost."""


class Hub(GeventNames):
    """One thread's loop. ``get_hub()`` makes it at the first wait; it is closed when its thread ends.

    Only ``call_soon_threadsafe`` may be called from other threads and from signal handlers.
    """

    __slots__ = (
        "__weakref__",
        "_busy",
        "_closers",
        "_held_up",
        "_next_look",
        "_others",
        "_wakeup",
        "asleep",
        "closed",
        "endless",
        "exception_handler",
        "fds",
        "gift",
        "greenlet",
        "holds",
        "io_waiters",
        "leave_thread",
        "left",
        "main",
        "now",
        "on_drained",
        "on_idle",
        "orphaned",
        "parked",
        "pending",
        "poller",
        "ready",
        "resume",
        "shuffle",
        "switch",
        "thread_ident",
        "timers",
        "turn",
        "vars",
    )

    def __init__(self, poller: Poller | None = None) -> None:
        self.thread_ident: int = _thread.get_ident()
        #: What to run, in order: a parked greenlet and what its ``park`` returns, or None and a (function, args).
        self.ready: Ready = deque()
        #: How many more may run before the loop looks at the clock; ``leave`` counts it down as well.
        self.left: int = 0
        #: What ``leave`` returns in the greenlet that is switched to. It is not an argument of the switch: then the
        #: switching greenlet's stack would keep it alive for as long as that greenlet is parked.
        self.gift: Any = None
        #: How many turns there were. A watchdog knows by ``turn`` and ``left`` whether anything moves.
        self.turn: int = 0
        #: True from before the last look at ``ready`` until the kernel's call returns.
        self.asleep: bool = False
        #: Each parked greenlet and what it waits on. Whoever claims a waiter takes it out and makes it ready.
        self.parked: dict[greenlet, Wait] = {}
        #: Errors for greenlets that were running or ready when they were cancelled; raised at their next park.
        self.pending: PendingErrors = PendingErrors()
        #: Greenlets that wait until nothing is ready (``idle``); and until nothing but their own timers is left that
        #: could wake anyone (``wait()``), with that timer.
        self.on_idle: dict[greenlet, None] = {}
        self.on_drained: dict[greenlet, Timer | None] = {}
        self.timers: Timers = Timers()
        self.fds: dict[int, FdEntry] = {}
        #: How many greenlets wait for an fd, and how many results are awaited from other threads. While either is
        #: more than 0 the loop sleeps instead of raising LoopExit.
        self.io_waiters: int = 0
        self.holds: int = 0
        self.endless: EndlessWaits = EndlessWaits()
        self.now: Now = monotonic
        #: Hub-local variables; each key is owned by the module that made it.
        self.vars: dict[object, Any] = {}
        self.exception_handler: ExceptionHandler = self.first_exception_handler
        #: True in a forked child if not the main greenlet forked: the main one is suspended for ever, since what it
        #: waited for is in the parent.
        self.orphaned: bool = False
        self.closed: bool = False
        self._closers: list[Callable[[], object]] = []
        #: What makes the next ``get_hub()`` in this thread make a new one; set by who made this one.
        self.leave_thread: Callable[[], object] = object
        self._next_look = 0.0
        self._held_up = HeldUp()
        self._busy = BusyLook()
        self._others = OtherThreads()
        #: Puts what is ready in a random order at each turn; None unless the environment asks for it.
        self.shuffle: Callable[[Ready], None] | None = shuffle_of_environment()
        current = getcurrent()
        while current.parent is not None:
            current = current.parent
        #: The thread's own greenlet: the one that LoopExit, Ctrl-C and SystemExit go to.
        self.main: greenlet = current
        self.poller: Poller = poller if poller is not None else default_poller()
        self._wakeup = Wakeup()
        self._watch_wakeup()
        self.greenlet: LoopGreenlet = LoopGreenlet.of(self, self._run, self.main)
        # Begun at once: an error thrown into a greenlet that has not begun would end it, and be raised in its parent.
        self.greenlet.switch(getcurrent())
        #: Switches from a greenlet into the loop. Bound once; only ``leave`` calls it.
        self.switch: Callable[[], Any] = self.greenlet.switch
        #: The callback of a sleep's timer. One bound method, so that ``_fire`` recognises it by identity.
        self.resume: Callable[[greenlet], None] = self.unpark

    def __repr__(self) -> str:
        return (
            f"<Hub of thread {self.thread_ident:#x}: {len(self.parked)} parked, {len(self.ready)} ready, "
            f"{len(self.timers)} timers, {len(self.fds) - 1} fds>"
        )

    # -- scheduling ----------------------------------------------------------------------------------------

    def call_soon(self, function: Callable[..., object], *args: object) -> None:
        """Call ``function(*args)`` in the loop's next turn. It must not park."""
        self.ready.append((None, (function, args)))

    def call_next(self, function: Callable[..., object], *args: object) -> None:
        """As ``call_soon``, before all that is ready now. Only from the hub's own thread."""
        self.ready.appendleft((None, (function, args)))

    def call_later(self, seconds: float, function: Callable[..., object], *args: object) -> Timer:
        """Call ``function(*args)`` ``seconds`` from now unless cancelled, 0: within ``sleep(0)``. It must not park."""
        if not seconds <= 0:  # also what is not a number: refused there
            return self.timers.add(self.now() + seconds, function, args)
        timer = self.timers.make(self.now(), function, args)
        self.ready.append((None, (timer.fire, ())))
        return timer

    def call_soon_threadsafe(self, function: Callable[..., object], *args: object) -> None:
        """As ``call_soon``, from any thread or signal handler. Raises HubClosedError when the hub is closed.

        A pending call does not keep the loop from LoopExit: add to ``holds`` in the hub's own thread for that.
        """
        if not self.closed:
            self.ready.append((None, (function, args)))
        if self.closed:  # before, or since the append: nothing is run any more
            self.ready.clear()
            raise HubClosedError(f"{self!r} is closed: its thread has ended")
        if self.asleep:
            self.rouse()

    def rouse(self) -> None:
        """End the kernel's wait, if there is one; from any thread. Call it after appending to ``ready``."""
        self.asleep = False  # one wake-up is enough
        self._wakeup.send()

    def look_soon(self) -> None:
        """Look at fds and timers before anything else runs, though the last look was a moment ago."""
        self.left = 0
        self._next_look = -1.0

    def on_close(self, function: Callable[[], object]) -> None:
        """Call ``function()`` when the hub is torn down with its thread. A forked child forgets it silently."""
        self._closers.append(function)

    def deliver(self, waiter: greenlet, value: object) -> bool:
        """Make a waiter that the caller has claimed ready, from any thread; False if its hub is closed."""
        try:
            del self.parked[waiter]
        except KeyError:
            if self.closed:
                return False
            raise WokenTwiceError(f"{text(waiter)} is not parked in {self!r}") from None
        self.ready.append((waiter, value))
        if self.asleep:
            self.rouse()
        return True

    def unpark(self, waiter: greenlet, value: object = None) -> None:
        """Make a parked greenlet ready; its ``park`` returns ``value``. WokenTwiceError if it is not parked here."""
        try:
            del self.parked[waiter]
        except KeyError:
            raise WokenTwiceError(f"{text(waiter)} is not parked in {self!r}") from None
        self.ready.append((waiter, value))

    def unpark_error(self, waiter: greenlet, error: BaseException) -> None:
        """Make a parked greenlet ready; its ``park`` raises ``error``. WokenTwiceError if it is not parked here."""
        error = raisable(error)
        try:
            del self.parked[waiter]
        except KeyError:
            raise WokenTwiceError(f"{text(waiter)} is not parked in {self!r}") from None
        self.ready.append((None, (RAISE, (waiter, error))))

    def cancel(self, victim: greenlet, error: BaseException, inside: int = 0) -> None:
        """Raise ``error`` in ``victim``: at once if it is parked (its wait is undone), else when it next parks.

        While a callee of the victim is parked, it is raised there at once.
        A shield holds it back until its block ends. The ``inside`` outermost shields do not count: they began before
        the deadline or the group that cancels now.
        """
        if self.pending.shields and self.pending.hold_back(victim, error, inside):
            return
        if self.back_out(victim):
            self.ready.append((None, (RAISE, (victim, error))))
            return
        callees = waits_in(victim, Hub.leave.__code__, self.parked, self.greenlet)
        if callees and not self.pending.held_back_below(callees, error) and self.back_out(callees[0]):
            self.ready.append((None, (RAISE, (callees[0], error))))
            if not isinstance(error, GreenletExit):
                return
            error = ForCaller(error)
        self.pending.add(victim, error)

    def expire(self, waiter: greenlet, value: object) -> None:
        """The time of a bounded wait is over: its ``park`` returns ``value``, unless somebody was faster."""
        if self.back_out(waiter):
            self.ready.append((waiter, value))

    def leave(self, me: greenlet) -> Any:
        """Leave ``me``, the calling greenlet, until it is made ready; returns the value that it was made ready with.

        Its caller has put ``me`` into ``parked`` or ``ready``, and calls ``back_out`` if this raises.
        """
        ready = self.ready
        if self.left > 0 and ready:
            who, value = ready[0]
            if who is me:
                del ready[0]
                self.left -= 1
                return value
            if who is not None and value is not START:
                del ready[0]
                self.left -= 1
                self.gift, value = value, None
                if who.switch() is not _WOKEN:
                    raise InvalidSwitchError(me)
                value, self.gift = self.gift, None
                return value
        if self.switch() is not _WOKEN:
            raise InvalidSwitchError(me)
        value, self.gift = self.gift, None
        return value

    def leave_for(self, me: greenlet, seconds: Any) -> Any:
        """As ``leave``, for at most ``seconds`` (None: for ever); gives TIMED_OUT when they are over.

        In the place of seconds may be a Timeout: as long as that one runs.
        Some waits call ``leave`` themselves for None: one call more is 2 % of a ping-pong between two queues.
        """
        if seconds is None:
            return self.leave(me)
        if isinstance(seconds, BaseException):
            return seconds.bound(self.leave, me)  # type: ignore[attr-defined]  # a Timeout
        # The timer is dead before `me` can wait again, so it cannot end another wait than this one.
        timer = self.timers.add(self.now() + seconds, self.expire, (me, TIMED_OUT))
        try:
            return self.leave(me)
        finally:
            timer.cancel()

    def back_out(self, waiter: greenlet) -> bool:
        """Undo the registration of a parked greenlet. False if it is not parked, or another thread has claimed it.

        For a kill or a deadline; and for the waiter itself, when a signal handler raised before it could leave.
        """
        wait = self.parked.get(waiter)
        if wait is None:
            return False
        try:
            if not wait.give_up(waiter):
                return False
        except Exception as error:  # from the `abort` of a park
            del self.parked[waiter]  # before an exception handler that waits gives others a turn
            self.failed(None, error)
            return True
        return self.parked.pop(waiter, None) is not None  # an `abort` may have woken it

    # -- the loop ------------------------------------------------------------------------------------------

    def _run(self, maker: greenlet) -> None:
        maker.switch()
        del maker
        while True:
            try:
                self._turns()
            except BaseException as error:
                if self.closed:
                    return  # the greenlet is being collected
                # A signal handler raised. It may have interrupted us between the poller's report and our reading of
                # it, or between a timer's taking out and its waking: ask for every edge again, wake those sleepers.
                for entry in list(self.fds.values()):
                    entry.rearm_now()
                for waiter, wait in list(self.parked.items()):
                    if isinstance(wait, Timer) and not wait.active:
                        self.unpark(waiter)
                # Python raises a handler's exception in the main thread's code; here that is the main greenlet.
                self._tell_main(error)

    def _turns(self) -> None:
        ready, others, held_up = self.ready, self._others, self._held_up
        while True:
            self.turn += 1
            if ready:
                count = len(ready)
                others.patience = PATIENCE
                if self.shuffle is not None:
                    self.shuffle(ready)
                elif count < _TURN:
                    count = _TURN
                elif count > LONG_TURN:
                    count = held_up.new_first(ready, count)
                self.left = count
                while ready and self.left > 0:
                    self.left -= 1
                    who, value = ready[0]
                    del ready[0]
                    # Only the calls are guarded: an error from anywhere else in here comes from a signal handler.
                    if who is None:
                        function, args = value
                        try:
                            function(*args)
                        except BaseException as error:
                            self._escaped(error)
                        function = args = value = None
                    else:
                        self.gift = value
                        try:
                            who.switch()
                        except BaseException as error:
                            self._escaped(error)
                        who = value = None
                if ready:
                    if self.now() >= self._next_look:
                        self._look(0)
                        self._others.give_way(self.now())
                    continue
                if held_up.rest:
                    held_up.clear()
            if self.on_idle:
                self._look(0)
                if not ready:
                    self._wake(self.on_idle)
                continue
            self._look(self._timeout())

    def _timeout(self) -> float | None:
        """How many seconds the loop may sleep; None: until an event. Raises LoopExit in main if nothing can come."""
        timers = self.timers
        if timers.due:
            return 0  # a signal handler raised before all of them had fired
        rest = None
        if timers.heap:
            deadline = timers.next_deadline()
            if deadline is not None:
                rest = max(deadline - self.now(), 0)
                if len(timers) > timers.loose + sum(one is not None for one in self.on_drained.values()):
                    return rest
        if self.holds or self.io_waiters:
            return rest
        if self._others.may_wake(list(self.parked.values())):
            every = self._others.check_every(self.endless.count > 0)
            return every if rest is None else min(rest, every)
        if self.endless.count:
            self.endless.report(self.parked, self.main)
            return rest
        if self.on_drained:
            self._wake(self.on_drained)
            return 0
        if self.orphaned:
            self._tell_main(SystemExit(0))  # as in a child forked by a thread: it ends when that thread does
            return 0
        error = LoopExit(dead_end(self.parked, self.main))
        # If the main greenlet is not parked, it switched into another one by itself, and that one has left it behind.
        if self.back_out(self.main) or self.main not in self.parked:
            self.ready.append((None, (RAISE, (self.main, error))))
        return 0

    def _wake(self, waiting: dict[greenlet, Any]) -> None:
        waiter = next(iter(waiting))
        del waiting[waiter]
        self.unpark(waiter, True)

    def _look(self, timeout: float | None) -> None:
        fds = self.fds
        haste = self._busy.sleeps_left <= 0 and self.io_waiters <= MOST_WAITERS
        events = self.poller.poll(0) if haste or timeout == 0 else []
        if not events and timeout != 0:
            events = self._sleep(timeout, haste)
        for fd, mask in events:
            entry = fds.get(fd)
            if entry is not None:
                entry.fire(mask)
            else:
                # The number was closed without us, while a dup keeps the kernel's registration alive.
                self.poller.remove(fd)
        now = self.now()
        self._next_look = now + _LOOK_EVERY
        timers, heap = self.timers, self.timers.heap
        if timers.due or (heap and heap[0][0] <= now):
            first = heap[0][0] if heap else now
            if now - first > LATE and self._held_up.others_first(first, self.now, self.ready, self.poller.poll, fds):
                self._next_look = -1.0
                return
            self._fire(timers, now)

    def _sleep(self, timeout: float | None, haste: bool) -> list[tuple[int, int]]:
        self.asleep = True
        try:
            if haste and (timeout is None or timeout > BRIEF):
                events = self._busy.search(self.poller.poll, self.ready)
                if events:
                    return events
            began = self.now()
            try:
                events = self.poller.poll(0 if self.ready else timeout)
            except OverflowError:
                events = self.poller.poll(_LONGEST)
            if self.now() - began < BRIEF:
                self._busy.sleeps_left -= 1
            return events
        finally:
            self.asleep = False

    def _fire(self, timers: Timers, now: float) -> None:
        resume, parked, ready = self.resume, self.parked, self.ready
        woken: Any = [] if len(ready) > LONG_TURN else ready
        due = timers.expire(now)
        for timer in due[:_MOST_TIMERS]:
            if timer.callback is resume:  # a sleep, as nearly all are: no call, so no handler can come between
                waiter = timer.args[0]
                timer.callback = None
                if waiter in parked:
                    del parked[waiter]
                    woken.append((waiter, None))
                continue
            try:
                timer.fire()
            except BaseException as error:
                self._escaped(error)
        del due[:_MOST_TIMERS]
        if woken is not ready:
            self._held_up.woken_first(ready, woken)

    def _escaped(self, error: BaseException) -> None:
        """From a callback, or from a bare greenlet into its parent, the loop."""
        if self.closed:
            raise error  # the loop's own end
        self.failed(None, error)

    def failed(self, who: greenlet | None, error: BaseException) -> None:
        """An exception escaped from ``who`` (None: a callback). Never raises, whatever the exception handler does.

        Ctrl-C and SystemExit go to the main greenlet; all others are reported.
        """
        if not isinstance(error, KeyboardInterrupt | SystemExit):
            try:
                self.exception_handler(who, error)
                return
            except BaseException as second:
                error = second
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self._tell_main(error)
        else:
            report(who, error)

    def _tell_main(self, error: BaseException) -> None:
        """Raise what ends the program, or came from a signal handler, in the main greenlet: no shield holds it back."""
        if self.orphaned:
            self.orphaned = False
            self.ready.append((None, (RAISE, (self.main, error))))
        else:
            self.cancel(self.main, error, inside=sys.maxsize)

    # -- wake-up from other threads -------------------------------------------------------------------------

    def _watch_wakeup(self) -> None:
        fd = self._wakeup.fileno()
        self.fds[fd] = self._wakeup
        hub_fds.update((self.poller.fileno(), *self._wakeup.fds()))
        hub_fds.discard(-1)
        self.poller.add(fd, READ | EDGE if self.poller.edge_triggered else READ)

    # -- the end -------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Run the closers, close the fds, forget every greenlet. Only from the hub's own thread."""
        if self.closed:
            return
        for function in reversed(self._closers):
            try:
                function()
            except BaseException as error:  # the fds are given back all the same
                report(None, error)
        self.closed = True
        self.forget()
        self._disown_fds()
        self.poller.close()
        self._wakeup.close()
        del self.switch, self.greenlet, self.resume

    def forget(self) -> None:
        """Drop all that was scheduled, and take each parked greenlet out of the line that it waits in."""
        for waiter in list(self.parked):
            self.back_out(waiter)
        self.parked.clear()
        self.ready.clear()
        self.pending.clear()
        self.on_idle.clear()
        self.on_drained.clear()
        self.timers.clear()
        self.fds.clear()
        self.vars.clear()
        self._closers.clear()
        self.holds = self.io_waiters = self.endless.count = 0

    def after_fork(self) -> None:
        """In a forked child: the parent's greenlets do not run here; new kernel objects, nothing scheduled."""
        self.forget()
        self.release_fds()
        self.thread_ident = _thread.get_ident()
        self.asleep = False
        self.orphaned = getcurrent() is not self.main
        self.poller = default_poller()
        self._wakeup = Wakeup()
        self._watch_wakeup()

    def release_fds(self) -> None:
        """Close this process' copies of the kernel objects, for a hub whose thread does not exist in a forked child."""
        self._disown_fds()
        self.poller.close()
        self._wakeup.abandon()

    def _disown_fds(self) -> None:
        hub_fds.difference_update((self.poller.fileno(), *self._wakeup.fds()))
