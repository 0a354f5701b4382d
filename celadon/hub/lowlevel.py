"""The second door: what libraries build primitives and protocols on. Programs need none of it.

``park`` and ``unpark`` are the one way to wait and the one way to wake; ``Registration`` and ``Watch`` connect
descriptors with the loop. See "Primitives of your own" in docs/hub.md.
"""

from .errors import FdClosedError
from .greenlets.greenlet import spawn_ahead
from .greenlets.ident import IdentRegistry
from .loop.current import hub_if_any, root_greenlet, wake_at_signals
from .loop.gevent_names import LoopGreenlet
from .loop.hub import hub_fds
from .loop.joined import begin_now, may_wait, outer_if_any
from .waiting.fds import Registration, Watch, watch
from .waiting.park import TIMED_OUT, WaitQueue, Wake, park, park_for, unpark, unpark_error

__all__ = [
    "TIMED_OUT",
    "FdClosedError",
    "IdentRegistry",
    "LoopGreenlet",
    "Registration",
    "WaitQueue",
    "Wake",
    "Watch",
    "begin_now",
    "hub_fds",
    "hub_if_any",
    "may_wait",
    "outer_if_any",
    "park",
    "park_for",
    "root_greenlet",
    "spawn_ahead",
    "unpark",
    "unpark_error",
    "wake_at_signals",
    "watch",
]
