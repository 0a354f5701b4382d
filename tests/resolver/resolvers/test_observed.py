"""What an observer is told of a lookup's steps, as a table: an engine that answers at once, a clock by hand."""

from contextlib import suppress

import pytest

from celadon.hub import get_hub
from celadon.hub.testing import MockClock
from celadon.resolver import Answer, Cache, CachePolicy, Config, Kind, Question, Record, ResolveError, StubResolver
from celadon.resolver.policy.libc_or_engine import Choice
from celadon.resolver.resolvers.observed import Observed, Teller
from celadon.resolver.system.hosts import Hosts
from celadon.resolver.system.world import World

WORLD = World(Config(), Hosts())


class Engine:
    """Answers A questions, has no AAAA, fails where it is told to."""

    name = "scripted"

    def __init__(self):
        self.failing = False

    def submit(self, question, done):
        records = (Record(question.name, 1, 100, "192.0.2.1"),) if question.rdtype == 1 else ()
        outcome = Answer(question, 0, records, server="192.0.2.53#53")
        if self.failing:
            outcome = ResolveError(Kind.TIMEOUT, question.name, server="192.0.2.54#53")
        return get_hub().call_later(0.01, done, outcome).cancel

    def close(self):
        pass


class Libc:
    """Says that names in .local are libc's, and is libc."""

    def __call__(self, name, reverse=False):
        return self if name and name.endswith(".local") else None

    def choice(self, name, reverse=False):
        return Choice("thread" if self(name) else "engine", f"because of {name}")

    def gethostbyname(self, host):
        return "192.0.2.200"

    def close(self):
        pass


def address(made, host="a.test"):
    return made.getaddrinfo(host, 80, 2, 1)


def record(made):
    return made.query(Question("a.test", 1))


# Each row: seconds that pass, whether the servers fail, the call, the kinds of its events, and the source at its end.
ROWS = {
    "not cached, cached, finished": [
        (0, False, address, "start miss answer", "dns"),
        (1, False, address, "start hit answer", "cache"),
        (0, False, address, "start answer", "memo"),
        (0, False, record, "start hit answer", "cache"),
    ],
    "one of two types cached": [
        (0, False, record, "start miss answer", "dns"),
        (1, False, lambda made: made.getaddrinfo("a.test", 80), "start hit miss answer", "dns"),
    ],
    "a stale answer after the client's time, then while the servers rest": [
        (0, False, record, "start miss answer", "dns"),
        (200, True, record, "start miss stale answer", "cache"),
        (1, True, record, "start stale answer", "cache"),
        (1, True, address, "start stale answer", "cache"),
    ],
    "the servers fail": [
        (0, True, record, "start miss error", "dns"),
        (0, True, address, "start miss error", "dns"),
    ],
    "policy alone": [
        (0, True, lambda made: made.gethostbyname("127.0.0.1"), "start answer", "policy"),
        (0, True, lambda made: address(made, "127.1"), "start answer", "policy"),
        (0, True, lambda made: made.getnameinfo(("127.0.0.1", 80), 3), "start answer", "policy"),
    ],
    "libc's": [(0, True, lambda made: made.gethostbyname("printer.local"), "start answer", "libc")],
}


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_steps(rows):
    heard, engine, libc = [], Engine(), Libc()
    teller = Teller("scripted", heard.append)
    cache = Cache(CachePolicy(stale=1000, recheck=30))
    inner = StubResolver("x", lambda config: engine, lambda: WORLD, cache=cache, elsewhere=libc, observer=teller)
    made = Observed(inner, teller, "memo", libc)
    with MockClock() as clock:
        for seconds, fails, call, kinds, source in rows:
            clock.advance(seconds)
            engine.failing = fails
            heard.clear()
            with suppress(ResolveError):
                call(made)
            assert " ".join(one.kind for one in heard) == kinds
            assert heard[-1].source == source
            if source == "cache" or (source == "dns" and not fails):
                assert (heard[-1].server, heard[-1].rcode) == ("192.0.2.53#53", 0)
            assert teller.known == {}
    made.close()


def test_why_is_told_at_the_start():
    heard, libc = [], Libc()
    made = Observed(StubResolver("x", None, lambda: WORLD, elsewhere=libc), Teller("x", heard.append), "memo", libc)
    made.gethostbyname("127.0.0.1")
    made.getaddrinfo(None, 80)
    assert [one.detail for one in heard] == ["because of 127.0.0.1", "", "", ""]


def test_without_an_observer_nobody_is_told():
    with MockClock():
        made = StubResolver("x", lambda config: Engine(), lambda: WORLD)
        assert address(made)[0][4] == ("192.0.2.1", 80)
        assert record(made).records[0].data == "192.0.2.1"
    made.close()
