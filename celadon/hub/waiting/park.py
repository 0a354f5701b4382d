"""One way to wait, one way to wake.

Every wait has three steps:

1. ``may_park`` raises what is pending for the greenlet, and refuses the hub's own greenlet.
2. The greenlet is registered: with whatever is going to wake it, and in ``hub.parked`` with the ``Wait`` that can
   undo that.
3. ``Hub.leave``, or ``Hub.leave_for`` with a deadline, switches away; it returns the waker's value. If it raises,
   ``Hub.back_out`` undoes the registration.

``park`` is the three steps for a registration of any kind. ``sleep``, ``Waiters``, fds and ``Greenlet.join`` write them
out with a registration of their own, which saves a closure for each wait. Everything else is built on these.

Every wake has two steps: *claim* the waiter, by the one operation that takes it out of where it is registered; then
make it ready (``unpark``; ``Hub.deliver`` from another thread). A kill or a deadline claims it in the same way
(``give_up``), so exactly one of them succeeds, and a killed waiter leaves nothing behind. Waking a greenlet that is
not parked raises WokenTwiceError at once, instead of handing it a stray value later.
"""

from __future__ import annotations

from _thread import LockType, allocate_lock
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet

from ..errors import BlockingInHubError
from ..loop.current import _local, get_hub
from ..loop.failures import text
from ..loop.hub import Hub
from ..loop.shuffle import AFTER_ALL
from ..loop.timers import TIMED_OUT, Timer

Abort = Callable[[], object]


def _named(abort: Abort) -> str:
    """What is waited for, as reports show it."""
    target = getattr(abort, "func", abort)
    owner = getattr(target, "__self__", None)
    return repr(owner) if owner is not None else str(getattr(target, "__qualname__", repr(target)))


class _Wait:
    """The wait of a ``park``: the caller's own registration, and the function that undoes it."""

    __slots__ = ("abort", "shared")

    def __init__(self, abort: Abort, shared: bool) -> None:
        self.abort = abort
        self.shared = shared

    def __repr__(self) -> str:
        return _named(self.abort)

    def give_up(self, waiter: greenlet) -> bool:
        self.abort()
        return True


def park(abort: Abort) -> Any:
    """Wait until ``unpark`` is called for this greenlet; returns the value given there.

    Raises the error of ``unpark_error``, of a kill or of a Timeout. Before the last two, ``abort()`` is called, once:
    it must undo the registration that would have woken the waiter, and must not wait. Raises BlockingInHubError in a
    callback of the hub.
    """
    return park_for(abort, None)


def park_for(abort: Abort, seconds: float | None, shared: bool = False) -> Any:
    """As ``park``, for at most ``seconds`` (None: for ever); gives TIMED_OUT, after ``abort()``, when they are over.

    ``shared``: another OS thread may end the wait.
    """
    hub = _local.hub or get_hub()
    me = getcurrent()
    if hub.pending or me is hub.greenlet:
        try:
            may_park(hub, me, abort)
        except BaseException:
            abort()
            raise
    hub.parked[me] = _Wait(abort, shared)
    try:
        return hub.leave_for(me, seconds)
    except BaseException:
        hub.back_out(me)
        raise


class Wake:
    """The wait of one greenlet for one call of ``up``: for functions that take a callback and return what cancels.

    Made in the greenlet that is going to wait, which then calls ``wait``. For one thread. It is registration and
    callback in one object, where ``park_for`` with a ``partial`` of ``unpark`` needs three.
    """

    __slots__ = ("abort", "hub", "waiter")

    #: See ``Wait`` in loop/other_threads.py.
    shared = False

    abort: Abort

    def __init__(self, hub: Hub | None = None) -> None:
        """``hub``: this thread's, where it is at hand."""
        self.hub: Hub = hub or get_hub()
        self.waiter: greenlet = getcurrent()

    def __repr__(self) -> str:
        return _named(self.abort)

    def up(self, value: object) -> None:
        """Have ``wait`` return ``value``. WokenTwiceError if nobody waits here."""
        hub, waiter = self.hub, self.waiter
        try:
            del hub.parked[waiter]
        except KeyError:
            hub.unpark(waiter)  # says so
        hub.ready.append((waiter, value))

    def wait(self, abort: Abort, seconds: float | None = None) -> Any:
        """Park until ``up`` is called; see ``park_for``."""
        self.abort = abort
        hub, me = self.hub, self.waiter
        if hub.pending or me is hub.greenlet:
            try:
                may_park(hub, me, abort)
            except BaseException:
                abort()
                raise
        try:
            hub.parked[me] = self
            return hub.leave(me) if seconds is None else hub.leave_for(me, seconds)
        except BaseException:
            hub.back_out(me)
            raise

    def give_up(self, waiter: greenlet) -> bool:
        """See ``Wait`` in loop/other_threads.py."""
        self.abort()
        return True


def may_park(hub: Hub, me: greenlet, what: object) -> None:
    """Raise what is pending for ``me``, or BlockingInHubError for the hub's own greenlet. Call it, then register."""
    if me is hub.greenlet:
        raise BlockingInHubError(f"a hub callback tried to wait ({text(what)}); spawn a greenlet for it")
    error = hub.pending.take(me, hub.greenlet)
    if error is not None:
        raise error


