"""The hub: greenlets, deadlines, waiting for fds and threads. This door is all that other parts may import."""

from greenlet import GreenletExit, getcurrent

from .cancel import NotReady, Timeout, fail_after, move_on_after, with_timeout
from .errors import BlockingInHubError, HubClosedError, LoopExit, WokenTwiceError
from .greenlets import Greenlet, iwait, joinall, kill, killall, spawn, spawn_later, spawn_raw, wait
from .group import Group, Pool
from .io import Registration, Watch, notify_closing, wait_readable, wait_writable, watch
from .local import local
from .loop import Hub, get_hub, hub_if_any
from .park import TIMED_OUT, WaitQueue, park, park_for, sleep, unpark, unpark_error
from .queues import Empty, Full, LifoQueue, PriorityQueue, Queue
from .sync import AsyncResult, BoundedSemaphore, Condition, Event, Lock, RLock, Semaphore
from .threads import ThreadPool, ThreadResult, default_pool, to_thread
from .timers import Timer

__all__ = [
    "TIMED_OUT",
    "AsyncResult",
    "BlockingInHubError",
    "BoundedSemaphore",
    "Condition",
    "Empty",
    "Event",
    "Full",
    "Greenlet",
    "GreenletExit",
    "Group",
    "Hub",
    "HubClosedError",
    "LifoQueue",
    "Lock",
    "LoopExit",
    "NotReady",
    "Pool",
    "PriorityQueue",
    "Queue",
    "RLock",
    "Registration",
    "Semaphore",
    "ThreadPool",
    "ThreadResult",
    "Timeout",
    "Timer",
    "WaitQueue",
    "Watch",
    "WokenTwiceError",
    "default_pool",
    "fail_after",
    "get_hub",
    "getcurrent",
    "hub_if_any",
    "iwait",
    "joinall",
    "kill",
    "killall",
    "local",
    "move_on_after",
    "notify_closing",
    "park",
    "park_for",
    "sleep",
    "spawn",
    "spawn_later",
    "spawn_raw",
    "to_thread",
    "unpark",
    "unpark_error",
    "wait",
    "wait_readable",
    "wait_writable",
    "watch",
    "with_timeout",
]
