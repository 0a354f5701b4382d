"""The resolver in use: the scope's, else the process', else the one that the environment names.

``use`` may be called at any time. A lookup under way ends on the resolver that it began on.
"""

from __future__ import annotations

import _socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from . import registry
from .errors import LOOKUP_ERRORS, noted
from .events import ResolverStats
from .factory import ResolverLike, make, within
from .model import AddrInfo, SockAddr
from .policy.explain import Explanation
from .protocols import FullResolver, Resolver

_scope: ContextVar[FullResolver | None] = ContextVar("celadon.resolver.scope", default=None)
_process: FullResolver | None = None


def use(resolver: ResolverLike = None, **options: Any) -> FullResolver:
    """Make this the resolver of the whole process, and return it. Options as ``make``'s. The one before is closed."""
    global _process
    made = make(resolver, **options)
    old, _process = _process, made
    if old is not None and old is not made:
        old.close()
    return made


@contextmanager
def scope(resolver: ResolverLike = None, **options: Any) -> Iterator[FullResolver]:
    """Use another resolver in this block: in this greenlet, and in those that it spawns here.

    Options as ``make``'s. A ``deadline`` alone keeps the resolver and bounds each of its lookups. What
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
    """The resolver that a lookup made now goes to."""
    global _process
    made = _scope.get() or _process
    if made is None:
        made = _process = make()
    return made


def reset() -> None:
    """Close the resolver that ``use`` chose; the environment or the default decides again."""
    global _process
    old, _process = _process, None
    if old is not None:
        old.close()


def discard(host: str, address: str) -> bool:
    """Forget one address of a host in the cache of the resolver in use, because no connection to it succeeds.

    The next lookup returns the others; without any, servers are asked again. True if the address was in the cache.
    """
    return current().discard(host, address)


def explain(name: str) -> Explanation:
    """How a lookup of ``name`` would go now, and why: sources, servers, their order. Asks nobody.

    ``print`` it, or read its fields.
    """
    return current().explain(name)


def stats() -> ResolverStats:
    """A snapshot of the counts of the resolver in use; see ResolverStats."""
    return current().stats()


def permit(address: str) -> None:
    """Raise BlockedAddress if the resolver in use forbids sending to this literal address.

    Green sockets call it before they send to an address that needed no lookup.
    """
    made = _scope.get() or _process
    if made is not None:
        made.permit(address)


def preload() -> None:
    """Import c-ares now, so that the first lookup does not: it takes about 30 ms, in which no greenlet runs.

    ResolverUnavailable if pycares is not installed. Before or after ``patch_all``: its thread stays one of the system.
    """
    registry.ready(registry.AUTOMATIC)


def getaddrinfo(
    host: str | bytes | None,
    port: str | bytes | int | None,
    family: int = 0,
    type: int = 0,
    proto: int = 0,
    flags: int = 0,
) -> list[AddrInfo]:
    """``socket.getaddrinfo``, cooperatively."""
    made = _scope.get() or _process or current()  # spares the commonest call another one
    try:
        return made.getaddrinfo(host, port, family, type, proto, flags)
    except LOOKUP_ERRORS as error:
        raise noted(error, host, made)  # noqa: B904  (the same error)


def getnameinfo(sockaddr: SockAddr, flags: int) -> tuple[str, str]:
    """``socket.getnameinfo``, cooperatively."""
    made = current()
    try:
        return made.getnameinfo(sockaddr, flags)
    except LOOKUP_ERRORS as error:
        raise noted(error, sockaddr, made)  # noqa: B904


def gethostbyname(hostname: str | bytes) -> str:
    """``socket.gethostbyname``, cooperatively."""
    made = current()
    try:
        return made.gethostbyname(hostname)
    except LOOKUP_ERRORS as error:
        raise noted(error, hostname, made)  # noqa: B904


def gethostbyname_ex(hostname: str | bytes) -> tuple[str, list[str], list[str]]:
    """``socket.gethostbyname_ex``, cooperatively."""
    made = current()
    try:
        return made.gethostbyname_ex(hostname)
    except LOOKUP_ERRORS as error:
        raise noted(error, hostname, made)  # noqa: B904


def gethostbyaddr(ip_address: str | bytes) -> tuple[str, list[str], list[str]]:
    """``socket.gethostbyaddr``, cooperatively."""
    made = current()
    try:
        return made.gethostbyaddr(ip_address)
    except LOOKUP_ERRORS as error:
        raise noted(error, ip_address, made)  # noqa: B904


def getfqdn(name: str = "") -> str:
    """``socket.getfqdn``, cooperatively: the first of the host's names with a dot."""
    name = name.strip()
    if not name or name in ("0.0.0.0", "::"):
        name = _socket.gethostname()
    try:
        hostname, aliases, _ = gethostbyaddr(name)
    except OSError:
        return name
    return next((one for one in (hostname, *aliases) if "." in one), hostname)
