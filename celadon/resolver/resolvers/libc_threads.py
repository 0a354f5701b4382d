"""The system's libc in threads of DNS' own: nsswitch, mDNS, LDAP and all, and the program goes on meanwhile.

The lane is apart from the pool that user code shares, so neither delays the other, and wide: a lookup mostly
waits, and libc has no other way to wait for several.
"""

from __future__ import annotations

import _socket
from collections.abc import Callable
from typing import Any

from ...hub import ThreadPool, get_hub
from ..model import AddrInfo, Config
from ..names.address import value_of
from .libc import BlockResolver

# Bound at import: the C-level function, whatever is patched.
_getaddrinfo: Any = _socket.getaddrinfo
_NUMERICHOST = int(_socket.AI_NUMERICHOST)

_WIDTH = 64
_IDLE = 5.0  # seconds


class ThreadResolver(BlockResolver):
    """See the module. A kill or a Timeout returns at once; libc's own call ends alone and its answer is dropped."""

    name = "thread"

    def getaddrinfo(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[AddrInfo]:
        """See ``socket.getaddrinfo``. What asks nobody, a literal or no host at all, needs no thread."""
        if host is None or (isinstance(host, str | bytes) and value_of(host) is not None):
            try:
                return _getaddrinfo(host, port, family, type, proto, flags | _NUMERICHOST)  # type: ignore[no-any-return]
            except _socket.gaierror as error:
                if error.errno != _socket.EAI_NONAME or host is None or flags & _NUMERICHOST:
                    raise
        return super().getaddrinfo(host, port, family, type, proto, flags)

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
