"""A resolver for crawlers: another one's answers, guarded, pinned, ordered and counted.

It wraps any resolver and is one itself, for ``use``, ``scope``, ``patch_all`` or an adapter. It adds policy about
addresses. Cache, single flight, deadlines and retries are the inner resolver's, with defaults for a crawl.
"""

from __future__ import annotations

import _socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from ...hub import Timeout
from ...hub.lowlevel import hub_if_any
from .. import factory
from ..answers.cache import CachePolicy, Entry
from ..answers.cname import follow
from ..errors import Kind, ResolveError, ResolverConfigError
from ..model import AddrInfo, Question, RRType
from ..names.address import value_of
from ..protocols import FullResolver, Resolver
from ..resolvers.calls import Call
from ..resolvers.lookups import Steps, played
from .guard import BlockedAddress, Guard
from .guarded_resolver import GuardedResolver
from .prefetch import Prefetcher
from .values import KEYS, ORDERS, CrawlEvent, CrawlStats, Lookup, plain_name

_STREAM = int(_socket.SOCK_STREAM)

#: A cache for a crawl: short TTLs become a minute, and old answers serve through an outage of a day.
CRAWL_CACHE = CachePolicy(
    entries=200_000, min_ttl=60.0, max_ttl=86_400.0, negative_max=900.0, negative=30.0, failure=5.0,
    stale=86_400.0, prefetch=0.1,
)  # fmt: skip
#: Options of ``use`` that a crawl starts from.
DEFAULTS: Mapping[str, Any] = MappingProxyType({"timeout": 2.0, "attempts": 4, "deadline": 15.0, "cache": CRAWL_CACHE})


_FROM_DNS = frozenset((Kind.SERVFAIL, Kind.REFUSED, Kind.FORMERR, Kind.NOTIMP, Kind.TIMEOUT, Kind.NETWORK))

#: The backends that run on another loop by themselves.
_ON_LOOPS = frozenset(("python", "ares", "auto", "thread"))


def _now() -> float:
    """The hub's time; a thread that has no hub, as those of other loops, needs none for that."""
    hub = hub_if_any()
    return time.monotonic() if hub is None else hub.now()


