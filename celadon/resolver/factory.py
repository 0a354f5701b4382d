"""Makes a resolver of a name, an object, a function or a list of these, and options."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, NamedTuple, Never

from . import options as checks
from . import registry
from .answers.cache import Cache, CachePolicy
from .dns.exchange import Tuning
from .engines.hub_runtime import HubRuntime
from .engines.limited import Limited, Limits
from .errors import ResolveError, ResolverConfigError, ResolverUnavailable
from .events import OnEvent, printer
from .frozen import replace
from .model import Config, Server
from .names.address import normal
from .names.domain import to_ascii
from .names.idna import load as load_idna
from .policy import libc_or_engine
from .protocols import Engine, FullResolver, Resolver, Runtime
from .resolvers.custom import LookResolver, engine_maker, is_engine, is_look, name_of, resolver_of
from .resolvers.deadline import Bounded
from .resolvers.libc_names import Automatic
from .resolvers.observed import Observed, Teller, harmless
from .resolvers.resolver_chain import ChainResolver
from .resolvers.stub import StubResolver
from .system.reload import System
from .system.servers import parse_server
from .system.world import Ways, World, look_source, table_source

#: The resolver if nothing is said; it decides name by name between libc and an engine.
DEFAULT = "auto"

#: A name, ``pkg.mod:obj``, a function from a host to addresses, an engine, a resolver, or a list of these (a chain).
ResolverLike = str | Resolver | Engine | Callable[[str], "Iterable[str] | None"] | Iterable[Any] | None

_system = System()


def _cache(given: Cache | CachePolicy | Mapping[str, Any] | bool | int | None) -> Cache | None:
    """The cache that the argument ``cache`` means."""
    if isinstance(given, Cache):
        return given
    if given is True:
        return Cache()
    if given is None or given is False:
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


def _changes(
    servers: Iterable[str | Server] | None, timeout: float | None, attempts: int | None, search: Iterable[str] | None
) -> dict[str, Any]:
    """What the caller puts in the place of resolv.conf's words, by the names of Config's fields."""
    changes: dict[str, Any] = {}
    if servers is not None:
        given = checks.texts("servers", servers, (str, Server))
        if not given:
            raise ResolverConfigError("servers: the list is empty")
        changes["servers"] = tuple(parse_server(one) for one in given)
    if timeout is not None:
        changes["timeout"] = checks.number("timeout", timeout)
    if attempts is not None:
        changes["attempts"] = checks.number("attempts", attempts, int, least=1)
    if search is not None:
        changes["search"] = checks.texts("search", search)
    return changes


def _limits(*given: Any) -> Limits:
    try:
        return Limits(*given)
    except (TypeError, ValueError) as error:
        raise ResolverConfigError(f"limits are numbers of at least 1: {error}") from None


def make(
    resolver: ResolverLike = None,
    *,
    servers: Iterable[str | Server] | None = None,
    timeout: float | None = None,
    attempts: int | None = None,
    deadline: float | None = None,
    cache: Cache | CachePolicy | Mapping[str, Any] | bool | int | None = True,
    search: Iterable[str] | None = None,
    concurrency: int | None = None,
    rate: float | None = None,
    in_flight_per_server: int | None = None,
    rate_per_server: float | None = None,
    special_names: str = "rfc6761",
    nul: str = "refuse",
    strict: bool = True,
    cname_order: str = "any",
    idna: int | str = 2003,
    overrides: Mapping[str, str | Iterable[str]] | None = None,
    on_event: OnEvent | None = None,
    **unknown: Never,
) -> FullResolver:
    """A resolver by name (``auto``, ``ares``, ``python``, ``thread``, ``block``), or from an object of the program's.

    Such an object is a function from a host to its addresses, a Resolver, an Engine, a class of either, or
    ``"pkg.mod:obj"`` to be imported. A list of resolvers is a chain: the next one is asked if one fails or leaves the
    name to others. None takes the environment variable CELADON_RESOLVER, else ``auto``, which decides name by name.

    ``servers`` replace resolv.conf's: addresses with optional ports (``127.0.0.1:5301``, ``[::1]:53``), and for
    ``python`` also URIs (``tls://192.0.2.1#dns.example``, ``https://192.0.2.1/dns-query``) and Servers. ``timeout`` is
    seconds a try, ``attempts`` rounds over all servers, ``deadline`` seconds for a whole lookup. ``cache`` is a number
    of entries, a mapping, a CachePolicy, or a Cache to be shared; None or False for none. libc resolvers have none.
    ``search`` is the list of domains that short names are tried in. ``concurrency`` bounds the questions in flight,
    ``rate`` those sent in a second, both per hub; others wait. ``in_flight_per_server`` and ``rate_per_server`` do the
    same for each server, with ``python`` only. ``special_names``, ``nul`` and ``cname_order`` may be "libc": see
    docs/differences.md. ``strict`` False uses AAAA records if asking for A records failed. ``idna`` is 2003 or 2008.
    ``overrides`` maps names to addresses, or to a name to look up instead, before any source is asked. ``on_event`` is
    called with an Event at each step of a lookup, and must not wait. ResolverConfigError for a value that cannot be,
    TypeError for an option that does not exist.
    """
    check_option_names("resolver", unknown)
    if on_event is not None and not callable(on_event):
        raise ResolverConfigError(f"on_event: {on_event!r} is not a function")
    wanted = _Wanted(
        _changes(servers, timeout, attempts, search),
        _ways(special_names, nul, strict, cname_order, idna),
        None if deadline is None else checks.number("deadline", deadline),
        cache,
        _limits(concurrency, rate, in_flight_per_server, rate_per_server),
        _overrides(overrides),
        harmless(on_event) if on_event is not None else None,
    )
    named = os.environ.get("CELADON_RESOLVER") if resolver is None else None
    try:
        return _from((named or DEFAULT) if resolver is None else resolver, wanted)
    except ResolverConfigError as error:
        raise ResolverConfigError(f"CELADON_RESOLVER={named}: {error}" if named else str(error)) from None


def check_option_names(who: str, given: Collection[str], also: Collection[str] = ()) -> None:
    """TypeError, one line, unless ``make`` takes an option of each name; ``also`` are ``who``'s own, for the advice."""
    known = make.__kwdefaults__ or {}
    if unknown := [name for name in given if name not in known]:
        raise checks.unknown_option(who, unknown, (*also, *known))


_NOTHING: Mapping[str, Any] = MappingProxyType({})


def _on_hub(made: FullResolver, deadline: float | None, config: Callable[[], Config]) -> FullResolver:
    return within(made, deadline) if deadline else made


class LoopKind(NamedTuple):
    """What ``make`` makes for one kind of loop, by default for the hub's.

    ``lookups`` is a subclass of Lookups; ``libc`` puts a deadline to a libc resolver, or to a program's own, and gets
    what configuration holds; ``teller`` and ``told`` are for Events.
    """

    lookups: Callable[..., Any] = StubResolver
    libc: Callable[..., Any] = _on_hub
    teller: Callable[..., Teller] = Teller
    told: Callable[..., Any] = Observed


class Over(NamedTuple):
    """In place of a resolver's name, for ``make``: the resolver of that name, for another kind of loop."""

    name: str
    kind: LoopKind


class _Wanted(NamedTuple):
    """The options of ``make``, understood."""

    changes: Mapping[str, Any] = _NOTHING
    ways: Ways = Ways()
    deadline: float | None = None
    cache: Any = True
    limits: Limits = Limits()
    overrides: Mapping[str, tuple[str, ...] | str] = _NOTHING
    on_event: OnEvent | None = None
    kind: LoopKind = LoopKind()

    def world(self) -> Callable[[], World]:
        """The system's world with what the caller put in its place."""
        plain = not self.changes and self.ways == Ways()
        return _system.world if plain else _system.changed(self.changes, self.ways)

    def config(self) -> Config | None:
        """The configuration for libc, None for its own."""
        return replace(_system.world().config, **self.changes) if self.changes else None


def _from(resolver: ResolverLike, wanted: _Wanted) -> FullResolver:
    """A resolver from whatever the caller gave."""
    names: list[str] = []
    if isinstance(resolver, Over):
        wanted = wanted._replace(kind=resolver.kind)
        resolver = resolver.name
    if isinstance(resolver, str):
        names_given, plus, level = resolver.partition("+")
        names = names_given.split(",")
        if plus and not (level.isascii() and level.isdigit()):
            raise ResolverConfigError(f"resolver {resolver!r}: the level after + is not a number; write 0, 1 or 2")
        if wanted.on_event is None and int(level or 0):
            wanted = wanted._replace(on_event=harmless(printer(int(level), _to_stderr)))
    if wanted.limits.each_server and not (names and registry.TUNED.issuperset(names)):
        raise ResolverConfigError(
            f"Only the python engine keeps in_flight_per_server and rate_per_server, not {resolver!r}"
        )
    if names:
        return _chain(names, wanted) if len(names) > 1 else _named(names[0] or DEFAULT, wanted)
    if isinstance(resolver, Iterable) and not isinstance(resolver, str):
        return _chain(resolver, wanted)
    return _given(resolver, wanted)


def families() -> frozenset[int]:
    """The address families of which this host has an address, loopback's aside, as of a second ago at most."""
    return _system.world().families


def _to_stderr(text: str) -> None:
    with suppress(OSError):
        os.write(2, text.encode("utf-8", "backslashreplace"))  # sys.stderr may be patched, buffered, or a test's


def within(resolver: FullResolver, seconds: float, owned: bool = True) -> FullResolver:
    """A resolver whose lookups end after so many seconds. ResolverConfigError unless that is a positive number."""
    return Bounded(resolver, checks.number("deadline", seconds), owned)


def _overrides(given: Mapping[str, Any] | None) -> dict[str, tuple[str, ...] | str]:
    """By name, its addresses, or the name to look up instead. A name that the table has too is followed here."""
    made: dict[str, tuple[str, ...] | str] = {}
    if given is not None and not isinstance(given, Mapping):
        raise ResolverConfigError(f"overrides: {given!r} does not map names to addresses")
    for name, value in (given or {}).items():
        one = checks.texts("overrides", value)
        if len(one) == 1 and normal(one[0]) is None:
            made[_key(name)] = _key(one[0])
            continue
        for address in one:
            if normal(address) is None:
                raise ResolverConfigError(f"overrides: {address!r} (given for {name!r}) is not an IP address")
        made[_key(name)] = one
    for name in list(made):
        value, seen = made[name], {name}
        while isinstance(value, str) and value in made:
            if value in seen:
                raise ResolverConfigError(f"overrides: {name!r} leads to itself")
            seen.add(value)
            value = made[value]
        made[name] = value
    return made


def _key(name: str) -> str:
    return to_ascii(name).lower().removesuffix(".")


def _in(table: Mapping[str, object], name: str) -> bool:
    try:
        return _key(name) in table
    except ResolveError:
        return False  # not a name that can be encoded


def _shaped(world: Callable[[], World], shape: Callable[[World], World]) -> Callable[[], World]:
    """A changed world, as one object for as long as the world is one object: others compare by identity."""
    last: tuple[World, World] | None = None

    def shaped() -> World:
        nonlocal last
        now = world()
        if last is None or last[0] is not now:
            last = now, shape(now)
        return last[1]

    return shaped


def _stub(name: str, engine: Callable[..., Engine], wanted: _Wanted, automatic: bool = False) -> FullResolver:
    """The policy over an engine."""
    world = base = wanted.world()
    table = wanted.overrides
    elsewhere = None
    if automatic:
        elsewhere = Automatic(base, wanted.config(), lambda name: bool(table) and _in(table, name))
        world = _shaped(base, libc_or_engine.ours)
    if table:
        world = _shaped(world, lambda now: replace(now, order=(table_source(table), *now.order)))
    limits = wanted.limits

    def limited(config: Config, *runtime: Runtime) -> Engine:
        made = engine(config, *runtime)
        if not limits:
            return made
        (on,) = runtime or (HubRuntime(),)
        return Limited(made, limits, on.clock.now, on.call_later)

    options: dict[str, Any] = {
        "cache": _cache(wanted.cache),
        "deadline": wanted.deadline,
        "asking": registry.ASKS_WITH.get(name),
        "elsewhere": elsewhere,
    }
    kind = wanted.kind
    if wanted.on_event is None:
        return kind.lookups(name, limited, world, **options)  # type: ignore[no-any-return]
    teller = kind.teller(name, wanted.on_event, lambda: base().kept)
    made = kind.lookups(name, limited, world, observer=teller, **options)
    return kind.told(made, teller, "memo", elsewhere)  # type: ignore[no-any-return]


def _outside(made: FullResolver, name: str, source: str, wanted: _Wanted) -> FullResolver:
    """A resolver that has neither deadline nor events of its own, with both."""
    kind = wanted.kind
    made = kind.libc(made, wanted.deadline, lambda: wanted.world()().config)
    if wanted.on_event is None:
        return made
    return kind.told(made, kind.teller(name, wanted.on_event), source)  # type: ignore[no-any-return]


def _named(name: str, wanted: _Wanted) -> FullResolver:
    if ":" in name:
        return _given(registry.load(name), wanted)
    if name in registry.RESOLVERS:
        if wanted.overrides:
            raise ResolverConfigError(f"{name!r} asks libc, which knows no `overrides`; use auto, ares or python")
        return _outside(registry.make_resolver(name, wanted.config()), name, "libc", wanted)
    engine = registry.AUTOMATIC if name == "auto" else name
    if engine not in registry.ENGINES:
        raise registry.unknown(name)
    registry.speaks(engine, wanted.changes.get("servers", ()))
    if name != "auto":  # which few programs have chosen, and many never look anything up: the first lookup imports it
        with suppress(ResolverUnavailable):  # raised at the first lookup
            registry.ready(engine)
    tuning = None
    if wanted.limits.each_server:
        tuning = Tuning(
            in_flight_per_server=wanted.limits.in_flight_per_server or 0,
            rate_per_server=wanted.limits.rate_per_server or 0.0,
        )

    def engine_for(config: Config, *runtime: Runtime) -> Engine:
        try:
            return registry.make_engine(engine, config, tuning, wanted.on_event, *runtime)
        except ResolverUnavailable:
            if name != "auto":
                raise
            # Which needs no library of C.
            return registry.make_engine("python", config, tuning, wanted.on_event, *runtime)

    return _stub(engine, engine_for, wanted, name == "auto")


def _given(resolver: Any, wanted: _Wanted) -> FullResolver:
    """A resolver from an object of the program's."""
    if is_engine(resolver):
        return _stub(name_of(resolver), engine_maker(resolver), wanted)
    if wanted != _Wanted(deadline=wanted.deadline, on_event=wanted.on_event):
        raise ResolverConfigError("Only `deadline` and `on_event` apply to a resolver object.")
    name = name_of(resolver)
    if is_look(resolver):
        source = look_source(name, resolver)
        world = _shaped(_system.world, lambda now: replace(now, order=(source,)))
        return _outside(LookResolver(name, world), name, "resolver", wanted)
    return _outside(resolver_of(resolver), name, "resolver", wanted)


def _chain(members: Iterable[Any], wanted: _Wanted) -> FullResolver:
    """Options apply to the members that are given by a name of ours; the deadline to all together."""
    inner, events = wanted._replace(deadline=None), _Wanted(on_event=wanted.on_event)
    made = [
        _named(one, events if ":" in one else inner) if isinstance(one, str) else _given(one, events) for one in members
    ]
    chain = ChainResolver(made)
    return within(chain, wanted.deadline) if wanted.deadline else chain
