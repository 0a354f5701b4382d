"""One way to wait, one way to wake.

``park(abort)`` is the only way out of a greenlet and ``unpark`` the only way back in; sleep, join, kill,
timeouts, locks, queues, fds and threads are built on the two. ``abort()`` undoes the registration that would
have woken the waiter; it is called at most once, and only when something else (a kill, a timeout) wakes it
first. So whoever wakes and whoever gives up can never both be believed, and a killed waiter leaves nothing
behind. Waking somebody who is not parked is an error at once, not a stray value in user code later.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import Any, Final

from greenlet import getcurrent, greenlet

from .errors import BlockingInHubError
from .loop import Abort, Hub, _local, get_hub
from .timers import Timer


class _TimedOut:
    """What ``park_for`` returns when the time is over."""

    def __repr__(self) -> str:
        return "TIMED_OUT"

    def __bool__(self) -> bool:
        return False


TIMED_OUT: Final = _TimedOut()


def park(abort: Abort) -> Any:
    """Wait until somebody calls ``unpark`` for this greenlet; returns the value given there.

    Raises what ``unpark_error``, a kill or a Timeout brings; for the last two ``abort()`` was called before.
    Raises BlockingInHubError in a callback of the hub.
    """
    hub = _local.hub or get_hub()
    me = getcurrent()
    if hub.pending and me in hub.pending:
        abort()
        error = hub.take_pending(me)
        if error is not None:
            raise error
    if me is hub.greenlet:
        abort()
        raise BlockingInHubError(f"a hub callback tried to wait ({abort!r}); spawn a greenlet for it")
    hub.parked[me] = abort
    return hub.switch()


def park_for(abort: Abort, seconds: float | None) -> Any:
    """As ``park``, for at most ``seconds`` (None: for ever); gives TIMED_OUT, after ``abort()``, when they are over."""
    if seconds is None:
        return park(abort)
    hub = _local.hub or get_hub()
    timer = hub.timers.add(hub.now() + seconds, _expire, (hub, getcurrent(), abort))
    try:
        return park(abort)
    finally:
        timer.cancel()


def _expire(hub: Hub, waiter: greenlet, abort: Abort) -> None:
    # The abort function is made anew for each wait, so it tells this wait from a later one of the same greenlet.
    if hub.parked.get(waiter) is abort:
        abort()
        hub.unpark(waiter, TIMED_OUT)


def unpark(waiter: greenlet, value: object = None) -> None:
    """Wake a greenlet that is parked in this thread: its ``park`` returns ``value`` in the next turn.

    Raises WokenTwiceError if it is not parked here. Not for other threads: see ``Hub.call_soon_threadsafe``.
    """
    get_hub().unpark(waiter, value)


def unpark_error(waiter: greenlet, error: BaseException) -> None:
    """Wake a greenlet that is parked in this thread: its ``park`` raises ``error`` in the next turn."""
    get_hub().unpark_error(waiter, error)


def sleep(seconds: float = 0) -> None:
    """Let others run for ``seconds``; 0 or less: until all that is ready now has run once.

    Interrupted by a kill or a Timeout; then no timer stays behind.
    """
    hub = _local.hub or get_hub()
    if seconds > 0:
        me = getcurrent()
        timer = hub.timers.add(hub.now() + seconds, hub.unpark, (me,))
        park(timer.cancel)
        return
    me = getcurrent()
    if hub.pending or me is hub.greenlet:
        _check(hub, me)
    hub.ready.append((me.switch, None))
    hub.switch()
    if hub.pending:
        _check(hub, me)


def _check(hub: Hub, me: greenlet) -> None:
    if me is hub.greenlet:
        raise BlockingInHubError("a hub callback tried to sleep; spawn a greenlet for it")
    error = hub.take_pending(me)
    if error is not None:
        raise error


class WaitQueue:
    """Greenlets that wait for one thing, first come, first served: the only wait queue there is.

    ``what`` names what they wait for in reports of who waits on what. For greenlets of one thread.
    """

    __slots__ = ("_waiters", "what")

    def __init__(self, what: str) -> None:
        self.what = what
        self._waiters: OrderedDict[greenlet, None] = OrderedDict()

    def __repr__(self) -> str:
        return self.what

    def __len__(self) -> int:
        return len(self._waiters)

    def __bool__(self) -> bool:
        return bool(self._waiters)

    def wait(self, seconds: float | None = None) -> Any:
        """Park until woken; returns the waker's value, or TIMED_OUT after ``seconds``."""
        me = getcurrent()
        self._waiters[me] = None
        abort = partial(self._give_up, me)
        return park(abort) if seconds is None else park_for(abort, seconds)

    def _give_up(self, waiter: greenlet) -> None:
        del self._waiters[waiter]

    def wake(self, value: object = None) -> bool:
        """Wake the one that has waited longest; False if nobody waits."""
        if not self._waiters:
            return False
        waiter, _ = self._waiters.popitem(False)
        get_hub().unpark(waiter, value)
        return True

    def wake_all(self, value: object = None) -> None:
        """Wake everyone who waits now."""
        while self.wake(value):
            pass


__all__ = ["TIMED_OUT", "Timer", "WaitQueue", "park", "park_for", "sleep", "unpark", "unpark_error"]
