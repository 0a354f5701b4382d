"""What every engine and every resolver must do, as suites for any implementation.

``check_engine`` tests the contract of ``protocols.Engine`` and the answers to ``ZONE``. ``check_dns_engine`` adds the
duties of an engine that asks servers: it survives their faults, believes no forgery, and ends in time.
``check_resolver`` compares with answers that libc gave. Every case runs, and one error names all that failed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any

from ...hub import Timeout, get_hub, joinall, move_on_after, sleep, spawn
from ..errors import Kind, ResolveError
from ..model import Config, Question, RRType, Server
from ..protocols import Engine, Outcome, Resolver
from ..resolvers.custom import resolver_of
from ..resolvers.stub import ask
from . import nameserver as script
from .nameserver import NameServer
from .querycases import QUERY_CASES

#: The records of the suites' server; an engine without servers must know them.
ZONE: dict[str, dict[str, list[str]]] = {
    "a.test": {"A": ["192.0.2.1"], "MX": ["10 mx.test."], "TXT": ['"hello world"'], "CAA": ['0 issue "ca.test"']},
    "six.test": {"AAAA": ["2001:db8::1"]},
    "many.test": {"A": [f"192.0.2.{n}" for n in range(10, 30)]},
    "alias.test": {"CNAME": ["a.test."]},
    "far.test": {"CNAME": ["alias.test."]},
    "dangling.test": {"CNAME": ["nx.test."]},
    "1.2.0.192.in-addr.arpa": {"PTR": ["a.test."]},
    "_s._tcp.test": {"SRV": ["1 2 53 a.test."]},
    "ns.test": {"NS": ["ns1.test."]},
}

# (name, type, rcode, records as (owner, type, data)), owners in lower case.
_ANSWERS: list[tuple[str, RRType, int, list[tuple[str, str, str]]]] = [
    ("a.test", RRType.A, 0, [("a.test", "A", "192.0.2.1")]),
    ("A.tEST", RRType.A, 0, [("a.test", "A", "192.0.2.1")]),
    ("a.test", RRType.AAAA, 0, []),
    ("a.test", RRType.MX, 0, [("a.test", "MX", "10 mx.test.")]),
    ("a.test", RRType.TXT, 0, [("a.test", "TXT", '"hello world"')]),
    ("a.test", RRType.CAA, 0, [("a.test", "CAA", '0 issue "ca.test"')]),
    ("six.test", RRType.AAAA, 0, [("six.test", "AAAA", "2001:db8::1")]),
    ("many.test", RRType.A, 0, [("many.test", "A", f"192.0.2.{n}") for n in range(10, 30)]),
    ("nx.test", RRType.A, 3, []),
    ("1.2.0.192.in-addr.arpa", RRType.PTR, 0, [("1.2.0.192.in-addr.arpa", "PTR", "a.test.")]),
    ("_s._tcp.test", RRType.SRV, 0, [("_s._tcp.test", "SRV", "1 2 53 a.test.")]),
    ("ns.test", RRType.NS, 0, [("ns.test", "NS", "ns1.test.")]),
    ("alias.test", RRType.CNAME, 0, [("alias.test", "CNAME", "a.test.")]),
    ("alias.test", RRType.A, 0, [("alias.test", "CNAME", "a.test."), ("a.test", "A", "192.0.2.1")]),
    (
        "far.test",
        RRType.A,
        0,
        [("far.test", "CNAME", "alias.test."), ("alias.test", "CNAME", "a.test."), ("a.test", "A", "192.0.2.1")],
    ),
]
_RIGHT = Question("a.test", RRType.A)
_PATIENCE = 20.0  # seconds after which a case counts as hung

Case = Callable[..., None]


def _told(outcome: Outcome) -> tuple[int, list[tuple[str, str, str]]]:
    if isinstance(outcome, ResolveError):
        raise AssertionError(f"an answer was due, not {outcome.explain()}")
    return outcome.rcode, [
        (one.name.lower(), RRType(one.rdtype).name, one.data) for one in outcome.records if one.rdtype != RRType.OPT
    ]


def _expect(outcome: Outcome, rcode: int = 0, records: Iterable[tuple[str, str, str]] = ()) -> None:
    wanted = (rcode, sorted(records))
    found, got = _told(outcome)
    assert (found, sorted(got)) == wanted, f"{(found, got)} in place of {wanted}"


def _expect_right(outcome: Outcome) -> None:
    _expect(outcome, 0, _ANSWERS[0][3])


def _until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    with move_on_after(seconds) as bound:
        while not condition():
            sleep(0.001)
    assert not bound.expired, "nothing came"


# -- any engine ------------------------------------------------------------------------------------------------


def answers(engine: Engine) -> None:
    """It knows the zone in any case of the names, and follows CNAMEs."""
    for name, rdtype, rcode, records in _ANSWERS:
        try:
            _expect(ask(engine, (Question(name, rdtype),))[0], rcode, records)
        except AssertionError as error:
            raise AssertionError(f"{name} {rdtype.name}: {error}") from None


def dangling_alias(engine: Engine) -> None:
    """An alias of a missing name: the answer has the alias, and NXDOMAIN or no data."""
    outcome = ask(engine, (Question("dangling.test", RRType.A),))[0]
    rcode, records = _told(outcome)
    assert rcode in (0, 3), rcode
    assert [one for one in records if one[1] == "A"] == []


def done_comes_once_and_later(engine: Engine) -> None:
    """``done`` is called from the loop, once, and never from inside ``submit``."""
    seen: list[Outcome] = []
    engine.submit(_RIGHT, seen.append)
    assert not seen, "done was called from inside submit"
    _until(lambda: seen)
    sleep(0.01)
    assert len(seen) == 1, f"done was called {len(seen)} times"


def cancelled_is_silent(engine: Engine) -> None:
    """After cancel ``done`` is not called; cancelling twice, or after the answer, does nothing."""
    seen: list[Outcome] = []
    cancel = engine.submit(_RIGHT, seen.append)
    cancel()
    cancel()
    other: list[Outcome] = []
    late = engine.submit(_RIGHT, other.append)
    _until(lambda: other)
    late()
    sleep(0.01)
    assert not seen, "done was called after cancel"
    assert len(other) == 1


def close_tells_who_waits(engine: Engine) -> None:
    """``close`` ends each pending question with Kind.CANCELLED, once; ``submit`` then raises."""
    seen: list[Outcome] = []
    engine.submit(_RIGHT, seen.append)
    engine.close()
    engine.close()
    _until(lambda: seen)
    outcome = seen[0]
    assert isinstance(outcome, ResolveError), outcome
    assert outcome.kind is Kind.CANCELLED, outcome.kind
    assert len(seen) == 1
    try:
        engine.submit(_RIGHT, seen.append)
    except ResolveError:
        return
    raise AssertionError("a closed engine takes questions")


def many_at_once(engine: Engine) -> None:
    """Hundreds of questions at once: each gets its own answer."""
    asked = [(name, rdtype, rcode, records) for _ in range(30) for name, rdtype, rcode, records in _ANSWERS]
    asking = [spawn(ask, engine, (Question(name, rdtype),)) for name, rdtype, _, _ in asked]
    joinall(asking)
    for one, (_, _, rcode, records) in zip(asking, asked, strict=True):
        _expect(one.get()[0], rcode, records)


def a_kill_leaves_nothing(engine: Engine) -> None:
    """A greenlet that is killed while it waits ends at once."""
    asking = spawn(ask, engine, (_RIGHT, Question("a.test", RRType.AAAA)))
    sleep(0)
    asking.kill()
    assert asking.dead, "it goes on"


_ENGINE_CASES: tuple[Case, ...] = (
    answers,
    dangling_alias,
    done_comes_once_and_later,
    cancelled_is_silent,
    close_tells_who_waits,
    many_at_once,
    a_kill_leaves_nothing,
)


# -- engines that ask servers ----------------------------------------------------------------------------------


def _survives(*faults: script.Script) -> Callable[[Engine, NameServer], None]:
    def case(engine: Engine, server: NameServer) -> None:
        server.script("a.test", *faults)
        _expect_right(ask(engine, (_RIGHT,))[0])

    return case


def truncated(engine: Engine, server: NameServer) -> None:
    """TC over UDP: asked again over TCP (RFC 7766)."""
    server.script("a.test", script.Truncate())
    _expect_right(ask(engine, (_RIGHT,))[0])
    assert server.queries[-1].tcp, "never asked over TCP"


def a_final_refusal(engine: Engine, server: NameServer) -> None:
    """If all servers refuse, the outcome is an answer with that rcode, not an exception."""
    server.script("a.test", script.Refused())
    _expect(ask(engine, (_RIGHT,))[0], 5)
    server.script("six.test", script.Servfail())
    _expect(ask(engine, (Question("six.test", RRType.AAAA),))[0], 2)


def silence(engine: Engine, server: NameServer) -> None:
    """Without any reply the outcome is Kind.TIMEOUT, after every try, in the configured time."""
    server.script("a.test", script.Drop())
    outcome = ask(engine, (_RIGHT,))[0]
    assert isinstance(outcome, ResolveError), outcome
    assert outcome.kind is Kind.TIMEOUT, outcome.kind
    assert server.count("a.test") >= 2, "asked once only"


def illegal_names(engine: Engine, server: NameServer) -> None:
    """A name without wire form is refused at once. The root is a legal name."""
    for name in ("a..b", "x" * 64 + ".test", ".".join(["abcdefg"] * 40)):
        try:
            engine.submit(Question(name, RRType.A), print)
        except ResolveError as error:
            assert error.kind is Kind.ILLEGAL, error.kind
        else:
            raise AssertionError(f"{name!r} was taken")
    _told(ask(engine, (Question("", RRType.A),))[0])


def slow_answers_overlap(engine: Engine, server: NameServer) -> None:
    """Twenty slow answers take the time of one, and the hub runs on meanwhile."""
    server.script("a.test", script.Delay(0.15))
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        while True:
            sleep(0.005)
            ticks += 1

    ticking = spawn(tick)
    with Timeout(2.5):  # one after the other they would need three seconds
        joinall([spawn(ask, engine, (_RIGHT,)) for _ in range(20)], raise_error=True)
    ticking.kill()
    assert ticks > 5, f"the hub stood still: {ticks} ticks"


_DNS_CASES: dict[str, Callable[[Engine, NameServer], None]] = {
    "a late reply": _survives(script.Delay(0.05)),
    "a reply that comes twice": _survives(script.Duplicate()),
    "a reply from another port": _survives(script.WrongSource()),
    "a reply with another id": _survives(script.WrongId()),
    "a reply to another question": _survives(script.WrongQuestion()),
    "bytes that are no message": _survives(script.Garbage()),
    "a header cut short": _survives(script.Garbage(b"")),
    "SERVFAIL, then the answer": _survives(script.Servfail(1)),
    "FORMERR, then the answer": _survives(script.Formerr(1)),
    "the first query lost": _survives(script.Drop(1)),
    "a truncated reply": truncated,
    "a final refusal": a_final_refusal,
    "silence": silence,
    "illegal names": illegal_names,
    "slow answers overlap": slow_answers_overlap,
}


def dead_server_first(make: Callable[[Config], Engine], server: NameServer) -> None:
    """A server whose port is closed is skipped."""
    engine = make(_config(Server("127.0.0.1", 1), Server(server.host, server.port)))
    try:
        _expect_right(ask(engine, (_RIGHT,))[0])
    finally:
        engine.close()


# -- the suites ------------------------------------------------------------------------------------------------


def _config(*servers: Server, timeout: float = 0.4) -> Config:
    return Config(servers=servers, timeout=timeout, attempts=2)


@contextmanager
def _server() -> Generator[NameServer, None, None]:
    with NameServer() as server:
        for name, node in ZONE.items():
            for rdtype, data in node.items():
                for one in data:
                    server.add(name, rdtype, one)
        yield server


class _Findings:
    """Runs cases and collects the failures, so that one run shows all of them."""

    def __init__(self, wanted: Mapping[str, str]) -> None:
        self.passed: list[str] = []
        self.failed: list[str] = []
        self._wanted = wanted

    def run(self, name: str, case: Callable[[], object]) -> None:
        """One case; a hang is a failure as well."""
        try:
            with Timeout(_PATIENCE):
                case()
        except Timeout:
            found = "hung"
        except Exception as error:  # noqa: BLE001  (whatever a foreign engine raises is the finding)
            found = f"{type(error).__name__}: {error}"
        else:
            found = ""
        if name in self._wanted:
            if not found:
                self.failed.append(f"{name}: holds by now; it is no wanted difference ({self._wanted[name]})")
        elif found:
            self.failed.append(f"{name}: {found}")
        else:
            self.passed.append(name)

    def end(self) -> list[str]:
        """The names of the cases that passed. AssertionError names every case that failed."""
        if self.failed:
            raise AssertionError("\n".join([f"{len(self.failed)} cases failed:", *self.failed]))
        return self.passed


def _closing(make: Callable[[], Engine], case: Callable[[Engine], None]) -> Callable[[], None]:
    def run() -> None:
        hub = get_hub()
        fds, timers = len(hub.fds), len(hub.timers)
        engine = make()
        try:
            case(engine)
        finally:
            engine.close()
        assert len(hub.fds) == fds, f"{len(hub.fds) - fds} watched fds are left after close"
        assert len(hub.timers) == timers, f"{len(hub.timers) - timers} timers are left after close"

    return run


def _check_contract(findings: _Findings, make: Callable[[], Engine]) -> None:
    for case in _ENGINE_CASES:
        findings.run(case.__name__.replace("_", " "), _closing(make, case))


def check_engine(make: Callable[[], Engine], *, wanted: Mapping[str, str] | None = None) -> list[str]:
    """Test any engine: the contract, and the answers to ``ZONE``. Returns the names of the cases that passed.

    ``make`` returns a new engine for the calling thread's hub that knows ``ZONE``. ``wanted`` maps the names of cases
    that fail on purpose to the reason. AssertionError names each other case that failed. Parks the caller for seconds.
    """
    findings = _Findings(wanted or {})
    _check_contract(findings, make)
    return findings.end()


def check_dns_engine(make: Callable[[Config], Engine], *, wanted: Mapping[str, str] | None = None) -> list[str]:
    """As ``check_engine``, for an engine that asks the servers of a Config; adds the faults of servers."""
    findings = _Findings(wanted or {})
    with _server() as server:
        # Nothing is lost here, so a busy machine may take its time.
        _check_contract(findings, lambda: make(_config(Server(server.host, server.port), timeout=5.0)))
        findings.run("a dead server first", lambda: dead_server_first(make, server))
    for name, case in {**_DNS_CASES, **QUERY_CASES}.items():
        with _server() as server:
            config = _config(Server(server.host, server.port))
            findings.run(name, _closing(lambda config=config: make(config), lambda e, c=case, s=server: c(e, s)))  # type: ignore[misc]
    return findings.end()


def outcome_of(call: Callable[..., object], *args: object) -> object:
    """What a call returned or raised, as data for JSON."""
    try:
        result = call(*args)
    except OSError as error:
        # Of ResolveError as of gaierror: what ``except`` clauses and ``errno`` see.
        kind = next(one.__name__ for one in type(error).__mro__ if one.__module__ in ("socket", "builtins"))
        return {"raises": kind, "args": list(error.args)}
    except UnicodeError:
        return {"raises": "UnicodeError"}  # CPython raises a subclass of it since 3.13
    except Exception as error:  # noqa: BLE001  (the exception is the outcome)
        return {"raises": type(error).__name__}
    return _plain(result)


def _plain(value: Any) -> object:
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, int) else value


def check_resolver(
    make: Callable[[list[str]], Resolver],
    golden: Iterable[Mapping[str, Any]],
    *,
    wanted: Mapping[str, str] | None = None,
) -> list[str]:
    """Compare a resolver's outcomes with golden ones, exactly. Returns the names of the calls that agree.

    ``make`` gets the servers to ask (addresses with ports). Calls that the resolver lacks are derived from those that
    it has, as ``use`` does. ``golden`` holds rows with ``call``, ``args`` and ``outcome`` (see ``outcome_of``),
    recorded from libc over ``ZONE``. ``wanted`` maps a call, as it is printed, to the reason of its difference. Raises
    AssertionError naming each call that differs.
    """
    findings = _Findings(wanted or {})
    with _server() as server:
        resolver = resolver_of(make(server.servers))
        for row in golden:
            name = f"{row['call']}({', '.join(map(repr, row['args']))})"
            findings.run(name, lambda row=row: _agrees(resolver, row))  # type: ignore[misc]
        resolver.close()
    return findings.end()


def _agrees(resolver: Resolver, row: Mapping[str, Any]) -> None:
    args = [tuple(one) if isinstance(one, list) else one for one in row["args"]]
    got = outcome_of(getattr(resolver, row["call"]), *args)
    assert got == row["outcome"], f"{got} in place of {row['outcome']}"
