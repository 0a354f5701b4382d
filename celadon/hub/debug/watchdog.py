"""A thread that notices when a greenlet or a callback blocks a hub, and reports once who, where and for how long.

It costs the hub nothing: the loop counts its turns and switches anyway, and the thread checks whether the counts have
moved. A block of ``limit`` seconds or more is always reported, one of an eighth less may be. A call in C that does not
release the interpreter (a regular expression, a sort) stops the watchdog as well: then it sees that it woke late, and
reports the place where it finds the thread.
"""

from __future__ import annotations

import _thread
import os
import sys
import traceback
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import NamedTuple
from weakref import WeakSet

from greenlet import greenlet

from ...environment import check as check_environment
from ..greenlets.greenlet import Greenlet
from ..loop.clock import Now, monotonic
from ..loop.current import all_hubs
from ..loop.failures import text, write_report
from ..loop.hub import Hub
from ..loop.other_threads import resting

# The watchdog looks this often within the limit.
_LOOKS = 8
# A hub that made no more turns than this while the watchdog could not look was not running: it was blocked.
_FEW_TURNS = 4


class Block(NamedTuple):
    """One block of a hub. ``seconds`` is exact to an eighth of the limit; ``ended``: it is over."""

    who: str
    thread: int
    seconds: float
    ended: bool
    place: str
    stack: str

    def __str__(self) -> str:
        more = "" if self.ended else " and goes on"
        return (
            f"{self.who} blocks all others of thread {self.thread:#x} for {self.seconds:.3f} s{more}, at {self.place}"
        )


class _Seen:
    """What the last look at a hub saw."""

    __slots__ = ("found", "pulse", "since", "told")

    def __init__(self, pulse: tuple[int, int], since: float) -> None:
        self.pulse = pulse
        self.since = since
        self.found: tuple[str, str, str] | None = None
        self.told = False


class Watchdog:
    """Reports each block of ``limit`` seconds or more, once: when it has ended, or after ``hang`` seconds of it.

    ``report(block)`` is called in the watchdog's own thread; the default writes on stderr, with the stack the first
    time for each place. Usable as a ``with`` block. Runs on in a forked child. ``clock`` is for tests.
    """

    def __init__(
        self,
        limit: float = 0.1,
        report: Callable[[Block], object] | None = None,
        hang: float = 5.0,
        clock: Now = monotonic,
    ) -> None:
        if not limit > 0:
            raise ValueError("the limit must be more than 0 seconds")
        self.limit = limit
        self.hang: float = max(hang, limit)
        self.report: Callable[[Block], object] = report if report is not None else self._write
        #: How many blocks were reported, for each place.
        self.places: dict[str, int] = {}
        self._clock = clock
        self._seen: dict[Hub, _Seen] = {}
        self._last = clock()
        self._stop: _thread.LockType | None = None

    def __repr__(self) -> str:
        return f"<Watchdog of {self.limit} s, {'on' if self._stop is not None else 'off'}>"

    def start(self) -> Watchdog:
        """Begin to watch the hubs of all threads. Nothing happens the second time."""
        if self._stop is None:
            _running.add(self)
            self._begin()
        return self

    def _begin(self) -> None:
        self._seen = {}
        self._last = self._clock()
        self._stop = stop = _thread.allocate_lock()
        stop.acquire()
        _thread.start_new_thread(self._watch, (stop,))

    def stop(self) -> None:
        """End it; a block that goes on is not reported any more. Nothing happens the second time."""
        stop, self._stop = self._stop, None
        _running.discard(self)
        if stop is not None:
            stop.release()

    def __enter__(self) -> Watchdog:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _watch(self, stop: _thread.LockType) -> None:
        me = _thread.get_ident()
        resting.add(me)  # it wakes nobody
        try:
            while not stop.acquire(timeout=self.every):
                self.look()
        finally:
            resting.discard(me)

    @property
    def every(self) -> float:
        """Seconds from one look to the next."""
        return self.limit / _LOOKS

    # -- one look ----------------------------------------------------------------------------------------------

    def look(self) -> None:
        """See whether something has moved since the last look."""
        now = self._clock()
        late = now - self._last >= self.limit
        for hub in all_hubs():
            self._look_at(hub, now, late)
        self._last = now
        if len(self._seen) > 8:
            self._seen = {hub: seen for hub, seen in self._seen.items() if not hub.closed}

    def _look_at(self, hub: Hub, now: float, late: bool) -> None:
        pulse = (hub.turn, hub.left)
        free = hub.asleep or not (hub.ready or hub.parked)  # it sleeps, or nobody is kept waiting
        seen = self._seen.get(hub)
        if seen is None or pulse != seen.pulse or free:
            if seen is not None and seen.found is not None and not seen.told:
                self._tell(hub, seen, now, ended=True)
            new = self._seen[hub] = _Seen(pulse, now)
            if not (late and seen is not None and not free and pulse[0] - seen.pulse[0] <= _FEW_TURNS):
                return
            # We woke late, and next to nothing has moved: what is running does not release the interpreter.
            seen, new.since = new, self._last
        if seen.found is None and now - seen.since >= self.limit * (1 - 1 / _LOOKS):
            frame = sys._current_frames().get(hub.thread_ident)
            if frame is not None:
                seen.found = _describe(frame)
        if seen.found is not None and not seen.told and now - seen.since >= self.hang:
            self._tell(hub, seen, now, ended=False)

    def _tell(self, hub: Hub, seen: _Seen, now: float, ended: bool) -> None:
        assert seen.found is not None
        seen.told = True
        who, place, stack = seen.found
        self.places[place] = self.places.get(place, 0) + 1
        try:
            self.report(Block(who, hub.thread_ident, now - seen.since, ended, place, stack))
        except Exception as error:  # the program's: the watch goes on
            write_report("the report of a watchdog", error)

    def _write(self, block: Block) -> None:
        times = self.places[block.place]
        if sys.stderr is not None:
            sys.stderr.write(f"{block}\n{block.stack}" if times == 1 else f"{block} (time {times})\n")


