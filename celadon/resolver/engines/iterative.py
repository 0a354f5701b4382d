"""An engine that needs no resolver: it walks from the root down (RFC 1034 §5.3.3), and remembers the cuts on the way.

``policy/delegations`` says what replies mean; the python engine asks. Each authority has a rate and a bound of its own.
Questions that need the same unknown delegation wait for the first of them to learn it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from ...hub import get_hub
from ..answers.cache import Cache, CachePolicy, aged, asked_as
from ..dns.exchange import Tuning
from ..dns.pace import Pace
from ..errors import Kind, ResolveError
from ..frozen import replace
from ..model import Answer, Config, QueryOptions, Question, Record, RRType, Server
from ..policy.delegations import Delegations, Reply, child_of, meaning
from ..protocols import Cancel, Done, Outcome
from .python.python_engine import PythonEngine

_ALIASES = 16  # from the question on; Unbound and BIND have 11
_STEPS = 60  # replies for one question, lest zones point at each other for ever
_DEPTH = 6  # look-ups of servers' names inside one another
_PENALTY = 10.0  # seconds for which a server that was silent is asked last
_UNKNOWN = 0.05  # seconds: the round trip that a server is taken to have before it was asked
_RECURSES = 0x8080  # QR and RA: what a resolver's answer says
_AGAIN_PLAIN = frozenset((1, 4, 16))  # response codes of servers without EDNS


class _Authority:
    """One address: how fast it is, and what waits for its turn there."""

    __slots__ = ("down_until", "in_flight", "options", "pace", "rtt", "server", "timer", "waiting")

    def __init__(self, server: Server, pace: Pace | None) -> None:
        self.server: Server = server
        self.options: QueryOptions = QueryOptions(server=server, rd=False)
        self.pace: Pace | None = pace
        self.rtt: float = _UNKNOWN
        self.down_until: float = 0.0
        self.in_flight: int = 0
        self.timer: Any = None
        self.waiting: deque[tuple[Question, Done]] = deque()


class IterativeEngine:
    """See the module. ``hints`` are names and addresses of root servers, ``port`` that of all authorities."""

    name = "iterative"

    def __init__(self, config: Config, tuning: Tuning, hints: Iterable[tuple[str, str]], port: int = 53) -> None:
        hints = list(hints)
        self._hub = get_hub()
        self._port = port
        self.tuning = tuning
        roots = tuple([Server(address, port) for _, address in hints])
        one_try = replace(
            tuning, tries=1, retry=_AGAIN_PLAIN, rate_per_server=0.0, in_flight_per_server=0, adaptive=False
        )
        #: Who asks the authorities.
        self.engine: PythonEngine = PythonEngine(replace(config, servers=roots, attempts=1), one_try)
        self.tries: int = tuning.tries or config.attempts
        self.delegations: Delegations = Delegations(hints)
        self.cache: Cache = Cache(CachePolicy(entries=100_000))
        #: Questions under way, each once; and who waits for a delegation, by the zone and the name below it.
        self.walks: dict[Question, _Walk] = {}
        self.gates: dict[str, tuple[_Walk, list[Callable[[], None]]]] = {}
        self.queries: int = 0
        self._authorities: dict[str, _Authority] = {}
        self._closed = False

    @property
    def exchange(self) -> Any:
        """That of the engine below."""
        return self.engine.exchange

    def counts(self) -> dict[str, int]:
        """Queries sent to authorities, and cuts that are known."""
        return {"authority_queries": self.queries, "delegations": len(self.delegations)}

    def submit(self, question: Question, done: Done) -> Cancel:
        """See ``Engine.submit``."""
        if self._closed:
            raise ResolveError(Kind.CANCELLED, question.name, detail="the engine is closed")
        waiter = [done]

        def give(outcome: Outcome) -> None:
            if waiter:
                waiter.pop()(outcome)

        self._hub.call_soon(self._begin, question, give)
        return waiter.clear

    def _begin(self, question: Question, give: Done) -> None:
        if self._closed:
            give(ResolveError(Kind.CANCELLED, question.name, detail="the engine was closed"))
        else:
            self.walk(question, give, None)

    def walk(self, question: Question, give: Done, above: _Walk | None, depth: int = 0, aliases: int = 0) -> None:
        """Find the answer, for a caller or for the walk ``above``, which waits for it.

        ``depth`` counts look-ups of servers' names inside one another, ``aliases`` those that led here.
        """
        now = self._hub.now()
        cached = self.cache.get(question, now)
        if cached is not None:
            give(asked_as(question, aged(cached, now, self.cache.policy)))
            return
        under_way = self.walks.get(question)
        if under_way is not None:
            if above is not None and under_way.waits_for(above):
                give(ResolveError(Kind.OTHER, question.name, detail="it is needed to find itself"))
            else:
                if above is not None:
                    above.needs.append(under_way)
                under_way.waiting.append(give)
            return
        made = self.walks[question] = _Walk(self, question, give, depth, aliases)
        if above is not None:
            above.needs.append(made)
        made.step()

    def close(self) -> None:
        """See ``Engine.close``."""
        if self._closed:
            return
        self._closed = True
        for one in self._authorities.values():
            if one.timer is not None:
                one.timer.cancel()
            one.waiting.clear()
        self.engine.close()
        for walk in list(self.walks.values()):
            walk.fail(ResolveError(Kind.CANCELLED, walk.question.name, detail="the engine was closed"), later=True)

    # -- authorities -----------------------------------------------------------------------------------------

    def best(self, addresses: Iterable[str], tried: dict[str, int], now: float) -> _Authority | None:
        """The address to ask next: the least tried one, that answers, and is quick."""
        found = [self._authority(one) for one in addresses]
        if not found:
            return None
        return min(
            found, key=lambda one: (tried.get(one.server.address, 0), one.down_until > now, ":" in one.server.address,
                                    one.rtt + one.in_flight * 1e-4)
        )  # fmt: skip

    def _authority(self, address: str) -> _Authority:
        found = self._authorities.get(address)
        if found is None:
            if len(self._authorities) > 100_000:
                idle = [key for key, one in self._authorities.items() if not one.in_flight and not one.waiting]
                for key in idle:
                    del self._authorities[key]
            rate = self.tuning.rate_per_server
            pace = Pace(rate, self._hub.now()) if rate else None
            found = self._authorities[address] = _Authority(Server(address, self._port), pace)
        return found

    def ask(self, authority: _Authority, question: Question, done: Done) -> None:
        """Ask an authority when it is its turn."""
        authority.waiting.append((question, done))
        self._pump(authority)

    def _pump(self, authority: _Authority) -> None:
        most, pace = self.tuning.in_flight_per_server, authority.pace
        while authority.waiting and not (most and authority.in_flight >= most):
            wait = 0.0 if pace is None else pace.wait(self._hub.now())
            if wait:
                if authority.timer is None:
                    authority.timer = self._hub.call_later(max(wait, 0.001), self._turn, authority)
                return
            if pace is not None:
                pace.take()
            self._send(authority, *authority.waiting.popleft())

    def _turn(self, authority: _Authority) -> None:
        authority.timer = None
        self._pump(authority)

    def _send(self, authority: _Authority, question: Question, done: Done) -> None:
        def came(outcome: Outcome) -> None:
            authority.in_flight -= 1
            if isinstance(outcome, ResolveError):
                authority.down_until = self._hub.now() + _PENALTY
                authority.rtt = min(authority.rtt * 2, 4.0)
            else:
                authority.down_until = 0.0
                authority.rtt += (outcome.rtt - authority.rtt) / 4
            done(outcome)
            if authority.waiting and not self._closed:
                self._pump(authority)

        options, plain = question.options, authority.options
        asked = question._replace(
            options=plain if options is None else replace(options, server=authority.server, rd=False)
        )
        authority.in_flight += 1
        self.queries += 1
        try:
            self.engine.submit(asked, came)
        except ResolveError as error:
            self._hub.call_soon(came, error)


class _Walk:
    """One question on its way down, and from alias to alias."""

    def __init__(self, engine: IterativeEngine, question: Question, give: Done, depth: int, aliases: int) -> None:
        self.engine = engine
        self.question = question
        self.depth = depth
        self.aliases = aliases
        self.waiting: list[Done] = [give]
        self.needs: list[_Walk] = []  # walks that this one waits for
        self._name = question.name.lower()
        self._records: list[Record] = []
        self._tried: dict[str, int] = {}
        self._failed = 0
        self._steps = 0
        self._gate = ""
        self._last: Answer | None = None
        self._error: ResolveError | None = None
        self._ended = False

    def waits_for(self, other: _Walk) -> bool:
        """Whether this walk needs the end of another, which must not wait for this one."""
        return self is other or any(one.waits_for(other) for one in self.needs)

    def step(self) -> None:
        """Ask the nearest zone that is known, unless somebody does already what teaches a nearer one."""
        engine = self.engine
        self.needs.clear()
        if self._ended:
            return
        now = engine._hub.now()
        above = self._name.partition(".")[2] if self.question.rdtype == RRType.DS else self._name
        cut = engine.delegations.closest(above, now)
        child = child_of(cut.zone, self._name) if self._name != cut.zone else self._name
        if not self.depth and child != self._name and not engine.delegations.is_none(child, now):
            owner, waiting = engine.gates.setdefault(child, (self, []))
            if owner is self:
                self._gate = child
            elif not owner.waits_for(self):
                self.needs.append(owner)
                waiting.append(self.step)
                return
        self._ask(cut.zone, cut.names)

    def _ask(self, zone: str, names: tuple[str, ...]) -> None:
        engine = self.engine
        now = engine._hub.now()
        known = [engine.delegations.addresses(name, now) for name in names]
        addresses = [address for one in known for address in one or ()]
        fresh = [one for one in addresses if one not in self._tried]
        missing = [name for name, one in zip(names, known, strict=True) if one is None]
        if not fresh and missing and self.depth < _DEPTH:
            self._find_address(missing[0], zone, names)
            return
        authority = engine.best(addresses, self._tried, now)
        if authority is None or self._failed >= max(engine.tries, min(len(addresses), 2 * engine.tries)):
            self._give_up(zone, names)
            return
        address = authority.server.address
        self._tried[address] = self._tried.get(address, 0) + 1
        self._steps += 1
        if self._steps > _STEPS:
            self._finish(2)
            return
        engine.ask(authority, self.question._replace(name=self._name), lambda outcome: self._came(zone, names, outcome))

    def _find_address(self, name: str, zone: str, names: tuple[str, ...]) -> None:
        """Find a server's address first; IPv6 only where there is no IPv4."""
        engine = self.engine
        kinds = [RRType.A, RRType.AAAA]

        def came(outcome: Outcome) -> None:
            self.needs.clear()
            if self._ended:
                return
            # Under its own name: a server's name must not be an alias (RFC 2181 §10.3).
            records = [] if isinstance(outcome, ResolveError) else list(outcome.records)
            records = [one for one in records if one.name.lower() == name]
            found = tuple([one.data for one in records if one.rdtype in (RRType.A, RRType.AAAA)])
            if not found and kinds:
                engine.walk(Question(name, kinds.pop(0)), came, self, self.depth + 1)
                return
            ttl = min([one.ttl for one in records], default=30)
            engine.delegations.learn_addresses(name, found, engine._hub.now(), ttl)
            self._ask(zone, names)

        engine.walk(Question(name, kinds.pop(0)), came, self, self.depth + 1)

    def _came(self, zone: str, names: tuple[str, ...], outcome: Outcome) -> None:
        if self._ended:
            return
        now = self.engine._hub.now()
        if isinstance(outcome, ResolveError):
            self._error = outcome
            reply = Reply("lame")
        else:
            reply = meaning(outcome, zone)
            self._last = outcome
        if reply.kind == "lame":
            self._failed += 1
            self._ask(zone, names)
            return
        self._tried.clear()
        self._failed = 0
        if reply.kind == "referral":
            self.engine.delegations.learn(reply, now)
            self._open_gate(reply.cut.zone if reply.cut is not None else "", now)
            self.step()
            return
        self._open_gate("", now)
        self._records += reply.records
        if reply.kind == "alias":
            self._follow(reply.name)
        else:
            self._finish(reply.rcode)

    def _follow(self, name: str) -> None:
        """Go on with an alias' target, by a walk of its own, so that it is cached and shared."""
        aliases = self.aliases + sum(one.rdtype == RRType.CNAME for one in self._records)
        if aliases > _ALIASES:
            self._finish(2)
            return

        def came(outcome: Outcome) -> None:
            self.needs.clear()
            if self._ended:
                return
            if isinstance(outcome, ResolveError):
                if outcome.kind is Kind.OTHER:
                    self._finish(2)  # what resolvers say of aliases in a circle
                else:
                    self.fail(outcome)
                return
            self._last = outcome
            self._records += outcome.records
            self._finish(outcome.rcode)

        self.engine.walk(self.question._replace(name=name), came, self, self.depth, aliases)

    def _open_gate(self, cut: str, now: float) -> None:
        """Let those go on that waited to learn what is below; ``cut`` is where the way turned out to lead on."""
        gate, self._gate = self._gate, ""
        if not gate:
            return
        if cut != gate:
            self.engine.delegations.no_cut(gate, now, 300)
        for go_on in self.engine.gates.pop(gate)[1]:
            self.engine._hub.call_soon(go_on)

    def _finish(self, rcode: int) -> None:
        last = self._last
        records = () if rcode == 2 else tuple(dict.fromkeys(self._records))
        soa = () if last is None else tuple([one for one in last.authority if one.rdtype == RRType.SOA])
        answer = Answer(
            self.question,
            rcode,
            records,
            soa if rcode or not any(self.question.rdtype in (one.rdtype, RRType.ANY) for one in records) else (),
            flags=_RECURSES,
            server=None if last is None else last.server,
            rtt=0.0 if last is None else last.rtt,
            tcp=last is not None and last.tcp,
            attempts=max(self._steps, 1),
            engine=self.engine.name,
        )
        if not (rcode == 2 and self.aliases):  # alone, this name may be near enough to the end of its chain
            self.engine.cache.put(answer, self.engine._hub.now())
        self._end(answer)

    def _give_up(self, zone: str, names: tuple[str, ...]) -> None:
        """No server of the zone is of use: SERVFAIL, as resolvers have it; an error if the root itself is silent."""
        self.engine.delegations.forget_addresses(names)
        if zone or self._last is not None or self._error is None:
            self._finish(2)
        else:
            error = self._error
            self.fail(ResolveError(error.kind, self.question.name, detail=error.detail, server=error.server))

    def fail(self, error: ResolveError, later: bool = False) -> None:
        """It comes to nothing."""
        if later:
            self._ended, waiting = True, self.waiting
            self.waiting = []
            for give in waiting:
                self.engine._hub.call_soon(give, error.fresh())
            return
        self._end(error)

    def _end(self, outcome: Outcome) -> None:
        if self._ended:
            return
        self._ended = True
        self.engine.walks.pop(self.question, None)
        self._open_gate(self._gate, self.engine._hub.now())
        waiting, self.waiting = self.waiting, []
        for give in waiting:
            give(outcome.fresh() if isinstance(outcome, ResolveError) else outcome)


def make(config: Config, tuning: Tuning) -> IterativeEngine:
    """An engine that starts at the servers of ``config``, whose port is that of all authorities."""
    hints = [(f"root{number}", one.address) for number, one in enumerate(config.servers)]
    return IterativeEngine(config, tuning, hints, config.servers[0].port)
