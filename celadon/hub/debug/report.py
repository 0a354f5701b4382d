"""Reports: who waits on what, and where; the tree of greenlets; what the hub counts."""

from __future__ import annotations

import gc
import sys
import traceback
from typing import Any, NamedTuple

from greenlet import getcurrent, greenlet

from ..greenlets.greenlet import Greenlet
from ..loop.current import all_hubs, get_hub
from ..loop.failures import text
from ..loop.hub import Hub
from .watchdog import Watchdog


class Parked(NamedTuple):
    """A greenlet that waits, and what for."""

    greenlet: greenlet
    waits_on: str


class HubStatistics(NamedTuple):
    """How one hub stands. ``turns`` counts up; all others are what is there now.

    ``cancelled_timers`` lie in the heap until they come up or outnumber the living; ``awaited_calls`` are calls in
    threads whose results are awaited; ``asleep``: the hub is in the kernel's call.
    """

    thread: int
    turns: int
    ready: int
    parked: int
    timers: int
    cancelled_timers: int
    fds: int
    waiting_for_fds: int
    awaited_calls: int
    asleep: bool


def ps(hub: Hub | None = None) -> list[Parked]:
    """The greenlets of this thread (or of ``hub``) that are parked now, longest first."""
    return [Parked(who, text(wait)) for who, wait in list((hub or get_hub()).parked.items())]


def where(who: greenlet) -> str:
    """The stack of a parked greenlet as text, outermost first; empty for one that does not run yet or any more."""
    frame = who.gr_frame
    return "".join(traceback.format_stack(frame)) if frame is not None else ""


def statistics(hub: Hub | None = None) -> HubStatistics:
    """How this thread's hub (or ``hub``) stands: see ``all_hubs`` for those of other threads. Costs no locks."""
    one = hub or get_hub()
    return HubStatistics(
        thread=one.thread_ident,
        turns=one.turn,
        ready=len(one.ready),
        parked=len(one.parked),
        timers=len(one.timers),
        cancelled_timers=one.timers.dead,
        fds=max(len(one.fds) - 1, 0),  # the hub's own wake-up is no concern of the user's
        waiting_for_fds=one.io_waiters,
        awaited_calls=one.holds,
        asleep=one.asleep,
    )


def tree(stacks: bool = False) -> str:
    """All living greenlets as a tree of who spawned whom, with what each waits on; ``stacks``: and where.

    Of all threads. Looks through all objects there are, so it is for a person who asks, not for every second.
    """
    # By their types: isinstance asks a proxy for what it stands for, and that may not be there any more.
    living = [one for one in gc.get_objects() if issubclass(type(one), greenlet) and not one.dead]
    waits: dict[greenlet, str] = {}
    for hub in all_hubs():
        living = [one for one in living if one is not hub.greenlet]
        waits.update((who, text(wait)) for who, wait in list(hub.parked.items()))
    children: dict[int | None, list[greenlet]] = {}
    ids = {id(one) for one in living}
    for one in living:
        spawner = one.spawning_greenlet() if isinstance(one, Greenlet) else None
        children.setdefault(id(spawner) if id(spawner) in ids else None, []).append(one)
    lines: list[str] = []

    def draw(one: greenlet, before: str) -> None:
        state = f"waits on {waits[one]}" if one in waits else "runs" if one is getcurrent() else "does not wait"
        lines.append(f"{before}{text(one, str)}: {state}")
        if stacks:
            lines.extend(f"{before}    {line}" for line in where(one).splitlines())
        for child in children.get(id(one), ()):
            draw(child, before + "  ")

    for root in children.get(None, ()):
        draw(root, "")
    return "\n".join(lines)


def format_run_info() -> list[str]:
    """The stacks of all threads and the tree of all greenlets with theirs, as lines: gevent's name."""
    lines = []
    for ident, frame in sys._current_frames().items():
        lines.append(f"Thread {ident:#x}:")
        lines.extend("".join(traceback.format_stack(frame)).splitlines())
    lines.append("Greenlets:")
    lines.extend(tree(stacks=True).splitlines())
    return lines


def print_run_info(file: Any = None) -> None:
    """``format_run_info`` on stderr, or in ``file``."""
    print("\n".join(format_run_info()), file=file if file is not None else sys.stderr)


def format_hub_listeners() -> str:
    """What this thread's hub watches fds for: eventlet's name."""
    fds = list(get_hub().fds.items())
    return "\n".join(f"{fd}: {text(entry)}" for fd, entry in fds)


def format_hub_timers() -> str:
    """This thread's deadlines that are to come, the nearest first: eventlet's name."""
    return "\n".join(repr(timer) for _, _, timer in sorted(get_hub().timers.heap) if timer.active)


_detection: Watchdog | None = None


def hub_blocking_detection(state: bool = False, resolution: float = 1) -> None:
    """Switch a watchdog on or off: eventlet's name. Reports after ``resolution`` seconds; raises nothing, as eventlet's
    does, in the code that blocks.
    """
    global _detection
    if _detection is not None:
        _detection.stop()
    _detection = Watchdog(resolution).start() if state else None
