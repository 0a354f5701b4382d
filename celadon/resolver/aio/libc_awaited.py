"""The system's libc, awaited: its calls run in native threads of ours, whatever loop the caller is in.

They are not the loop's executor, whose threads are the program's and may be greenlets under ``patch_all``. All loops
of the process share them. Whoever makes a call that is under way in the same loop already waits for that one.
"""

from __future__ import annotations

import _thread
import os
from _queue import Empty, SimpleQueue
from collections.abc import Callable, Hashable
from copy import copy
from functools import partial
from typing import Any, Protocol

from ...hub.lowlevel import TIMED_OUT
from ..errors import Kind, ResolveError
from ..events import ResolverStats
from ..model import Config
from ..protocols import Cancel
from ..resolvers.calls import Call, CallResolver
from ..resolvers.libc import BlockResolver, at_once
from ..resolvers.libc_threads import key_of, own, ready

_WIDTH = 64  # as many as of a hub: a lookup mostly waits, and libc cannot wait for several in one thread
_IDLE = 5.0  # seconds

#: What a call brought: its value and None, or None and its error.
Came = tuple[Any, BaseException | None]


class Threads:
    """At most ``width`` native threads, made as calls come. One that had nothing to do for a while ends."""

    def __init__(self, width: int = _WIDTH) -> None:
        self._width = width
        self.reset()

    def reset(self) -> None:
        """Begin anew, empty: in a forked child the threads are not there, and the lock may have been held."""
        self._lock = _thread.allocate_lock()
        self._tasks: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._load = 0  # calls that wait or run
        self._count = 0

    def put(self, task: Callable[[], object]) -> None:
        """Have ``task()`` called in a thread; it must not raise. RuntimeError if not even one thread can be started."""
        ready()
        with self._lock:
            self._load += 1
            start = self._load > self._count and self._count < self._width
            self._count += start
            self._tasks.put(task)
        if start:
            try:
                _thread.start_new_thread(self._work, (self._tasks, self._lock))
            except RuntimeError:
                with self._lock:
                    self._count -= 1
                    if not self._count:
                        self._tasks.get_nowait()
                        self._load -= 1
                        raise

    def _work(self, tasks: SimpleQueue[Callable[[], object]], lock: _thread.LockType) -> None:
        while True:
            try:
                task = tasks.get(timeout=_IDLE)
            except Empty:
                with lock:
                    if not tasks.empty():
                        continue
                    self._count -= 1
                    return
            task()
            del task  # an idle thread must not keep the last result alive
            with lock:
                self._load -= 1


_threads = Threads()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_threads.reset)


class LoopOfCaller(Protocol):
    """What is needed of a Place: a way into it from other threads."""

    def from_thread(self, function: Callable[..., object], *args: Any) -> None:
        """Have ``function(*args)`` called in the loop, soon; nothing happens if the loop has ended."""


class _Flight:
    __slots__ = ("waiters", "wanted")

    def __init__(self) -> None:
        self.waiters: dict[object, Callable[[Came], object]] = {}
        self.wanted = True  # False once the last waiter has left


class Lane:
    """One loop's calls under way, each with all who wait for it."""

    def __init__(self, place: LoopOfCaller) -> None:
        self._place = place
        self._flights: dict[Hashable, _Flight] = {}

    def begin(self, what: tuple[Callable[[Call], Any], Call], done: Callable[[Came], object]) -> Cancel:
        """Have ``ask(call)`` called in a thread; ``done`` gets what it brought, in the loop. Returns what cancels.

        With the last waiter the call is cancelled, if no thread has begun it; else its result is dropped.
        """
        ask, call = what
        key = ask, key_of(call)
        flight = self._flights.get(key)
        if flight is None:
            flight = _Flight()
            _threads.put(partial(self._in_thread, flight, key, ask, call))
            self._flights[key] = flight
        token = object()
        flight.waiters[token] = done

        def cancel() -> None:
            flight.waiters.pop(token, None)
            if not flight.waiters:
                flight.wanted = False
                if self._flights.get(key) is flight:
                    del self._flights[key]

        return cancel

    def _in_thread(self, flight: _Flight, key: Hashable, ask: Callable[[Call], Any], call: Call) -> None:
        if not flight.wanted:
            return
        came: Came
        try:
            came = ask(call), None
        except BaseException as error:  # noqa: BLE001  (raised where it is waited for)
            came = None, error
        self._place.from_thread(self._came, flight, key, came)

    def _came(self, flight: _Flight, key: Hashable, came: Came) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        value, error = came
        waiters, flight.waiters = flight.waiters, {}
        for done in waiters.values():
            done((own(value), None) if error is None else (None, copy(error)))


def lane_of(place: Any) -> Lane:
    """The loop's lane."""
    lane: Lane | None = place.vars.get(Lane)
    if lane is None:
        lane = place.vars[Lane] = Lane(place)
    return lane


def result_of(came: Came) -> Any:
    """What the call brought; raises its error."""
    value, error = came
    if error is not None:
        raise error
    return value


def call_over(call: Call, seconds: float | None) -> ResolveError:
    """The error of a call that took longer than ``seconds``."""
    return ResolveError(Kind.TIMEOUT, call.shown, detail=f"no answer within the lookup's {seconds} s")


async def call_libc(place: Any, resolver: BlockResolver, call: Call, seconds: float | None) -> Any:
    """The result of a call on libc. ResolveError with Kind.TIMEOUT after ``seconds``."""
    ends = None if seconds is None else place.now() + seconds
    came = await place.wait(lane_of(place).begin, (resolver.ask_libc, call), ends)
    if came is TIMED_OUT:
        raise call_over(call, seconds)
    return result_of(came)


class AwaitedLibc(CallResolver):
    """A libc resolver whose calls give a result, or a coroutine that gives it. It has no cache and asks no records."""

    def __init__(
        self, current: Callable[[], Any], inner: BlockResolver, config: Callable[[], Config], deadline: float | None
    ) -> None:
        self.name: str = inner.name
        self.config = config
        self._current = current
        self._inner = inner
        self._deadline = deadline
        self._lookups = 0
        self._closed = False

    def __repr__(self) -> str:
        return f"<AwaitedLibc over {self.name}>"

    def call(self, call: Call) -> Any:
        """See CallResolver."""
        place = self._current()
        if self._closed:
            raise ResolveError(Kind.CANCELLED, "", detail=f"{self!r} is closed")
        self._lookups += 1
        found = at_once(call)
        return call_libc(place, self._inner, call, self._deadline) if found is None else found

    def stats(self) -> ResolverStats:
        """See FullResolver."""
        return ResolverStats(self.name, self._lookups)

    def close(self) -> None:
        """Take no more lookups; those under way end alone."""
        self._closed = True
