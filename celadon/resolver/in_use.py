"""Which resolver a lookup goes to: the scope's, else the process', else what the environment says.

``use`` may be called at any time: lookups in flight end on the resolver that they began on.
"""

from __future__ import annotations

import _socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from . import registry
from .events import ResolverStats
from .factory import ResolverLike, make, within
from .model import AddrInfo, SockAddr
from .policy.explain import Explanation
from .protocols import FullResolver, Resolver

_scope: ContextVar[FullResolver | None] = ContextVar("celadon.resolver.scope", default=None)
_process: FullResolver | None = None


def use(resolver: ResolverLike = None, **options: Any) -> FullResolver:
    """Have the whole process look names up with this resolver from now on; returns it. Options as ``make``'s."""
    global _process
    made = make(resolver, **options)
    old, _process = _process, made
    if old is not None and old is not made:
        old.close()
    return made


@contextmanager
def scope(resolver: ResolverLike = None, **options: Any) -> Iterator[FullResolver]:
    """Have this greenlet, and those that it spawns in the block, look names up with another resolver.

    Options as ``make``'s. A ``deadline`` alone leaves the resolver, and bounds each of its lookups in the block. What
    was made for the block is closed at its end; a resolver object of the caller's stays open.
    """
    given = isinstance(resolver, Resolver) and not isinstance(resolver, type)
    if resolver is None and options.keys() == {"deadline"}:
        made = within(current(), options["deadline"], owned=False)
    else:
        made = make(resolver, **options)
    token = _scope.set(made)
    try:
        yield made
    finally:
        _scope.reset(token)
        if not given:
            made.close()


def current() -> FullResolver:
    """The resolver that a lookup made now would go to."""
    global _process
    made = _scope.get() or _process
    if made is None:
        made = _process = make()
    return made


def reset() -> None:
    """Forget what ``use`` chose; the environment or the default decides again."""
    global _process
    old, _process = _process, None
    if old is not None:
        old.close()


def discard(host: str, address: str) -> bool:
    """Forget one address of a host in the cache of the resolver in use, as one that nobody could connect to.

    The next lookup does without it; with the last one gone, servers are asked again. True if it was there.
    """
    return current().discard(host, address)


def explain(name: str) -> Explanation:
    """What a lookup of ``name`` would do now, and why: who, in which order, of which servers. Asks nobody.

    ``print`` it, or read its fields.
    """
    return current().explain(name)


def stats() -> ResolverStats:
    """A snapshot of the counts of the resolver in use; see ResolverStats."""
    return current().stats()


def permit(address: str) -> None:
    """Raise BlockedAddress where the resolver in use forbids sending to this literal address.

    Green sockets ask it before they send to an address that needed no lookup. Without a guard it is free.
    """
    made = _scope.get() or _process
    if made is not None:
        made.permit(address)


def preload() -> None:
    """Import what must not be imported patched: pycares keeps a thread and a lock of its own."""
    registry.preload()


def getaddrinfo(
    host: str | bytes | None,
    port: str | bytes | int | None,
    family: int = 0,
    type: int = 0,
    proto: int = 0,
    flags: int = 0,
) -> list[AddrInfo]:
    """``socket.getaddrinfo``, cooperatively."""
    return current().getaddrinfo(host, port, family, type, proto, flags)


def getnameinfo(sockaddr: SockAddr, flags: int) -> tuple[str, str]:
    """``socket.getnameinfo``, cooperatively."""
    return current().getnameinfo(sockaddr, flags)


def gethostbyname(hostname: str | bytes) -> str:
    """``socket.gethostbyname``, cooperatively."""
    return current().gethostbyname(hostname)


def gethostbyname_ex(hostname: str | bytes) -> tuple[str, list[str], list[str]]:
    """``socket.gethostbyname_ex``, cooperatively."""
    return current().gethostbyname_ex(hostname)


def gethostbyaddr(ip_address: str | bytes) -> tuple[str, list[str], list[str]]:
    """``socket.gethostbyaddr``, cooperatively."""
    return current().gethostbyaddr(ip_address)


def getfqdn(name: str = "") -> str:
    """``socket.getfqdn``, cooperatively: the first of the host's names that has a dot."""
    name = name.strip()
    if not name or name in ("0.0.0.0", "::"):
        name = _socket.gethostname()
    try:
        hostname, aliases, _ = gethostbyaddr(name)
    except OSError:
        return name
    return next((one for one in (hostname, *aliases) if "." in one), hostname)
