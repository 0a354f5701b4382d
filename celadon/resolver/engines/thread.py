"""The system's libc in threads of DNS' own: nsswitch, mDNS, LDAP and all, and the program goes on meanwhile.

The lane is apart from the pool that user code shares, so neither delays the other, and wide: a lookup mostly
waits, and libc has no other way to wait for several.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...hub import ThreadPool, get_hub
from ..model import Config
from .block import BlockResolver

_WIDTH = 64
_IDLE = 5.0  # seconds


class ThreadResolver(BlockResolver):
    """See the module. A kill or a Timeout returns at once; libc's own call ends alone and its answer is dropped."""

    name = "thread"

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        variables = get_hub().vars
        lane: ThreadPool | None = variables.get(self)
        if lane is None:
            lane = variables[self] = ThreadPool(_WIDTH, _IDLE)
        return lane.apply(self._in_thread, (function, *args))

    def close(self) -> None:
        """End this hub's lane; calls under way end alone."""
        lane: ThreadPool | None = get_hub().vars.pop(self, None)
        if lane is not None:
            lane.close()


def make(config: Config | None) -> ThreadResolver:
    """The resolver; one serves all threads, each with a lane of its own."""
    return ThreadResolver(config)
