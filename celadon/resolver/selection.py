"""Which resolver a lookup goes to: the scope's, else the process', else what the environment says.

``use`` may be called at any time: lookups in flight end on the resolver that they began on.
"""

from __future__ import annotations

import _socket
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from ..hub import get_hub
from . import registry
from .cache import Cache, CachePolicy
from .config import parse_server
from .errors import ResolverConfigError
from .files import System
from .front import StubResolver
from .idna import load as load_idna
from .limit import Limited, Limits
from .model import AddrInfo, Config, RRType, SockAddr
from .plans import Ways
from .protocols import Engine, Resolver

#: Until a resolver that decides per name exists, the system's own libc in threads is the safest answer.
DEFAULT = "thread"

_scope: ContextVar[Resolver | None] = ContextVar("celadon.resolver.scope", default=None)
_process: Resolver | None = None
_system = System()


def _cache(given: Cache | CachePolicy | Mapping[str, Any] | bool | int | None) -> Cache | None:
    """The cache that an argument ``cache`` asks for."""
    if isinstance(given, Cache):
        return given
    if given is None or given is True:
        return Cache()
    if given is False:
        return None
    try:
        if isinstance(given, CachePolicy):
            return Cache(given)
        return Cache(CachePolicy(entries=given) if isinstance(given, int) else CachePolicy(**given))
    except (TypeError, ValueError) as error:
        raise ResolverConfigError(f"cache: {error}") from None


def _ways(special_names: str, nul: str, strict: bool, cname_order: str, idna: int | str) -> Ways:
    for name, value, safe in (
        ("special_names", special_names, "rfc6761"),
        ("nul", nul, "refuse"),
        ("cname_order", cname_order, "any"),
    ):
        if value not in (safe, "libc"):
            raise ResolverConfigError(f"{name}: {value!r} is neither {safe!r} nor 'libc'")
    if str(idna) not in ("2003", "2008"):
        raise ResolverConfigError(f"idna: {idna!r} is neither 2003 nor 2008")
    load_idna(int(idna))
    return Ways(special_names != "libc", nul != "libc", bool(strict), cname_order != "libc", int(idna))


def make(
    resolver: str | Resolver | None = None,
    *,
    servers: Iterable[str] | None = None,
    timeout: float | None = None,
    attempts: int | None = None,
    deadline: float | None = None,
    cache: Cache | CachePolicy | Mapping[str, Any] | bool | int | None = None,
    search: Iterable[str] | None = None,
    concurrency: int | None = None,
    rate: float | None = None,
    special_names: str = "rfc6761",
    nul: str = "refuse",
    strict: bool = True,
    cname_order: str = "any",
    idna: int | str = 2003,
) -> Resolver:
    """A resolver by name (``ares``, ``python``, ``thread``, ``block``), or the object itself.

    ``servers`` are addresses with optional ports (``127.0.0.1:5301``, ``[::1]:53``) in place of resolv.conf's,
    ``timeout`` seconds per try, ``attempts`` rounds over all servers, ``deadline`` seconds for a lookup as a whole.
    ``cache`` is on unless False; a number sizes it, a mapping or a CachePolicy says more, a Cache is shared; the libc
    resolvers have none. ``search`` is the list of domains that names are tried in (empty: none). ``concurrency``
    bounds the questions in flight, ``rate`` those sent in a second, both per hub; the others wait their turn.
    ``special_names``, ``nul`` and ``cname_order`` may be "libc": docs/differences.md says what for. ``strict`` False
    takes the AAAA records where the A records could not be had. ``idna`` is 2003 or 2008. Raises ResolverConfigError
    for what cannot be.
    """
    ways = _ways(special_names, nul, strict, cname_order, idna)
    changes: dict[str, Any] = {}
    if servers is not None:
        given = (servers,) if isinstance(servers, str) else tuple(servers)
        if not given:
            raise ResolverConfigError("servers: the list is empty")
        changes["servers"] = tuple(parse_server(one) for one in given)
    if timeout is not None:
        if not timeout > 0:
            raise ResolverConfigError(f"timeout: {timeout!r} is not a positive number of seconds")
        changes["timeout"] = float(timeout)
    if attempts is not None:
        if attempts < 1:
            raise ResolverConfigError(f"attempts: {attempts!r} is less than 1")
        changes["attempts"] = attempts
    if search is not None:
        changes["search"] = (search,) if isinstance(search, str) else tuple(search)
    if deadline is not None and not deadline > 0:
        raise ResolverConfigError(f"deadline: {deadline!r} is not a positive number of seconds")
    if not isinstance(resolver, str) and resolver is not None:
        if changes or ways != Ways() or any(one is not None for one in (deadline, cache, concurrency, rate)):
            raise ResolverConfigError("options go with a resolver's name, not with an object")
        if not callable(getattr(resolver, "getaddrinfo", None)):
            raise ResolverConfigError(f"{resolver!r} is neither a resolver's name nor has it getaddrinfo")
        return resolver
    name = resolver or os.environ.get("CELADON_RESOLVER", "").partition("+")[0] or DEFAULT
    if name in registry.RESOLVERS:
        return registry.make_resolver(name, replace(_system.world().config, **changes) if changes else None)
    if name not in registry.ENGINES:
        raise ResolverConfigError(f"unknown resolver {name!r}; there are {', '.join(registry.names())}")

    try:
        limits = Limits(concurrency, rate)
    except ValueError as error:
        raise ResolverConfigError(str(error)) from None

    def engine(config: Config) -> Engine:
        made = registry.make_engine(name, config)
        hub = get_hub()
        return Limited(made, limits, hub.now, hub.call_later) if limits else made

    world = _system.changed(changes, ways) if changes or ways != Ways() else _system.world
    asking = registry.ASKS_WITH.get(name)
    return StubResolver(name, engine, world, cache=_cache(cache), deadline=deadline, asking=asking)