def unpark(waiter: greenlet, value: object = None) -> None:
    """Wake a greenlet that is parked in this thread: its ``park`` returns ``value`` in the next turn.

    Raises WokenTwiceError if it is not parked here. Not for other threads: see ``Hub.call_soon_threadsafe``.
    """
    get_hub().unpark(waiter, value)


def unpark_error(waiter: greenlet, error: BaseException) -> None:
    """Wake a greenlet that is parked in this thread: its ``park`` raises ``error`` in the next turn."""
    get_hub().unpark_error(waiter, error)


def sleep(seconds: float = 0, ref: bool = True) -> None:
    """Let others run for ``seconds``; 0 or less: until all that is ready now has run once.

    Interrupted by a kill or a Timeout; then no timer stays behind. ``ref`` False: the sleep does not hold the loop, so
    it never ends when nothing else is left that could wake anyone.
    """
    hub = _local.hub or get_hub()
    me = getcurrent()
    if hub.pending or me is hub.greenlet:
        may_park(hub, me, "sleep")
    try:
        if seconds > 0:
            if ref:
                hub.parked[me] = hub.timers.add(hub.now() + seconds, hub.resume, (me,))
            else:
                hub.parked[me] = hub.timers.add_loose(hub.now() + seconds, hub.unpark, (me, None))
            hub.leave(me)
            return
        hub.ready.append((me, AFTER_ALL))
        hub.leave(me)
    except BaseException:
        if seconds > 0:
            hub.back_out(me)
        else:
            _unqueue(hub, me)
        raise
    if hub.pending:
        may_park(hub, me, "sleep")


def _unqueue(hub: Hub, me: greenlet) -> None:
    # Only a signal handler can have raised. If that was before the switch, the entry must not resume `me` later.
    for entry in [one for one in hub.ready if one[0] is me]:
        hub.ready.remove(entry)


# Held only while something is waited for, or linked to, for the first time.
first_time: LockType = allocate_lock()


class Waiters:
    """Greenlets that wait for one thing, first come, first served: the base of all that can be waited for.

    Greenlets of several threads may wait, and any thread may wake them. Taking a waiter out of the line is one atomic
    operation, and claims it: for a wake, or for a kill or a deadline.
    """

    __slots__ = ("_waiters",)

    shared = True

    def __init__(self) -> None:
        #: None until the first wait: most events, results and locks are never waited for.
        self._waiters: OrderedDict[greenlet, Hub] | None = None

    def _line(self) -> OrderedDict[greenlet, Hub]:
        with first_time:
            if self._waiters is None:
                self._waiters = OrderedDict()
            return self._waiters

    def wait(self, seconds: Any = None) -> Any:
        """Park until woken; returns the waker's value, or TIMED_OUT after ``seconds``, or when a Timeout fires."""
        hub = _local.hub or get_hub()
        me = getcurrent()
        if hub.pending or me is hub.greenlet:
            may_park(hub, me, self)
        line = self._waiters
        if line is None:
            line = self._line()
        try:
            hub.parked[me] = self
            line[me] = hub
            self.settle()
            return hub.leave(me) if seconds is None else hub.leave_for(me, seconds)
        except BaseException:
            hub.back_out(me)
            raise

    def settle(self) -> None:
        """Give what is there to the waiters.

        Called after a waiter has lined up: another thread may have brought an item just before, after the waiter had
        looked in vain. Each side first shows what it has and then looks at the other, so one of them always sees it.
        """

    def give_up(self, waiter: greenlet) -> bool:
        """See ``Wait`` in loop/other_threads.py."""
        line = self._waiters
        return line is not None and line.pop(waiter, None) is not None

    def _next_waiter(self) -> tuple[greenlet, Hub] | None:
        # Take out the one that has waited longest and whose thread has not ended.
        line = self._waiters
        while line:
            try:
                claimed = line.popitem(False)
            except KeyError:  # another thread was faster
                return None
            if not claimed[1].closed:
                return claimed
        return None

    def wake(self, value: object = None) -> bool:
        """Wake the one that has waited longest; False if nobody waits. From any thread."""
        line = self._waiters
        while line:
            try:
                waiter, hub = line.popitem(False)
            except KeyError:  # another thread was faster
                return False
            if hub.deliver(waiter, value):
                return True
        return False

    def wake_all(self, value: object = None) -> None:
        """Wake everyone who waits now. From any thread."""
        line = self._waiters
        if line:
            if len(line) == 1:
                self.wake(value)
                return
            for waiter, hub in list(line.items()):
                if line.pop(waiter, None) is not None:
                    hub.deliver(waiter, value)


class WaitQueue(Waiters):
    """A line of waiters by itself. ``what`` names what they wait for in reports of who waits on what."""

    __slots__ = ("what",)

    def __init__(self, what: str) -> None:
        self.what: str = what
        super().__init__()

    def __repr__(self) -> str:
        return self.what

    def __len__(self) -> int:
        return len(self._waiters) if self._waiters else 0

    def __bool__(self) -> bool:
        return bool(self._waiters)


__all__ = [
    "TIMED_OUT",
    "Timer",
    "WaitQueue",
    "Waiters",
    "Wake",
    "may_park",
    "park",
    "park_for",
    "sleep",
    "unpark",
    "unpark_error",
]
