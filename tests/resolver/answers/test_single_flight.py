"""One query for all who ask the same, and the cache behind it, seen at the server."""

import pytest

from celadon import resolver
from celadon.hub import get_hub, joinall, sleep, spawn
from celadon.hub.testing import MockClock
from celadon.resolver import Answer, Cache, CachePolicy, Config, Kind, Question, Record, ResolveError, StubResolver
from celadon.resolver.answers.single_flight import Flights
from celadon.resolver.system.hosts import Hosts
from celadon.resolver.system.world import World
from celadon.resolver.testing import Delay, Drop

Q = Question("a.test", 1)
WORLD = World(Config(), Hosts())


RECORDS = [
    ("a.test", "A", "192.0.2.1"),
    ("a.test", "AAAA", "2001:db8::1"),
    ("six.test", "AAAA", "2001:db8::6"),
]


class Engine:
    """An engine that answers when the test says so."""

    name = "scripted"

    def __init__(self):
        self.asked = []
        self.cancelled = []

    def submit(self, question, done):
        self.asked.append((question, done))
        return lambda: self.cancelled.append(question)

    def close(self):
        for question, done in self.asked:
            done(ResolveError(Kind.CANCELLED, question.name))


class Timers:
    def __init__(self):
        self.now = 0.0
        self.pending = []

    def call_later(self, seconds, function, *args):
        timer = [self.now + seconds, function, args]
        self.pending.append(timer)
        return type("Timer", (), {"cancel": lambda _: timer in self.pending and self.pending.remove(timer)})()

    def advance(self, seconds):
        self.now += seconds
        for timer in [one for one in self.pending if one[0] <= self.now]:
            self.pending.remove(timer)
            timer[1](*timer[2])


def setup(**policy):
    engine, timers, cache = Engine(), Timers(), Cache(CachePolicy(**policy))
    return engine, timers, cache, Flights(engine, cache, lambda: timers.now, timers.call_later)


def good(question=Q, ttl=10, data="192.0.2.1"):
    return Answer(question, 0, (Record(question.name, 1, ttl, data),))


def test_waiters_share_and_the_last_ones_going_cancels():
    engine, _, _, flights = setup()
    got = []
    first = flights.submit(Q, got.append)
    second = flights.submit(Question("A.TEST", 1), got.append)
    third = flights.submit(Q, got.append)
    assert len(engine.asked) == 1
    third()
    third()
    assert engine.cancelled == []
    engine.asked[0][1](good())
    assert [one.records[0].name for one in got] == ["a.test", "A.TEST"]
    first()
    second()
    assert engine.cancelled == []
    cancel = flights.submit(Question("b.test", 1), got.append)
    cancel()
    cancel()
    assert engine.cancelled == [Question("b.test", 1)]
    assert len(flights) == 0


def test_each_waiter_gets_an_error_of_its_own():
    engine, _, cache, flights = setup()
    got = []
    flights.submit(Q, got.append)
    flights.submit(Q, got.append)
    engine.asked[0][1](ResolveError(Kind.TIMEOUT, "a.test"))
    assert [one.kind for one in got] == [Kind.TIMEOUT] * 2
    assert got[0] is not got[1]
    assert len(cache) == 0  # silence is not kept: it may be our own network's


def test_an_answer_to_a_question_from_before_a_flush_is_told_and_not_kept():
    engine, _, cache, flights = setup()
    got = []
    flights.submit(Q, got.append)
    cache.flush()
    engine.asked[0][1](good())
    assert len(got) == 1
    assert len(cache) == 0


def test_stale_after_the_client_timeout_and_the_query_goes_on_for_the_cache():
    engine, timers, cache, flights = setup(stale=1000, client_timeout=1.8, recheck=30)
    cache.put(good(), 0.0)
    timers.now = 20.0
    got = []
    assert cache.get(Q, timers.now) is None
    cancel = flights.submit(Q, got.append)
    timers.advance(1.7)
    assert got == []
    timers.advance(0.1)
    assert got[0].stale
    assert got[0].records[0].data == "192.0.2.1"
    cancel()
    assert engine.cancelled == []
    assert cache.get(Q, timers.now) is not None  # the servers rest
    engine.asked[0][1](good(data="192.0.2.2"))
    assert cache.get(Q, timers.now).answer.records[0].data == "192.0.2.2"
    assert timers.pending == []


