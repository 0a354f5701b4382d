"""Where the standard library's ``multiprocessing`` blocks in C: its semaphores, which other processes hold.

There is nothing to wait for in a semaphore between processes, so it is tried again after pauses that grow to 20 ms.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ..hub import get_hub, sleep
from .files import descriptor

_SHORTEST, _LONGEST = 0.0002, 0.02


def semlock(module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``multiprocessing.synchronize.SemLock``."""
    std: Any = module
    make = std.SemLock._make_methods

    def _make_methods(self: Any) -> None:
        make(self)
        native = self._semlock.acquire

        def acquire(block: bool = True, timeout: float | None = None) -> bool:
            if native(False):
                return True
            if not block:
                return False
            now = get_hub().now
            deadline = None if timeout is None else now() + max(timeout, 0)
            pause = _SHORTEST
            while True:
                left = pause if deadline is None else min(pause, deadline - now())
                if left <= 0:
                    return False
                sleep(left)
                if native(False):
                    return True
                pause = min(pause * 2, _LONGEST)

        self.acquire = acquire

    def __enter__(self: Any) -> bool:  # noqa: N807  (it becomes the class' own)
        return bool(self.acquire())

    return {"_make_methods": _make_methods, "__enter__": __enter__}


#: Bound as defaults when ``multiprocessing.connection`` was imported.
SEND: dict[str, Any] = {"__defaults__": (descriptor.write,)}
RECV: dict[str, Any] = {"__defaults__": (descriptor.read,)}

__all__ = ["RECV", "SEND", "semlock"]
