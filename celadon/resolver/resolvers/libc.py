"""The system's libc, called on the hub, which stands still meanwhile. For debugging; the base of ``thread``."""

from __future__ import annotations

import _socket
from typing import Any

from ..model import Config
from ..names.address import value_of
from ..policy.explain import Explanation
from . import libc_servers
from .calls import NAMES, Call, CallResolver

#: The C functions. Bound at import, so that a patched module is never called from here.
LIBC: dict[str, Any] = {name: getattr(_socket, name) for name in NAMES} | {"getnameinfo": libc_servers.getnameinfo}


_NUMERICHOST = int(_socket.AI_NUMERICHOST)


def at_once(call: Call) -> Any:
    """The result of a getaddrinfo that asks nobody, of a literal or of no host at all; None for any other call."""
    if call.name != "getaddrinfo":
        return None
    host, *rest, flags = call.args
    if host is not None and not (isinstance(host, str | bytes) and value_of(host) is not None):
        return None
    try:
        return LIBC[call.name](host, *rest, flags | _NUMERICHOST)
    except _socket.gaierror as error:
        if error.errno != _socket.EAI_NONAME or host is None or flags & _NUMERICHOST:
            raise
    return None


class BlockResolver(CallResolver):
    """libc's own answers, with its own files; ``config`` replaces resolv.conf's servers."""

    name = "block"

    def __init__(self, config: Config | None) -> None:
        self._config = config

    def __repr__(self) -> str:
        return f"<{self.name} resolver>"

    @property
    def config(self) -> Config | None:
        """What it was given."""
        return self._config

    def ask_libc(self, call: Call) -> Any:
        """Call libc, after having set its servers for the thread that this runs in."""
        if self._config is not None:
            libc_servers.apply(self._config)
        return LIBC[call.name](*call.args)

    def call(self, call: Call) -> Any:
        """See CallResolver."""
        return self.ask_libc(call)

    def explain(self, name: str) -> Explanation:
        """See FullResolver: libc looks up every name."""
        servers = self._config and f"its servers are {', '.join(map(str, self._config.servers))}"
        return Explanation(name, f"{self.name}, libc itself", "it was chosen", (servers,) if servers else ())

    def close(self) -> None:
        """Nothing is held."""


def make(config: Config | None) -> BlockResolver:
    """The resolver; one serves all threads."""
    return BlockResolver(config)