def test_who_comes_while_a_query_is_late_waits_no_longer_than_those_before():
    """The servers' time may be longer than the rest that they were given: the query is still under way then."""
    engine, timers, cache, flights = setup(stale=1000, client_timeout=1.8, recheck=30)
    cache.put(good(), 0.0)
    timers.now = 20.0
    got = []
    flights.submit(Q, got.append)
    timers.advance(1.8)
    timers.advance(31)
    assert cache.get(Q, timers.now) is None
    flights.submit(Q, got.append)
    flights.submit(Q, got.append)
    timers.advance(1.8)
    assert [one.stale for one in got] == [True] * 3
    assert len(engine.asked) == 1
    engine.asked[0][1](good(data="192.0.2.2"))
    assert timers.pending == []


@pytest.mark.parametrize("failure", [ResolveError(Kind.TIMEOUT, "a.test"), Answer(Q, 2), Answer(Q, 5)])
def test_stale_at_once_when_the_servers_fail_and_recovery_within_the_recheck_time(failure):
    engine, timers, cache, flights = setup(stale=1000, recheck=30)
    cache.put(good(), 0.0)
    timers.now = 20.0
    got = []
    flights.submit(Q, got.append)
    engine.asked[0][1](failure)
    assert got[0].stale
    timers.now = 49.0
    assert cache.get(Q, timers.now) is not None
    timers.now = 50.0
    assert cache.get(Q, timers.now) is None
    flights.submit(Q, got.append)
    engine.asked[1][1](good(data="192.0.2.2"))
    assert not got[1].stale
    assert timers.pending == []


def test_a_refresh_needs_no_waiter():
    engine, timers, cache, flights = setup(prefetch=0.5)
    flights.refresh(Q)
    flights.refresh(Q)
    assert len(engine.asked) == 1
    got = []
    flights.submit(Q, got.append)()
    assert engine.cancelled == []
    engine.asked[0][1](good())
    assert cache.get(Q, timers.now)
    assert got == []
    flights.close()
    flights.refresh(Question("b.test", 1))
    assert len(engine.asked) == 1


# -- the whole -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ares", "python"])
def test_two_hundred_at_once_are_two_queries_and_later_none(server, name):
    resolver.use(name, servers=server.servers)
    server.script("a.test", Delay(0.05))
    for _ in range(2):
        asking = [spawn(resolver.getaddrinfo, "a.test", 80) for _ in range(200)]
        joinall(asking, raise_error=True)
        assert len({tuple(one.get()) for one in asking}) == 1
        assert sorted(one.rdtype for one in server.queries) == ["A", "AAAA"]
    asking = [spawn(resolver.getaddrinfo, "six.test", 80, 10) for _ in range(200)]
    joinall(asking, raise_error=True)
    assert server.count("six.test") == 1
    resolver.current().cache.flush()
    resolver.getaddrinfo("six.test", 80, 10)
    assert server.count("six.test") == 2


@pytest.mark.parametrize("name", ["ares", "python"])
def test_a_kill_takes_one_waiter_only(server, name):
    made = resolver.use(name, servers=server.servers)
    server.script("a.test", Delay(0.1))
    victim = spawn(resolver.getaddrinfo, "a.test", 80, 2)
    other = spawn(resolver.getaddrinfo, "a.test", 80, 2)
    sleep(0.02)
    victim.kill()
    assert other.get()[0][4] == ("192.0.2.1", 80)
    assert server.count("a.test") == 1
    made.cache.flush()
    last = spawn(resolver.getaddrinfo, "a.test", 80, 2)
    sleep(0.02)
    last.kill()
    assert len(get_hub().timers) == 0


