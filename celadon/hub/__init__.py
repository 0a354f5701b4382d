"""The hub: greenlets, deadlines, waiting for fds and threads. This door is all that other parts may import."""

from greenlet import GreenletExit, getcurrent

from .cancel import Timeout, fail_after, move_on_after, with_timeout
from .errors import BlockingInHubError, HubClosedError, LoopExit, WokenTwiceError
from .greenlets import Greenlet, iwait, joinall, kill, killall, spawn, spawn_later, spawn_raw, wait
from .io import Registration, Watch, notify_closing, wait_readable, wait_writable, watch
from .loop import Hub, get_hub, hub_if_any
from .park import TIMED_OUT, WaitQueue, park, park_for, sleep, unpark, unpark_error
from .timers import Timer

__all__ = [
    "TIMED_OUT",
    "BlockingInHubError",
    "Greenlet",
    "GreenletExit",
    "Hub",
    "HubClosedError",
    "LoopExit",
    "Registration",
    "Timeout",
    "Timer",
    "WaitQueue",
    "Watch",
    "WokenTwiceError",
    "fail_after",
    "get_hub",
    "getcurrent",
    "hub_if_any",
    "iwait",
    "joinall",
    "kill",
    "killall",
    "move_on_after",
    "notify_closing",
    "park",
    "park_for",
    "sleep",
    "spawn",
    "spawn_later",
    "spawn_raw",
    "unpark",
    "unpark_error",
    "wait",
    "wait_readable",
    "wait_writable",
    "watch",
    "with_timeout",
]
