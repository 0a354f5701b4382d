"""The thread that watches one hub: for greenlets that block it, for memory, and for what a program adds.

It is a ``celadon.hub.debug.Watchdog`` that looks at this hub only, when gevent's settings say. No greenlet is traced:
the hub counts its turns and switches anyway.
"""

from __future__ import annotations

import sys
import time
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import ref

from greenlet import getcurrent

from celadon.green import original
from celadon.hub.debug import Watchdog, running

from ._compat import get_this_psutil_process
from ._config import config
from ._util import gmctime
from .events import EventLoopBlocked, MemoryUsageThresholdExceeded, MemoryUsageUnderThreshold, interface, notify
from .util import format_run_info

_get_ident = original("_thread", "get_ident")


class MonitorWarning(RuntimeWarning):
    """Something cannot be monitored."""


class MonitorEntry:
    """A function that is called with the hub every ``period`` seconds."""

    __slots__ = ("function", "last_run_time", "period")

    def __init__(self, function: Callable[[Any], object], period: float | None) -> None:
        self.function = function
        self.period = period
        self.last_run_time = 0.0

    def __repr__(self) -> str:
        return repr((self.function, self.period, self.last_run_time))


class PeriodicMonitoringThread(Watchdog):
    """``hub.periodic_monitoring_thread``. Its functions run in its own thread, and must not wait on any hub."""

    inactive_sleep_time = 2.0
    min_sleep_time = 0.005
    min_memory_monitor_period = 2

    def __init__(self, hub: Any) -> None:
        super().__init__()
        self._face = ref(hub)
        self.should_run = True
        self.monitor_thread_ident = 0
        self._pulse: object = None
        self._ignored: object = None
        self._memory_exceeded = 0
        self._monitoring_functions = [MonitorEntry(self.monitor_blocking, config.max_blocking_time)]

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} at {id(self):#x} in thread {self.monitor_thread_ident:#x} "
            f"greenlet {getcurrent()!r} for {self.hub!r}>"
        )

    @property
    def hub(self) -> Any:
        """The hub that it watches; None once that is gone."""
        return self._face()

    # -- what it calls

    def monitoring_functions(self) -> list[MonitorEntry]:
        """What is called; the first looks for a blocked hub, every ``config.max_blocking_time`` seconds."""
        self._monitoring_functions[0].period = config.max_blocking_time
        return self._monitoring_functions

    def add_monitoring_function(self, function: Callable[[Any], object], period: float | None) -> None:
        """Call ``function(hub)`` about every ``period`` seconds, in this thread; with None not any more.

        ValueError for what cannot be called, and for a period that is not positive.
        """
        if not callable(function):
            raise ValueError("function must be callable")
        if period is not None and period <= 0:
            raise ValueError("Period must be positive.")
        known = [one for one in self._monitoring_functions if one.function == function]
        if period is None:
            self._monitoring_functions = [one for one in self._monitoring_functions if one not in known]
        elif known:
            known[0].period = period
        else:
            self._monitoring_functions = [*self._monitoring_functions, MonitorEntry(function, period)]

    def calculate_sleep_time(self) -> float:
        """Seconds until it looks again."""
        periods = [one.period for one in self.monitoring_functions() if one.period]
        return max(min(periods), self.min_sleep_time) if periods else self.inactive_sleep_time

    every = property(calculate_sleep_time)

    def look(self) -> None:
        """Call what is due. A function that fails ends the monitoring, and goes to the hub's ``handle_error``."""
        self.monitor_thread_ident = _get_ident()
        hub = self.hub
        if hub is None or hub.hub.closed:
            self.kill()
            return
        now = time.perf_counter()
        try:
            for entry in self.monitoring_functions():
                if self.should_run and entry.period and entry.last_run_time + entry.period <= now:
                    entry.last_run_time = now
                    entry.function(hub)
        except SystemExit:
            self.kill()
        except BaseException:  # noqa: BLE001  (the program's: the hub's to report, in its own thread)
            self.kill()
            hub.hub.call_soon_threadsafe(partial(hub.handle_error, self, *sys.exc_info()))

    def kill(self) -> None:
        """End it. Nothing happens the second time."""
        self.should_run = False
        self.stop()

    # -- a blocked hub

    def monitor_blocking(self, hub: Any) -> Any:
        """Report a greenlet that let nobody else run since the last call: (greenlet, lines), or None."""
        mine = hub.hub
        pulse, before = (mine.turn, mine.left), self._pulse
        self._pulse = pulse
        # Nobody is kept waiting in a thread of a pool, whose calls are meant to block.
        if pulse != before or mine.asleep or not (hub.main_hub or mine.ready or mine.parked) or pulse == self._ignored:
            return None
        blocking = running(mine)
        report = self._report(hub, blocking)
        notify(EventLoopBlocked(blocking, config.max_blocking_time, report, hub=hub))
        return self._show_blocking_report(hub, report, blocking)

    def _report(self, hub: Any, blocking: Any) -> list[str]:
        frame = sys._current_frames().get(hub.thread_ident)
        return [
            "=" * 80,
            f"\n{gmctime()} : Greenlet {blocking} appears to be blocked",
            f"    Reported by {self!r}",
            f"Blocked Stack (for thread id {hub.thread_ident:#x}):",
            "".join(traceback.format_stack(frame)) if frame is not None else "Unknown: its thread has ended\n",
            "Info:",
            *format_run_info(greenlet_stacks=False, current_thread_ident=self.monitor_thread_ident),
        ]

    def _show_blocking_report(self, hub: Any, report: list[str], blocking: Any) -> Any:
        stream = hub.exception_stream
        if config.print_blocking_reports and stream is not None:
            stream.write("\n".join([*report, ""]))
        return blocking, report

    def ignore_current_greenlet_blocking(self) -> None:
        """Whatever runs in the hub's thread now may block, until it lets others run."""
        mine = self.hub.hub
        self._ignored = mine.turn, mine.left

    def monitor_current_greenlet_blocking(self) -> None:
        """It may not any more."""
        self._ignored = None

    # -- memory

    def _get_process(self) -> Any:
        return get_this_psutil_process()

    def can_monitor_memory_usage(self) -> bool:
        """Whether psutil is installed."""
        return self._get_process() is not None

    def install_monitor_memory_usage(self) -> None:
        """Compare this process' memory with ``config.max_memory_usage`` every ``config.memory_monitor_period`` seconds.

        MonitorWarning without psutil.
        """
        if not self.can_monitor_memory_usage():
            warnings.warn("Unable to monitor memory usage. Install psutil.", MonitorWarning, stacklevel=2)
            return
        period = max(config.memory_monitor_period, self.min_memory_monitor_period)
        self.add_monitoring_function(self.monitor_memory_usage, period)

    def monitor_memory_usage(self, hub: Any) -> Any:
        """Tell subscribers that the limit is passed, each time by more, or not any more; returns the event, or None.

        -1 if there is no limit.
        """
        allowed = config.max_memory_usage
        if not allowed:
            return -1
        info = self._get_process().memory_full_info()
        used = getattr(info, "uss", 0) or info.rss
        event: Any = None
        before, self._memory_exceeded = self._memory_exceeded, used if used > allowed else 0
        if used > allowed:
            if used > before:
                event = MemoryUsageThresholdExceeded(used, allowed, info)
        elif before:
            event = MemoryUsageUnderThreshold(used, allowed, info, before)
        if event is not None:
            notify(event)
        return event


IPeriodicMonitorThread = interface(PeriodicMonitoringThread, add_monitoring_function=lambda function, period: None)

__all__ = ["PeriodicMonitoringThread"]
