"""The system's libc, called in threads: nsswitch, mDNS, LDAP and all, while the program goes on.

The threads are not those of the pool for user code, so neither delays the other. There are many of them: a lookup
mostly waits, and libc cannot wait for several in one thread.
"""

from __future__ import annotations

import _socket
from typing import Any

from ...hub import ThreadPool, get_hub
from ..model import Config
from ..names.address import value_of
from .calls import Call
from .libc import LIBC, BlockResolver

_NUMERICHOST = int(_socket.AI_NUMERICHOST)

_WIDTH = 64
_IDLE = 5.0  # seconds


class ThreadResolver(BlockResolver):
    """See the module. A kill or a Timeout returns at once; libc's own call ends alone and its answer is dropped."""

    name = "thread"

    def call(self, call: Call) -> Any:
        """See CallResolver. A getaddrinfo that asks nobody, of a literal or of no host at all, needs no thread."""
        if call.name == "getaddrinfo":
            host, *rest, flags = call.args
            if host is None or (isinstance(host, str | bytes) and value_of(host) is not None):
                try:
                    return LIBC[call.name](host, *rest, flags | _NUMERICHOST)
                except _socket.gaierror as error:
                    if error.errno != _socket.EAI_NONAME or host is None or flags & _NUMERICHOST:
                        raise
        variables = get_hub().vars
        lane: ThreadPool | None = variables.get(self)
        if lane is None:
            lane = variables[self] = ThreadPool(_WIDTH, _IDLE)
        return lane.apply(self._ask_libc, (call,))

    def close(self) -> None:
        """End this hub's lane; calls under way end alone."""
        lane: ThreadPool | None = get_hub().vars.pop(self, None)
        if lane is not None:
            lane.close()


def make(config: Config | None) -> ThreadResolver:
    """The resolver; one serves all threads, each with a lane of its own."""
    return ThreadResolver(config)
