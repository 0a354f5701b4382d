"""A resolver for crawlers: another one's answers, guarded, pinned, ordered, counted, and looked into.

It stands on top of any resolver and is one itself, so it goes wherever a resolver goes: ``use``, ``scope``,
``patch_all``, an adapter. What it adds is policy about addresses; caching, single flight, deadlines and retries are
those of the resolver underneath, with defaults for a crawl.
"""

from __future__ import annotations

import _socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from ...hub import Timeout, get_hub, spawn
from .. import factory
from ..answers.cache import CachePolicy, Entry
from ..answers.cname import follow
from ..errors import Kind, ResolveError, ResolverConfigError
from ..model import AddrInfo, Question, RRType
from ..names.address import value_of
from ..policy.explain import Explanation
from ..protocols import Resolver
from ..resolvers.calls import Call, Wrapper
from .guard import Guard
from .values import KEYS, ORDERS, CrawlEvent, CrawlStats, Lookup, pinned_values, plain_name
from .values import pinned as pinned_rows

_numeric: Any = _socket.getaddrinfo
_NUMERICHOST, _CANONNAME, _PASSIVE = _socket.AI_NUMERICHOST, _socket.AI_CANONNAME, _socket.AI_PASSIVE
_INET, _INET6, _STREAM = int(_socket.AF_INET), int(_socket.AF_INET6), int(_socket.SOCK_STREAM)

#: What a crawl wants of a cache: short-lived names live a minute, old answers outlive an outage of a day.
CRAWL_CACHE = CachePolicy(
    entries=200_000, min_ttl=60.0, max_ttl=86_400.0, negative_max=900.0, negative=30.0, failure=5.0,
    stale=86_400.0, prefetch=0.1,
)  # fmt: skip
#: Options of ``use`` that a crawl starts from.
DEFAULTS: Mapping[str, Any] = MappingProxyType({"timeout": 2.0, "attempts": 4, "deadline": 15.0, "cache": CRAWL_CACHE})


_FROM_DNS = frozenset((Kind.SERVFAIL, Kind.REFUSED, Kind.FORMERR, Kind.NOTIMP, Kind.TIMEOUT, Kind.NETWORK))


