"""eventlet by Celadon: eventlet's names, whose objects are Celadon's. See docs/migrate-from-eventlet.md."""

import greenlet

from celadon.hub import getcurrent

from . import (
    convenience,
    event,
    green,
    greenio,
    greenpool,
    greenthread,
    hubs,
    patcher,
    queue,
    semaphore,
    support,
    timeout,
)
from ._version import __version__
from .convenience import StopServe, connect, listen, serve, wrap_ssl
from .event import Event
from .greenpool import GreenPile, GreenPool
from .greenthread import (
    TimeoutError,  # noqa: A004  (eventlet's name)
    call_after_global,
    exc_after,
    kill,
    sleep,
    spawn,
    spawn_after,
    spawn_n,
)
from .patcher import import_patched, monkey_patch
from .queue import Queue
from .semaphore import BoundedSemaphore, CappedSemaphore, Semaphore
from .timeout import Timeout, is_timeout, with_timeout, wrap_is_timeout
from .warning import EventletDeprecationWarning

__all__ = [
    "BoundedSemaphore",
    "CappedSemaphore",
    "Event",
    "EventletDeprecationWarning",
    "GreenPile",
    "GreenPool",
    "Queue",
    "Semaphore",
    "StopServe",
    "Timeout",
    "TimeoutError",
    "__version__",
    "call_after_global",
    "connect",
    "convenience",
    "event",
    "exc_after",
    "getcurrent",
    "green",
    "greenio",
    "greenlet",
    "greenpool",
    "greenthread",
    "hubs",
    "import_patched",
    "is_timeout",
    "kill",
    "listen",
    "monkey_patch",
    "patcher",
    "queue",
    "semaphore",
    "serve",
    "sleep",
    "spawn",
    "spawn_after",
    "spawn_n",
    "support",
    "timeout",
    "with_timeout",
    "wrap_is_timeout",
    "wrap_ssl",
]
