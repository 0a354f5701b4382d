"""``eventlet.hubs``: the hub of the thread, and waiting for a file by hand."""

from ._in_use import HubError, get_default_hub, get_hub, notify_close, notify_opened, trampoline, use_hub
from .hub import IOClosed

__all__ = [
    "HubError",
    "IOClosed",
    "get_default_hub",
    "get_hub",
    "notify_close",
    "notify_opened",
    "trampoline",
    "use_hub",
]