def use(resolver: str | Resolver | None = None, **options: Any) -> Resolver:
    """Have the whole process look names up with this resolver from now on; returns it. Options as ``make``'s."""
    global _process
    made = make(resolver, **options)
    old, _process = _process, made
    if old is not None and old is not made:
        old.close()
    return made


@contextmanager
def scope(resolver: str | Resolver | None = None, **options: Any) -> Iterator[Resolver]:
    """Have this greenlet, and those that it spawns in the block, look names up with another resolver.

    Options as ``make``'s.
    """
    made = make(resolver, **options)
    token = _scope.set(made)
    try:
        yield made
    finally:
        _scope.reset(token)
        if made is not resolver:
            made.close()


def current() -> Resolver:
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


def permit(address: str) -> None:
    """Raise BlockedAddress where the resolver in use forbids sending to this literal address.

    Green sockets ask it before they send to an address that needed no lookup. Without a guard it is free.
    """
    made = _scope.get() or _process
    check = getattr(made, "permit", None)
    if check is not None:
        check(address)


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
    made: Any = current()
    return made.gethostbyname(hostname)  # type: ignore[no-any-return]


def gethostbyname_ex(hostname: str | bytes) -> tuple[str, list[str], list[str]]:
    """``socket.gethostbyname_ex``, cooperatively."""
    made: Any = current()
    return made.gethostbyname_ex(hostname)  # type: ignore[no-any-return]


def gethostbyaddr(ip_address: str | bytes) -> tuple[str, list[str], list[str]]:
    """``socket.gethostbyaddr``, cooperatively."""
    made: Any = current()
    return made.gethostbyaddr(ip_address)  # type: ignore[no-any-return]


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


def parse_type(rdtype: str | int) -> int:
    """A record type's number from its mnemonic, ``TYPE123`` or itself. Raises ResolverConfigError."""
    if isinstance(rdtype, int):
        if 0 <= rdtype <= 0xFFFF:
            return int(rdtype)
    else:
        word = rdtype.upper()
        if word in RRType.__members__:
            return int(RRType[word])
        if word.startswith("TYPE") and word[4:].isascii() and word[4:].isdigit() and int(word[4:]) <= 0xFFFF:
            return int(word[4:])
    raise ResolverConfigError(f"unknown record type {rdtype!r}")