def _describe(frame: FrameType) -> tuple[str, str, str]:
    """Who runs, where, and its stack as text, outermost first, without the frames that begin every greenlet."""
    summary = traceback.extract_stack(frame)
    place = f"{summary[-1].filename}:{summary[-1].lineno} in {summary[-1].name}"
    bottom = _bottom(frame)
    if bottom.f_code is Hub._run.__code__:
        return "a callback of the hub", place, "".join(traceback.format_list(summary[2:]))
    if bottom.f_code is Greenlet.run.__code__:
        return text(bottom.f_locals.get("self"), str), place, "".join(traceback.format_list(summary[1:]))
    return "the main greenlet", place, "".join(traceback.format_list(summary))


def _bottom(frame: FrameType) -> FrameType:
    while frame.f_back is not None:
        frame = frame.f_back
    return frame


def running(hub: Hub) -> greenlet | None:
    """Which greenlet runs in the hub's thread now, from any thread; None for a bare one, which does not say.

    The hub's own (``hub.greenlet``) while it sleeps, or runs a callback.
    """
    frame = sys._current_frames().get(hub.thread_ident)
    if frame is None or hub.closed:
        return None
    bottom = _bottom(frame)
    if bottom.f_code is Hub._run.__code__:
        return hub.greenlet
    if bottom.f_code is Greenlet.run.__code__:
        return bottom.f_locals.get("self")
    # Of a greenlet that does not run there is a frame.
    return hub.main if hub.main.gr_frame is None else None


_running: WeakSet[Watchdog] = WeakSet()


def _after_fork_in_child() -> None:
    for dog in list(_running):
        dog._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)

check_environment("CELADON_WATCHDOG")
#: The one that ``CELADON_WATCHDOG=seconds`` in the environment asks for.
of_environment: Watchdog | None = (
    Watchdog(float(os.environ["CELADON_WATCHDOG"])).start() if os.environ.get("CELADON_WATCHDOG") else None
)

__all__ = ["Block", "Watchdog", "of_environment", "running"]
