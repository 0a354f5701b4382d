"""Not gevent itself: Celadon, by gevent's names. docs/migrate-from-gevent.md says what is different."""

from celadon.compat.facade import submodules
from celadon.hub import GreenletExit, Timeout, getcurrent, iwait, sleep, wait, with_timeout

from . import event as event
from . import timeout as timeout
from ._config import config
from ._version import __version__ as __version__
from ._version import version_info as version_info
from .greenlet import Greenlet, joinall, kill, killall, spawn, spawn_later, spawn_raw
from .hub import _in_place as _in_place
from .hub import get_hub, getswitchinterval, idle, reinit, setswitchinterval, signal_handler
from .os import fork

#: Programs name modules that gevent itself has imported meanwhile: ``gevent.queue`` after an import of ``gevent.pool``.
__getattr__ = submodules(globals())

__all__ = [
    "Greenlet",
    "GreenletExit",
    "Timeout",
    "config",
    "fork",
    "get_hub",
    "getcurrent",
    "getswitchinterval",
    "idle",
    "iwait",
    "joinall",
    "kill",
    "killall",
    "reinit",
    "setswitchinterval",
    "signal_handler",
    "sleep",
    "spawn",
    "spawn_later",
    "spawn_raw",
    "wait",
    "with_timeout",
]
