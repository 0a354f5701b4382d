"""What a program that seems to hang is doing: who waits on what, and where; and who keeps all others from running."""

from ..accel import AccelStats, accel_stats
from ..greenlets.greenlet import keep_spawning_stack
from ..loop.current import all_hubs
from .instruments import Instrument, RunTimes, assert_switches, instrument
from .report import (
    HubStatistics,
    Parked,
    format_hub_listeners,
    format_hub_timers,
    format_run_info,
    hub_blocking_detection,
    print_run_info,
    ps,
    statistics,
    tree,
    where,
)
from .watchdog import Block, Watchdog, running

__all__ = [
    "AccelStats",
    "Block",
    "HubStatistics",
    "Instrument",
    "Parked",
    "RunTimes",
    "Watchdog",
    "accel_stats",
    "all_hubs",
    "assert_switches",
    "format_hub_listeners",
    "format_hub_timers",
    "format_run_info",
    "hub_blocking_detection",
    "instrument",
    "keep_spawning_stack",
    "print_run_info",
    "ps",
    "running",
    "statistics",
    "tree",
    "where",
]
