"""The hub: greenlets, deadlines, waiting for fds and threads. This is the door for programs.

What only libraries need is in ``celadon.hub.lowlevel``; reports are in ``.debug``, a mock clock is in ``.testing``.
"""

import os
import typing

from greenlet import GreenletExit, getcurrent

from .. import late
from . import accel  # noqa: F401  (switches itself on, unless the environment says no)
from .errors import BlockingInHubError, CancelledError, HubClosedError, InvalidSwitchError, LoopExit, WokenTwiceError
from .greenlets.greenlet import Greenlet, spawn, spawn_later, spawn_raw
from .greenlets.join import idle, iwait, joinall, kill, killall, wait
from .loop.current import get_hub
from .loop.hub import Hub
from .loop.timers import Timer
from .waiting.fds import notify_closing, wait_readable, wait_writable
from .waiting.park import sleep
from .waiting.sync import AsyncResult, BoundedSemaphore, DummySemaphore, Event, Lock, RLock, Semaphore
from .waiting.timeouts import NotReady, Timeout, fail_after, move_on_after, shield, with_timeout
from .worker_thread import WorkerThread

if os.environ.get("CELADON_WATCHDOG"):
    from .debug import watchdog  # noqa: F401  (switches itself on)

if typing.TYPE_CHECKING:
    from .children import wait_pid
    from .greenlet_local import local
    from .greenlets.dagpool import Collision, DAGPool, PropagateError
    from .greenlets.greenpool import GreenPile, GreenPool
    from .greenlets.group_and_pool import Group, Pool, PoolFull
    from .greenlets.taskgroup import TaskGroup
    from .guest import Guest
    from .hub_thread import HubThread
    from .signals import SignalHandler, signal_handler
    from .threads import ThreadPool, ThreadResult, default_pool, to_thread
    from .waiting.conditions import Barrier, BrokenBarrierError, Condition
    from .waiting.queues import (
        Channel,
        Empty,
        Full,
        JoinableQueue,
        LifoQueue,
        PriorityQueue,
        Queue,
        ShutDown,
        SimpleQueue,
    )
    from .waiting.resource_pool import ResourcePool, Token, TokenPool
else:
    __getattr__, __dir__ = late.door(
        __name__,
        {
            "children": "wait_pid",
            "greenlet_local": "local",
            "greenlets.dagpool": "Collision DAGPool PropagateError",
            "greenlets.greenpool": "GreenPile GreenPool",
            "greenlets.group_and_pool": "Group Pool PoolFull",
            "greenlets.taskgroup": "TaskGroup",
            "guest": "Guest",
            "hub_thread": "HubThread",
            "signals": "SignalHandler signal_handler",
            "threads": "ThreadPool ThreadResult default_pool to_thread",
            "waiting.conditions": "Barrier BrokenBarrierError Condition",
            "waiting.queues": "Channel Empty Full JoinableQueue LifoQueue PriorityQueue Queue ShutDown SimpleQueue",
            "waiting.resource_pool": "ResourcePool Token TokenPool",
        },
    )

__all__ = [
    "AsyncResult",
    "Barrier",
    "BlockingInHubError",
    "BoundedSemaphore",
    "BrokenBarrierError",
    "CancelledError",
    "Channel",
    "Collision",
    "Condition",
    "DAGPool",
    "DummySemaphore",
    "Empty",
    "Event",
    "Full",
    "GreenPile",
    "GreenPool",
    "Greenlet",
    "GreenletExit",
    "Group",
    "Guest",
    "Hub",
    "HubClosedError",
    "HubThread",
    "InvalidSwitchError",
    "JoinableQueue",
    "LifoQueue",
    "Lock",
    "LoopExit",
    "NotReady",
    "Pool",
    "PoolFull",
    "PriorityQueue",
    "PropagateError",
    "Queue",
    "RLock",
    "ResourcePool",
    "Semaphore",
    "ShutDown",
    "SignalHandler",
    "SimpleQueue",
    "TaskGroup",
    "ThreadPool",
    "ThreadResult",
    "Timeout",
    "Timer",
    "Token",
    "TokenPool",
    "WokenTwiceError",
    "WorkerThread",
    "default_pool",
    "fail_after",
    "get_hub",
    "getcurrent",
    "idle",
    "iwait",
    "joinall",
    "kill",
    "killall",
    "local",
    "move_on_after",
    "notify_closing",
    "shield",
    "signal_handler",
    "sleep",
    "spawn",
    "spawn_later",
    "spawn_raw",
    "to_thread",
    "wait",
    "wait_pid",
    "wait_readable",
    "wait_writable",
    "with_timeout",
]