class CrawlerResolver(GuardedResolver):
    """See the module. Safe for any number of greenlets; one object serves the hubs of all threads.

    ``backend`` is a resolver's name or object; ``options`` are those of ``use`` and go with a name, over DEFAULTS.
    ``guard`` is a Guard, True for one that allows the public Internet only, False for none; ``order`` is ``happy``
    (families in turns), ``ipv4-first`` or ``system``; ``family`` is the family to look up, 0 for both, None for those
    that this host has addresses of: without IPv6 that halves the queries. ``on_event`` is called with a CrawlEvent at
    the end of each lookup, and must not wait. ResolverConfigError for a value that cannot be.
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
        factory.check_option_names("CrawlerResolver", options, ("guard", "order", "family", "prefetchers"))
        if order not in ORDERS:
            raise ResolverConfigError(f"order: {order!r} is not one of {', '.join(ORDERS)}")
        if isinstance(backend, str):
            options = {**DEFAULTS, **options}
        judge = Guard() if guard is True else guard or None
        super().__init__(factory.make(backend, **options), judge, ORDERS[order], family)
        self._made_of = backend, options
        self._under: dict[Any, Any] = {}
        self.on_event = on_event
        self._prefetcher = Prefetcher(lambda host: self.getaddrinfo(host, None, 0, _STREAM), prefetchers)
        self._errors: Counter[str] = Counter()
        self._lookups = self._in_flight = self._answered = 0

    def __repr__(self) -> str:
        return f"<CrawlerResolver over {self.inner!r}>"

    # -- a resolver's calls --------------------------------------------------------------------------------------

    def steps(self, call: Call, inner: FullResolver) -> Steps[Any]:
        """See GuardedResolver; a lookup of a host is counted and told."""
        steps = super().steps(call, inner)
        return steps if call.reverse else self._counted(call, steps)

    def _counted(self, call: Call, steps: Steps[Any]) -> Steps[Any]:
        begin = _now()
        self._lookups += 1
        self._in_flight += 1
        try:
            found = yield from steps
        except ResolveError as error:
            self._errors[error.kind.value] += 1
            self._tell(call.shown, begin, error)
            raise
        finally:
            self._in_flight -= 1
        self._answered += 1
        self._tell(call.shown, begin, None)
        return found

    def under(self, key: Any, lookups: Callable[..., Any], other: Callable[..., Any]) -> Any:
        """The resolver underneath, made once more for the loop ``key``, with the same cache.

        ``lookups`` makes it over an engine; ``other`` of a resolver that waits by itself, and seconds.
        """
        found = self._under.get(key)
        if found is None:
            backend, options = self._made_of
            if isinstance(backend, str) and backend in _ON_LOOPS:
                kind = factory.LoopKind(lookups, lambda made, deadline, config: other(made, deadline))
                found = factory.make(factory.Over(backend, kind), **{**options, "cache": self.cache})
            else:
                found = other(self.inner, None)
            self._under[key] = found
        return found

    def permit(self, address: str) -> None:
        """See GuardedResolver."""
        try:
            super().permit(address)
        except BlockedAddress as error:
            self._errors[error.kind.value] += 1
            raise

    def close(self) -> None:
        """Close the resolver underneath."""
        self._prefetcher.clear()
        for one in self._under.values():
            one.close()
        super().close()

    # -- what only a crawler needs -------------------------------------------------------------------------------

    def lookup(self, host: str) -> Lookup:
        """The host's addresses from ``getaddrinfo``, with where they came from. Raises what ``getaddrinfo`` raises."""
        return played(self.lookup_steps(host, self.inner))

    def lookup_steps(self, host: str, inner: FullResolver) -> Steps[Lookup]:
        """The steps of ``lookup``; see ``steps``."""
        begin = _now()
        rows = yield from self.steps(Call("getaddrinfo", (host, None, 0, _STREAM, 0, 0)), inner)
        addresses = tuple(dict.fromkeys(str(row[4][0]) for row in rows))
        if value_of(host) is not None:
            return Lookup(host, addresses, source="literal")
        if self.pins.of(host) is not None:
            return Lookup(host, addresses, source="pin")
        entries = self._entries(host)
        if not entries:
            return Lookup(host, addresses)
        best = next((one for one in entries if one.answer.records), entries[0])
        chain = follow(best.answer)
        now = _now()
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
        """A key for a polite crawler's queues: URLs with one key go to one server. Never waits.

        By ``ip`` it is the lowest of the host's addresses, by ``prefix24`` its /24 (IPv6: /48), by ``host`` the name.
        While no address is known it is the name, and ``prefetch`` (by default this object's) starts a lookup in the
        background. ValueError for another ``by``.
        """
        if by not in KEYS:
            raise ValueError(f"by: {by!r} is not one of {', '.join(KEYS)}")
        try:
            name = plain_name(host)
        except ResolveError:
            return host
        if by == "host":
            return name
        literal = value_of(name)
        if literal is not None:
            return KEYS[by](literal)
        texts: Iterable[str] = self.pins.of(name) or (
            data for one in self._entries(name) for data in follow(one.answer).data
        )
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
        self._prefetcher.add(hosts)

    def dump(self, path: str) -> int:
        """Write the cache's answers to a file as lines of JSON, with absolute times; returns their number. OSError."""
        cache = self.cache
        count = 0
        with open(path, "w", encoding="ascii") as file:
            for line in cache.dump(_now(), time.time()) if cache is not None else ():
                file.write(line + "\n")
                count += 1
        return count

    def load(self, path: str) -> int:
        """Load what ``dump`` wrote, as old as it is now; returns the number of answers still usable. OSError."""
        cache = self.cache
        if cache is None:
            return 0
        with open(path, encoding="ascii", errors="replace") as file:
            return cache.load(file, _now(), time.time())

    def stats(self, under: FullResolver | None = None) -> CrawlStats:
        """A snapshot of the counts; those of what is ``under`` it in another loop, see ``under``."""
        inner = (under or self.inner).stats()
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
            pinned=self.pinned,
            blocked=self._errors[Kind.BLOCKED.value],
            refused=self.refused,
            prefetching=len(self._prefetcher),
        )

    def _tell(self, host: str, begin: float, error: ResolveError | None) -> None:
        if self.on_event is None:
            return
        source, server = self._source(host, begin, error)
        kind = "answer" if error is None else "blocked" if error.kind is Kind.BLOCKED else "error"
        status = "NOERROR" if error is None else error.kind.value
        self.on_event(CrawlEvent(kind, host, time.time(), _now() - begin, source, status, server))

    def _source(self, host: str, begin: float, error: ResolveError | None) -> tuple[str, str | None]:
        """Where an answer or an error came from (see Lookup), and from which server."""
        server = error.server if error is not None else None
        if value_of(host) is not None:
            return "literal", server
        entries = self._entries(host)
        if error is None and self.pins.of(host) is not None:
            return "pin", None
        if entries:
            source = "dns" if any(one.stored >= begin for one in entries) else "cache"
            return source, server or entries[0].answer.server
        return "dns" if error is not None and error.kind in _FROM_DNS else "system", server