class CrawlerResolver(Wrapper):
    """See the module. Safe for any number of greenlets; one object serves all hubs and threads that have one.

    ``backend`` is a resolver's name or object; ``options`` are those of ``use`` and go with a name, over DEFAULTS.
    ``guard`` is a Guard, True for one with nothing allowed, False for none; ``order`` one of ``happy`` (families in
    turns), ``ipv4-first`` and ``system``; ``family`` the only one that a crawl can reach, 0 for both, None for those
    that this host has an address of: without IPv6 that halves the queries. ``on_event`` is called with a CrawlEvent at
    the end of each lookup, and must not wait. Raises ResolverConfigError for what cannot be.
    """

    def __init__(
        self,
        backend: str | Resolver = "python",
        *,
        guard: Guard | bool = True,
        order: str = "happy",
        family: int | None = None,
        prefetchers: int = 50,
        on_event: Callable[[CrawlEvent], object] | None = None,
        **options: Any,
    ) -> None:
        if order not in ORDERS:
            raise ResolverConfigError(f"order: {order!r} is none of {', '.join(ORDERS)}")
        if isinstance(backend, str):
            options = {**DEFAULTS, **options}
        super().__init__(factory.make(backend, **options))
        self.guard: Guard | None = Guard() if guard is True else guard or None
        self.family = family
        self.on_event = on_event
        self._order = ORDERS[order]
        self._prefetchers = prefetchers
        self._pins: dict[str, tuple[str, ...]] = {}
        self._pinned: Counter[tuple[int, int]] = Counter()
        self._waiting: dict[str, None] = {}
        self._errors: Counter[str] = Counter()
        self._lookups = self._in_flight = self._answered = 0
        self._from_pins = self._blocked = self._refused = 0

    def __repr__(self) -> str:
        return f"<CrawlerResolver over {self.inner!r}>"

    # -- a resolver's calls --------------------------------------------------------------------------------------

    def call(self, call: Call) -> Any:
        """See CallResolver; guarded, pinned, ordered and counted. A call that asks for a name is the inner one's."""
        match call.name:
            case "getaddrinfo":
                return self._addresses(*call.args)
            case "gethostbyname":
                return self._first_address(call)
            case "gethostbyname_ex":
                return self._host(call)
        return super().call(call)

    def _addresses(
        self, host: str | bytes | None, port: Any, family: int, type: int, proto: int, flags: int
    ) -> list[AddrInfo]:
        """BlockedAddress if the guard leaves nothing of what the host has. AI_PASSIVE is for bind(2): not judged."""
        begin = get_hub().now() if self.on_event is not None else 0.0
        self._lookups += 1
        self._in_flight += 1
        try:
            found, source = self._found(host, port, family, type, proto, flags)
        except ResolveError as error:
            self._failed(error.kind)
            if self.on_event is not None:
                self._tell("blocked" if error.kind is Kind.BLOCKED else "error", host, begin, None, error)
            raise
        finally:
            self._in_flight -= 1
        self._answered += 1
        if self.on_event is not None:
            self._tell("answer", host, begin, source, None)
        return found

    def _found(
        self, host: str | bytes | None, port: Any, family: int, type: int, proto: int, flags: int
    ) -> tuple[list[AddrInfo], str | None]:
        if self._pins and isinstance(host, str | bytes):
            pinned = self._pins.get(plain_name(host))
            if pinned is not None:
                self._from_pins += 1
                return self._order(pinned_rows(host, pinned, port, family, type, proto, flags)), "pin"
        found = self.inner.getaddrinfo(host, port, family or self._reached(host), type, proto, flags)
        if self.guard is not None and not flags & _PASSIVE:
            found = self._judged(host, found)
        return self._order(found), None

    def _reached(self, host: str | bytes | None) -> int:
        """The family to ask for, 0 for both. A literal is of its own family, and the guard is to judge it."""
        if self.family is not None:
            return self.family
        here = factory.families()
        return next(iter(here)) if len(here) == 1 and host is not None and value_of(host) is None else 0

    def _failed(self, kind: Kind) -> None:
        self._errors[kind.value] += 1
        self._blocked += kind is Kind.BLOCKED

    def _judged(self, host: str | bytes | None, found: list[AddrInfo]) -> list[AddrInfo]:
        guard = self.guard
        assert guard is not None
        refused = []
        good = []
        for row in found:
            address = str(row[4][0])
            if guard.reason(address) is None:
                good.append(row)
            elif address not in refused:
                refused.append(address)
        self._refused += len(refused)
        if refused and not good:
            raise guard.refusal(host or "", refused)
        if refused and found[0][3] and not good[0][3]:
            good[0] = (*good[0][:3], found[0][3], good[0][4])  # the canonical name goes with the first
        return good

    def permit(self, address: str) -> None:
        """Raise BlockedAddress if a socket must not send to this literal address; green sockets ask before they do."""
        guard = self.guard
        if guard is not None and guard.reason(address) is not None:
            value = value_of(address)
            if value not in self._pinned:
                self._failed(Kind.BLOCKED)
                raise guard.refusal(address, (address,))

    def _first_address(self, call: Call) -> str:
        host = call.subject
        if isinstance(host, str | bytes) and host and host not in ("<broadcast>", b"<broadcast>"):
            return str(self.getaddrinfo(host, None, _INET)[0][4][0])
        return self.inner.gethostbyname(host)

    def _host(self, call: Call) -> tuple[str, list[str], list[str]]:
        host = call.subject
        if isinstance(host, str | bytes) and plain_name(host) in self._pins:
            rows = self.getaddrinfo(host, None, _INET, _STREAM)
            return plain_name(host), [], [str(row[4][0]) for row in rows]
        canonical, aliases, addresses = self.inner.gethostbyname_ex(host)
        if self.guard is not None:
            good = [one for one in addresses if self.guard.reason(one) is None]
            if addresses and not good:
                self._failed(Kind.BLOCKED)
                raise self.guard.refusal(host, addresses)
            addresses = good
        return canonical, aliases, addresses

    def explain(self, name: str) -> Explanation:
        """How ``name`` is looked up underneath, and whether it is pinned."""
        pinned = self._pins.get(plain_name(name))
        if pinned is not None:
            return Explanation(name, "the crawler", "it is pinned", (f"pinned: {', '.join(pinned)}",))
        return super().explain(name)

    def close(self) -> None:
        """Close the resolver underneath."""
        self._waiting.clear()
        self.inner.close()

    # -- what a crawler asks besides -----------------------------------------------------------------------------

    def pin(self, host: str, addresses: Iterable[str]) -> None:
        """Have ``host`` resolve to these literals from now on, whatever DNS says; the guard lets them pass.

        ValueError for what is no address. Another pin of the same host replaces the first.
        """
        given = (addresses,) if isinstance(addresses, str) else tuple(addresses)
        if not given:
            raise ValueError(f"no address to pin {host!r} to")
        values = pinned_values(host, given)
        self.unpin(host)
        self._pins[plain_name(host)] = given
        self._pinned.update(values)

    def unpin(self, host: str) -> None:
        """Let DNS decide again; nothing happens if ``host`` was not pinned."""
        for one in self._pins.pop(plain_name(host), ()):
            value = value_of(one)
            if value is not None:
                self._pinned[value] -= 1
                if not self._pinned[value]:
                    del self._pinned[value]

    def lookup(self, host: str) -> Lookup:
        """What the host resolves to, as ``getaddrinfo`` finds it, with its provenance. Raises what that raises."""
        hub = get_hub()
        begin = hub.now()
        rows = self.getaddrinfo(host, None, 0, _STREAM)
        addresses = tuple(dict.fromkeys(str(row[4][0]) for row in rows))
        if value_of(host) is not None:
            return Lookup(host, addresses, source="literal")
        if plain_name(host) in self._pins:
            return Lookup(host, addresses, source="pin")
        entries = self._entries(host)
        if not entries:
            return Lookup(host, addresses)
        best = next((one for one in entries if one.answer.records), entries[0])
        chain = follow(best.answer)
        now = hub.now()
        expires = min(one.expires for one in entries)
        return Lookup(
            host,
            addresses,
            ttl=max(expires - now, 0.0),
            chain=tuple(one.lower() for one in (*chain.aliases, chain.canonical)),
            server=best.answer.server,
            rtt=best.answer.rtt,
            fresh=now < expires,
            source="dns" if any(one.stored >= begin for one in entries) else "cache",
        )

    def _entries(self, host: str | bytes) -> list[Entry]:
        """What the cache holds of a host's A and AAAA."""
        cache = self.cache
        if cache is None:
            return []
        try:
            name = plain_name(host)
        except ResolveError:
            return []
        found = (cache.peek(Question(name, int(kind))) for kind in (RRType.A, RRType.AAAA))
        return [one for one in found if one is not None]

    def find(self, host: str, port: int, family: int = 0, seconds: float | None = None) -> list[AddrInfo]:
        """The addresses to connect a stream to, in at most ``seconds``. ResolveError as ``getaddrinfo``."""
        if seconds is None:
            return self.getaddrinfo(host, port, family, _STREAM)
        with Timeout(seconds, ResolveError(Kind.TIMEOUT, host, detail=f"no answer within {seconds} s")):
            return self.getaddrinfo(host, port, family, _STREAM)
        raise AssertionError("a Timeout with an error of its own swallows nothing")

    def key(self, host: str, by: str = "ip", *, prefetch: Callable[[Iterable[str]], object] | None = None) -> str:
        """The queue that a polite crawler puts a host's URLs into; never waits.

        By ``ip`` the least of its addresses, by ``prefix24`` that one's /24 (IPv6: /48), by ``host`` its name. As long
        as no address is known this is the name, and ``prefetch`` (by default this object's) sets a lookup going in the
        background. ValueError for another ``by``.
        """
        if by not in KEYS:
            raise ValueError(f"by: {by!r} is none of {', '.join(KEYS)}")
        try:
            name = plain_name(host)
        except ResolveError:
            return host
        if by == "host":
            return name
        literal = value_of(name)
        if literal is not None:
            return KEYS[by](literal)
        pinned = self._pins.get(name)
        texts: Iterable[str] = pinned or (data for one in self._entries(name) for data in follow(one.answer).data)
        values = [value for value in map(value_of, texts) if value is not None]
        if values:
            return KEYS[by](min(values))
        if not self._entries(name):
            (prefetch or self.prefetch)((name,))
        return name

    def prefetch(self, hosts: Iterable[str]) -> None:
        """Look these hosts up in the background, ``prefetchers`` at a time; what fails is counted and forgotten.

        Returns at once. The lookups run in the calling thread's hub.
        """
        waiting = self._waiting
        for host in hosts:
            waiting.setdefault(host)
        hub = get_hub()
        workers: set[object] = hub.vars.setdefault((self, "prefetch"), set())
        while len(workers) < min(self._prefetchers, len(waiting)):
            token = object()
            workers.add(token)
            spawn(self._prefetch, token, workers)

    def _prefetch(self, token: object, workers: set[object]) -> None:
        try:
            while self._waiting:
                try:
                    host, _ = self._waiting.popitem()
                except KeyError:
                    return  # another thread's hub took it
                try:
                    self.getaddrinfo(host, None, 0, _STREAM)
                except (OSError, ValueError):
                    continue
        finally:
            workers.discard(token)

    def dump(self, path: str) -> int:
        """Write the cache's answers to a file as lines of JSON, with absolute times; how many. Raises OSError."""
        cache = self.cache
        count = 0
        with open(path, "w", encoding="ascii") as file:
            for line in cache.dump(get_hub().now(), time.time()) if cache is not None else ():
                file.write(line + "\n")
                count += 1
        return count

    def load(self, path: str) -> int:
        """Take in what ``dump`` wrote, as old as it is by now; how many answers are of use still. Raises OSError."""
        cache = self.cache
        if cache is None:
            return 0
        with open(path, encoding="ascii", errors="replace") as file:
            return cache.load(file, get_hub().now(), time.time())

    def stats(self) -> CrawlStats:
        """A snapshot of the counts."""
        inner = self.inner.stats()
        return CrawlStats(
            repr(self),
            self._lookups,
            dict(self._errors),
            inner.waiting,
            inner.questions,
            inner.memo,
            inner.engine,
            inner.cache,
            (inner,),
            in_flight=self._in_flight,
            answered=self._answered,
            pinned=self._from_pins,
            blocked=self._blocked,
            refused=self._refused,
            prefetching=len(self._waiting),
        )

    def _tell(
        self, kind: str, host: str | bytes | None, begin: float, source: str | None, error: ResolveError | None
    ) -> None:
        shown = host.decode("latin-1") if isinstance(host, bytes) else host or ""
        server = error.server if error is not None else None
        if source is None:
            entries = self._entries(shown) if shown else []
            source = "literal" if value_of(shown) is not None else "system"
            if entries:
                server = server or entries[0].answer.server
                source = "dns" if any(one.stored >= begin for one in entries) else "cache"
            elif error is not None and error.kind in _FROM_DNS:
                source = "dns"
        assert self.on_event is not None
        status = "NOERROR" if error is None else error.kind.value
        seconds = get_hub().now() - begin
        self.on_event(CrawlEvent(kind, shown, time.time(), seconds, source, status, server))
