"""What other libraries take from ``gevent._socketcommon``."""

from ._hub_primitives import wait_on_watcher as wait
from ._hub_primitives import wait_read, wait_readwrite, wait_write
from .socket import cancel_wait, cancel_wait_ex

__all__ = ["cancel_wait", "cancel_wait_ex", "wait", "wait_read", "wait_readwrite", "wait_write"]
