"""The system's libc, called on the hub: everything stands still meanwhile. For debugging; the base of ``thread``."""

from __future__ import annotations

import _socket
from collections.abc import Callable
from typing import Any

from ..model import AddrInfo, Config, SockAddr
from ..policy.explain import Explanation
from . import libc_servers

# Bound at import: whoever patches the module must not come back here.
_getaddrinfo = _socket.getaddrinfo
_getnameinfo = libc_servers.getnameinfo
_gethostbyname = _socket.gethostbyname
_gethostbyname_ex = _socket.gethostbyname_ex
_gethostbyaddr = _socket.gethostbyaddr


class BlockResolver:
    """libc's own answers, with its own files; ``config`` puts other servers in the place of resolv.conf's."""

    name = "block"

    def __init__(self, config: Config | None) -> None:
        self._config = config

    def __repr__(self) -> str:
        return f"<{self.name} resolver>"

    def _in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call libc, after having set its servers for the thread that this runs in."""
        if self._config is not None:
            libc_servers.apply(self._config)
        return function(*args)

    _call = _in_thread

    def getaddrinfo(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[AddrInfo]:
        """See ``socket.getaddrinfo``."""
        return self._call(_getaddrinfo, host, port, family, type, proto, flags)  # type: ignore[no-any-return]

    def getnameinfo(self, sockaddr: SockAddr, flags: int = 0) -> tuple[str, str]:
        """See ``socket.getnameinfo``."""
        return self._call(_getnameinfo, sockaddr, flags)  # type: ignore[no-any-return]

    def gethostbyname(self, host: str | bytes) -> str:
        """See ``socket.gethostbyname``."""
        return self._call(_gethostbyname, host)  # type: ignore[no-any-return]

    def gethostbyname_ex(self, host: str | bytes) -> tuple[str, list[str], list[str]]:
        """See ``socket.gethostbyname_ex``."""
        return self._call(_gethostbyname_ex, host)  # type: ignore[no-any-return]

    def gethostbyaddr(self, address: str | bytes) -> tuple[str, list[str], list[str]]:
        """See ``socket.gethostbyaddr``."""
        return self._call(_gethostbyaddr, address)  # type: ignore[no-any-return]

    def explain(self, name: str) -> Explanation:
        """That libc looks it up, as it does any name."""
        servers = self._config and f"its servers are {', '.join(map(str, self._config.servers))}"
        return Explanation(name, f"{self.name}, libc itself", "it was chosen", (servers,) if servers else ())

    def close(self) -> None:
        """Nothing is held."""


def make(config: Config | None) -> BlockResolver:
    """The resolver; one serves all threads."""
    return BlockResolver(config)