@pytest.mark.parametrize("name", ["ares", "python"])
def test_a_deadline_bounds_the_whole_lookup(server, name):
    server.script("a.test", Drop())
    resolver.use(name, servers=server.servers, timeout=5, attempts=3, deadline=0.15)
    begin = get_hub().now()
    with pytest.raises(ResolveError) as caught:
        resolver.getaddrinfo("a.test", 80)
    assert caught.value.kind is Kind.TIMEOUT
    assert caught.value.errno == -3
    assert 0.1 < get_hub().now() - begin < 2
    with pytest.raises(ResolveError):
        resolver.query("a.test")
    assert len(get_hub().timers) == 0
    with pytest.raises(resolver.ResolverConfigError):
        resolver.make(name, deadline=0)


@pytest.mark.parametrize("name", ["ares", "python"])
def test_what_was_memorised_is_as_if_it_were_not(server, name):
    made = resolver.use(name, servers=server.servers)
    first = resolver.getaddrinfo("a.test", 80, 0, 1)
    again = resolver.getaddrinfo("a.test", 80, 0, 1)
    assert again == first
    again.clear()  # the caller's own list
    assert resolver.getaddrinfo("a.test", 80, 0, 1) == first
    for port in (True, 80.0):
        with pytest.raises(OSError, match="Int or String expected"):
            resolver.getaddrinfo("a.test", port, 0, 1)
    with pytest.raises(TypeError):
        resolver.getaddrinfo("a.test", 80, 0, 1.0)
    assert made.cache.discard("a.test", "192.0.2.1")
    assert len(resolver.getaddrinfo("a.test", 80, 2, 1)) == 1
    assert server.count("a.test", "A") == 2


@pytest.mark.parametrize("name", ["ares", "python"])
def test_no_cache(server, name):
    made = resolver.use(name, servers=server.servers, cache=False)
    for _ in range(3):
        resolver.getaddrinfo("six.test", 80, 10)
    assert made.cache is None
    assert server.count("six.test") == 3


def test_one_cache_for_two_resolvers(server):
    shared = Cache()
    resolver.use("python", servers=server.servers, cache=shared)
    resolver.getaddrinfo("six.test", 80, 10)
    with resolver.scope("python", servers=server.servers, cache=shared):
        resolver.getaddrinfo("six.test", 80, 10)
    assert server.count("six.test") == 1
    answer = resolver.query("six.test", "AAAA")
    assert answer.cached
    assert answer.records[0].ttl <= 300


class Silent:
    """An engine whose servers can be silent, on the hub's clock: two tries of a second each."""

    name = "silent"

    def __init__(self):
        self.silent = False
        self.asked = []

    def submit(self, question, done):
        self.asked.append(question.name)
        outcome = good(question, ttl=5) if question.name != "nx.test" else Answer(question, 3)
        if self.silent:
            outcome = ResolveError(Kind.TIMEOUT, question.name)
        return get_hub().call_later(2 if self.silent else 0, done, outcome).cancel

    def close(self):
        pass


def test_an_outage_of_a_minute():
    """Old answers within the client's time, recovery within the recheck time, nothing negative from our own fault."""
    engine = Silent()
    cache = Cache(CachePolicy(stale=86400, client_timeout=1.8, recheck=30))
    made = StubResolver("silent", lambda config: engine, lambda: WORLD, cache=cache)
    with MockClock() as clock:

        def look(name="a.test"):
            begin = clock.now()
            found = made.getaddrinfo(name, 80, 2, 1)
            assert clock.now() - begin <= 1.8 + 0.001
            return found[0][4]

        assert look() == ("192.0.2.1", 80)
        engine.silent = True
        begin = clock.now()
        while clock.now() - begin < 60:
            clock.advance(6)
            assert look() == ("192.0.2.1", 80)
        assert engine.asked.count("a.test") <= 4  # the servers were left in peace
        with pytest.raises(ResolveError) as caught:
            made.getaddrinfo("new.test", 80, 2, 1)
        assert caught.value.errno == -3
        engine.silent = False
        assert look("new.test") == ("192.0.2.1", 80)  # nothing negative was kept
        clock.advance(30)
        assert look() == ("192.0.2.1", 80)
        clock.advance(0.1)
        assert cache.peek(Question("a.test", 1)).expires > clock.now()
    made.close()
