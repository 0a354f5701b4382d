"""Waiting for many at once, for the first of several, and for the loop to have nothing left to do; and killing many."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from functools import partial
from types import TracebackType
from typing import Any, overload

from greenlet import GreenletExit, getcurrent, greenlet

from ..loop.current import get_hub
from ..loop.failures import raisable
from ..waiting.park import TIMED_OUT, WaitQueue, park, sleep
from ..waiting.timeouts import Seconds, Timeout
from .greenlet import Greenlet, kill_raw


class iwait:  # noqa: N801  (reads as a call)
    """Yield the objects (greenlets, events, results: whatever has ``rawlink``) as they become ready.

    Ends after ``count`` of them, or after ``timeout`` seconds in all. ``with iwait(…) as ready:`` lets go of the
    others at the end of the block.
    """

    __slots__ = ("_steps",)

    def __init__(self, objects: Iterable[Any], timeout: float | None = None, count: int | None = None) -> None:
        self._steps = _as_they_come(objects, timeout, count)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._steps)

    def __enter__(self) -> Iterator[Any]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._steps.close()


def _as_they_come(objects: Iterable[Any], timeout: float | None, count: int | None) -> Generator[Any, None, None]:
    hub = get_hub()
    done: deque[Any] = deque()
    queue = WaitQueue("the first of several")

    def ready(source: Any) -> None:
        done.append(source)
        queue.wake()

    waiting = list(objects)
    left = len(waiting) if count is None else min(count, len(waiting))
    deadline = None if timeout is None else hub.now() + timeout
    for one in waiting:
        one.rawlink(ready)
    try:
        while left:
            if not done:
                remaining = None if deadline is None else deadline - hub.now()
                if remaining is not None and remaining <= 0:
                    return
                if queue.wait(remaining) is TIMED_OUT:
                    return
            left -= 1
            yield done.popleft()
    finally:
        for one in waiting:
            one.unlink(ready)


@overload
def wait(objects: None = None, timeout: float | None = None) -> bool: ...
@overload
def wait(objects: Iterable[Any], timeout: float | None = None, count: int | None = None) -> list[Any]: ...
def wait(
    objects: Iterable[Any] | None = None, timeout: float | None = None, count: int | None = None
) -> list[Any] | bool:
    """The objects that became ready, in that order; see ``iwait``.

    Without objects: wait until no timer, fd, thread or ready greenlet is left that could wake anybody here, at most
    ``timeout`` seconds; True if so. Greenlets that nothing can wake do not count.
    """
    if objects is not None:
        return list(iwait(objects, timeout, count))
    hub = get_hub()
    me = getcurrent()
    timer = None if timeout is None else hub.timers.add(hub.now() + timeout, hub.expire, (me, TIMED_OUT))
    hub.on_drained[me] = timer
    try:
        return park(partial(_Turn(hub.on_drained, "the end of all there is to do").give_up, me)) is not TIMED_OUT
    finally:
        if timer is not None:
            timer.cancel()


def idle(priority: int = 0) -> None:
    """Wait until nobody else is ready to run, no deadline is due and no watched fd is ready.

    ``priority`` is gevent's and does not matter.
    """
    hub = get_hub()
    me = getcurrent()
    hub.on_idle[me] = None
    park(partial(_Turn(hub.on_idle, "an idle moment").give_up, me))


class _Turn:
    """A wait for the loop itself."""

    __slots__ = ("_line", "_what")

    def __init__(self, line: dict[greenlet, Any], what: str) -> None:
        self._line = line
        self._what = what

    def __repr__(self) -> str:
        return self._what

    def give_up(self, waiter: greenlet) -> None:
        self._line.pop(waiter, None)


def joinall(
    greenlets: Iterable[Greenlet[Any]],
    timeout: float | None = None,
    raise_error: bool = False,
    count: int | None = None,
) -> list[Greenlet[Any]]:
    """Wait until all (or ``count``) have ended, at most ``timeout`` seconds; returns those that have.

    With ``raise_error`` the first failure ends the wait and is raised.
    """
    waiting = list(greenlets)
    if raise_error or count is not None:
        ended = []
        for one in iwait(waiting, timeout, count):
            if raise_error and one.exception is not None:
                one.get()
            ended.append(one)
        return ended
    if timeout is None:
        for one in waiting:
            one.join()
        return waiting
    hub = get_hub()
    deadline = hub.now() + timeout
    for one in waiting:
        if not one.ready():
            remaining = deadline - hub.now()
            if remaining <= 0:
                break
            one.join(remaining)
    return [one for one in waiting if one.ready()]


def kill(victim: greenlet, exception: type[BaseException] | BaseException = GreenletExit, block: bool = True) -> None:
    """Kill any greenlet of this thread; a bare one is not waited for. TypeError for what cannot be raised."""
    if isinstance(victim, Greenlet):
        victim.kill(exception, block)
    else:
        kill_raw(victim, exception)


def killall(
    greenlets: Iterable[greenlet],
    exception: type[BaseException] | BaseException = GreenletExit,
    block: bool = True,
    timeout: Seconds = None,
) -> None:
    """Kill all, then wait (``block``) until all have ended; raises Timeout if they have not after ``timeout`` seconds.

    Bare greenlets are killed as well; as they cannot be joined, they get one turn of the loop to end in. If the caller
    is among them, ``exception`` is raised in it last: when the others have ended, or (not ``block``) at its next wait.
    """
    me = getcurrent()
    every = list(greenlets)
    victims = [victim for victim in every if victim is not me]
    mine = raisable(exception) if len(victims) < len(every) else None
    for victim in victims:
        kill(victim, exception, block=False)
    if not block:
        if mine is not None:
            get_hub().cancel(me, mine)
        return
    # No ``with``: also a silent Timeout is raised, as in gevent.
    deadline = Timeout.start_new(timeout)
    try:
        joinall([victim for victim in victims if isinstance(victim, Greenlet)])
        if not all(victim.dead for victim in victims):
            sleep(0)
    finally:
        deadline.cancel()
    if mine is not None:
        raise mine


__all__ = ["idle", "iwait", "joinall", "kill", "killall", "wait"]
