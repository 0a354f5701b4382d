"""The standard library's ``socket``, cooperatively, whether or not anything is patched; and gevent's own names."""

from __future__ import annotations

from typing import Any

from celadon.compat.shaped import fill
from celadon.green import import_patched

from ._hub_local import get_hub
from ._hub_primitives import wait_on_watcher, wait_read, wait_readwrite, wait_write  # noqa: F401
from .resolver import begin

begin()


class cancel_wait_ex(OSError):  # noqa: N801  (gevent's name)
    """What a wait for a descriptor raises that is closed: EBADF."""

    def __init__(self) -> None:
        super().__init__(9, "File descriptor was closed in another greenlet")


def cancel_wait(watcher: Any, error: Any = cancel_wait_ex) -> None:
    """Raise ``error`` in the greenlet that waits for the watcher."""
    get_hub().cancel_wait(watcher, error)


wait = wait_on_watcher

fill(globals(), "socket", import_patched("socket"), ("cancel_wait", "wait_read", "wait_readwrite", "wait_write"))
