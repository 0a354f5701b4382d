"""The crawler's resolver against a scripted name server, and the sockets that ask it."""

import socket
import ssl
import time
from contextlib import suppress

import pytest

from celadon import resolver
from celadon.green import create_connection
from celadon.green import socket as green
from celadon.green.ssl import SSLSocket
from celadon.hub import Pool, Timeout, get_hub, joinall, sleep, spawn
from celadon.hub.testing import MockClock
from celadon.resolver import BlockedAddress, CrawlerResolver, Guard, Kind, ResolveError, ResolverConfigError, factory
from celadon.resolver.crawl.values import interleave
from celadon.resolver.testing import Delay, Drop, Servfail

RECORDS = [
    ("public.test", "A", "8.8.8.8"),
    ("public.test", "A", "1.1.1.1"),
    ("mixed.test", "A", "10.0.0.1"),
    ("mixed.test", "A", "9.9.9.9"),
    ("evil.test", "A", "127.0.0.1"),
    ("evil.test", "AAAA", "::ffff:10.0.0.1"),
    ("meta.test", "A", "169.254.169.254"),
    ("alias.test", "CNAME", "middle.test.", 500),
    ("middle.test", "CNAME", "public.test.", 400),
]


@pytest.fixture
def make(server):
    made = []

    def new(backend="python", **options):
        if isinstance(backend, str):
            options = {"servers": server.servers, "timeout": 1, "attempts": 1, **options}
        made.append(CrawlerResolver(backend, **options))
        return made[-1]

    yield new
    for one in made:
        one.close()


@pytest.fixture
def later():
    """``later(seconds)`` puts the hub's clock forward; packets still take their real time."""
    hub = get_hub()
    real, ahead = hub.now, [0.0]
    hub.now = lambda: real() + ahead[0]

    def forward(seconds):
        ahead[0] += seconds

    yield forward
    hub.now = real


def addresses(found):
    return [row[4][0] for row in found]


@pytest.mark.parametrize("backend", ["python", "ares", "thread"])
def test_what_is_private_is_taken_out(make, backend):
    crawler = make(backend)
    assert sorted(addresses(crawler.getaddrinfo("public.test", 80, 0, 1))) == ["1.1.1.1", "8.8.8.8"]
    assert addresses(crawler.getaddrinfo("mixed.test", 80, 0, 1)) == ["9.9.9.9"]
    for host in ("evil.test", "meta.test", "localhost", "127.1", "2130706433", b"0x7f.1", "::1", "::ffff:7f00:1", None):
        with pytest.raises(BlockedAddress) as caught:
            crawler.getaddrinfo(host, 80, 0, 1)
        assert caught.value.errno == socket.EAI_FAIL
    with pytest.raises(BlockedAddress):
        crawler.gethostbyname("meta.test")
    with pytest.raises(BlockedAddress):
        crawler.gethostbyname_ex("meta.test")
    assert crawler.gethostbyname("mixed.test") == "9.9.9.9"
    assert crawler.gethostbyname_ex("mixed.test")[2] == ["9.9.9.9"]
    assert crawler.stats().blocked == 11
    assert crawler.stats().errors == {"BLOCKED": 11}


def test_the_canonical_name_stays_with_the_first(make):
    found = make().getaddrinfo("mixed.test", 80, 0, 1, 0, socket.AI_CANONNAME)
    assert found == [(2, 1, 6, "mixed.test", ("9.9.9.9", 80))]


def test_allowed_or_without_a_guard(make):
    assert addresses(make(guard=Guard(allow=["127.0.0.0/8"])).getaddrinfo("evil.test", 80, 2, 1)) == ["127.0.0.1"]
    assert addresses(make(guard=False).getaddrinfo("meta.test", 80, 2, 1)) == ["169.254.169.254"]
    assert make().getaddrinfo("localhost", 80, 2, 1, 0, socket.AI_PASSIVE)[0][4] == ("127.0.0.1", 80)


def test_a_pin_wins_and_passes(make, server):
    crawler = make()
    crawler.pin("Evil.Test.", ["127.0.0.5", "::1"])
    assert crawler.getaddrinfo("evil.test", 80, 2, 1) == [(2, 1, 6, "", ("127.0.0.5", 80))]
    assert addresses(crawler.getaddrinfo("evil.test", "http", 0, 1)) == ["127.0.0.5", "::1"]
    assert crawler.getaddrinfo("evil.test", 80, 2, 1, 0, socket.AI_CANONNAME)[0][3] == "evil.test"
    assert crawler.gethostbyname("evil.test") == "127.0.0.5"
    assert crawler.gethostbyname_ex("evil.test") == ("evil.test", [], ["127.0.0.5"])
    for given in (addresses(crawler.getaddrinfo("evil.test", 80, 2, 1))[0], crawler.gethostbyname("evil.test")):
        crawler.permit(given)
        assert addresses(crawler.getaddrinfo(given, 80, 2, 1)) == ["127.0.0.5"], "a library looks it up once more"
    for literal in ("127.0.0.5", "127.0.0.6", b"127.0.0.5", bytearray(b"127.0.0.5")):
        with pytest.raises(BlockedAddress):
            crawler.permit(literal)
    server.add("other.test", "A", "127.0.0.5")
    for host in ("127.0.0.5", "other.test"):
        with pytest.raises(BlockedAddress):
            crawler.getaddrinfo(host, 80, 2, 1)
    server.queries.clear()
    assert crawler.lookup("evil.test").source == "pin"
    assert crawler.key("evil.test") == "127.0.0.5"
    crawler.pin("evil.test", "9.9.9.9")
    with pytest.raises(BlockedAddress):
        crawler.permit(given)
    with pytest.raises(ResolveError) as caught:
        crawler.getaddrinfo("evil.test", 80, socket.AF_INET6)
    assert caught.value.errno == socket.EAI_NODATA
    assert not server.queries
    crawler.unpin("evil.test")
    with pytest.raises(BlockedAddress):
        crawler.getaddrinfo("evil.test", 80)
    for bad in ([], ["nowhere"], ["10.0.0.0/8"]):
        with pytest.raises(ValueError, match=r"pin|network"):
            crawler.pin("x.test", bad)


def test_rebinding_within_a_crawl(make, server, later):
    """A TTL-0 name that flips: the first answer holds for the least TTL of a crawl, and the second is refused."""
    server.add("flip.test", "A", "8.8.4.4", ttl=0)
    crawler = make(cache={"min_ttl": 60})
    first = crawler.getaddrinfo("flip.test", 80, 2, 1)
    server.remove("flip.test")
    server.add("flip.test", "A", "127.0.0.1", ttl=0)
    assert crawler.getaddrinfo("flip.test", 80, 2, 1) == first
    later(61)
    with pytest.raises(BlockedAddress):
        crawler.getaddrinfo("flip.test", 80, 2, 1)


def test_order():
    rows = [(2, 1, 6, "", (f"192.0.2.{n}", 1)) for n in range(3)]
    six = [(10, 1, 6, "", (f"2001:db8::{n}", 1, 0, 0)) for n in range(2)]
    assert interleave([*rows, *six]) == [rows[0], six[0], rows[1], six[1], rows[2]]
    assert interleave([*six, *rows], 2) == [rows[0], six[0], rows[1], six[1], rows[2]]
    assert interleave(rows) == rows
    assert interleave(rows[:1]) == rows[:1]


@pytest.mark.both_families
def test_order_of_a_lookup(make, server):
    for n in range(1, 3):
        server.add("dual.test", "A", f"9.9.9.{n}")
        server.add("dual.test", "AAAA", f"2606:4700::{n}")
    families = [row[0] for row in make().getaddrinfo("dual.test", 80, 0, 1)]
    assert families in ([2, 10, 2, 10], [10, 2, 10, 2])
    assert [row[0] for row in make(order="ipv4-first").getaddrinfo("dual.test", 80, 0, 1)] == [2, 2, 10, 10]
    assert [row[0] for row in make(family=2).getaddrinfo("dual.test", 80, 0, 1)] == [2, 2]
    with pytest.raises(ResolverConfigError, match="order"):
        make(order="random")


def test_a_family_that_the_host_has_no_address_of_is_not_asked_for(make, server, monkeypatch):
    server.add("dual.test", "A", "9.9.9.9")
    server.add("dual.test", "AAAA", "2606:4700::9")
    for here, asked in (({2}, ["A"]), ({10}, ["AAAA"]), ({2, 10}, ["A", "AAAA"]), ((), ["A", "AAAA"])):
        monkeypatch.setattr(factory, "families", lambda here=here: frozenset(here))
        server.queries.clear()
        crawler = make()
        crawler.getaddrinfo("dual.test", 80, 0, 1)
        assert sorted(one.rdtype for one in server.queries) == asked
        with pytest.raises(BlockedAddress):
            crawler.getaddrinfo("::1", 80, 0, 1)
    monkeypatch.setattr(factory, "families", lambda: frozenset({2}))
    assert len(make(family=0).getaddrinfo("dual.test", 80, 0, 1)) == 2


def test_lookup_tells_where_it_came_from(make, server):
    crawler = make(family=2)
    found = crawler.lookup("Alias.test")
    assert sorted(found.addresses) == ["1.1.1.1", "8.8.8.8"]
    assert found.chain == ("alias.test", "middle.test", "public.test")
    assert 299 < found.ttl <= 300
    assert found.server == server.address.replace(":", "#")
    assert 0 < found.rtt < 1
    assert found.fresh
    assert (found.source, crawler.lookup("alias.test").source) == ("dns", "cache")
    assert crawler.lookup("8.8.8.8").source == "literal"
    assert make("thread").lookup("public.test").source == "system"
    with pytest.raises(ResolveError):
        crawler.lookup("nx.test")


@pytest.mark.both_families
def test_key_never_waits(make, server):
    crawler = make()
    server.script("public.test", Delay(0.05))
    assert crawler.key("public.test") == "public.test"
    assert crawler.key("Public.test.", by="prefix24") == "public.test"
    assert crawler.stats().prefetching == 1
    with Timeout(5):
        while crawler.key("public.test") == "public.test":
            sleep(0.01)
    assert crawler.key("public.test") == "1.1.1.1"
    assert crawler.key("public.test", by="prefix24") == "1.1.1.0/24"
    assert crawler.key("PUBLIC.test", by="host") == "public.test"
    assert len(server.queries) == 2, "three calls, one lookup"
    assert crawler.key("0x08080808") == "8.8.8.8"
    assert crawler.key("2606:4700::1", by="prefix24") == "2606:4700::/48"
    assert crawler.key("\udcff") == "\udcff"
    with pytest.raises(ValueError, match="by"):
        crawler.key("public.test", by="owner")


def test_prefetch_warms_and_counts(make, server):
    for n in range(100):
        server.add(f"h{n}.test", "A", f"9.9.9.{n}")
    crawler = make(family=2, prefetchers=10)
    crawler.prefetch([f"h{n}.test" for n in range(100)] + ["h1.test", "nx.test", "evil.test", "a b", "\udcff"])
    with Timeout(10):
        while crawler.stats().prefetching or crawler.stats().in_flight:
            sleep(0.01)
    assert len(server.queries) == 102
    assert addresses(crawler.getaddrinfo("h7.test", 80, 2, 1)) == ["9.9.9.7"]
    assert len(server.queries) == 102
    assert crawler.stats().errors == {"NXDOMAIN": 1, "BLOCKED": 1, "ILLEGAL_INPUT": 1}


def test_a_crawl_restarts_warm(make, server, tmp_path):
    crawler = make(family=2)
    crawler.lookup("alias.test")
    with pytest.raises(ResolveError):
        crawler.lookup("nx.test")
    path = str(tmp_path / "cache.ndjson")
    assert crawler.dump(path) == 2
    asked = len(server.queries)
    again = make(family=2)
    assert again.load(path) == 2
    assert sorted(again.lookup("alias.test").addresses) == ["1.1.1.1", "8.8.8.8"]
    with pytest.raises(ResolveError):
        again.lookup("nx.test")
    assert len(server.queries) == asked
    assert make(cache=False).load(path) == 0
    assert make("thread").dump(path) == 0


def test_events(make, server):
    events = []
    server.add("fail.test", "A", "9.9.9.9")
    server.script("fail.test", Servfail())
    crawler = make(family=2, on_event=events.append)
    crawler.pin("pinned.test", ["9.9.9.9"])
    for host in ("public.test", "public.test", "pinned.test", "8.8.8.8", "evil.test", "nx.test", "fail.test"):
        try:
            crawler.getaddrinfo(host, 80, 0, 1)
        except ResolveError:
            continue
    seen = [(one.kind, one.host, one.source, one.status) for one in events]
    assert seen == [
        ("answer", "public.test", "dns", "NOERROR"),
        ("answer", "public.test", "cache", "NOERROR"),
        ("answer", "pinned.test", "pin", "NOERROR"),
        ("answer", "8.8.8.8", "literal", "NOERROR"),
        ("blocked", "evil.test", "dns", "BLOCKED"),
        ("error", "nx.test", "dns", "NXDOMAIN"),
        ("error", "fail.test", "dns", "SERVFAIL"),
    ]
    assert events[0].server == server.address.replace(":", "#")
    assert all(0 <= one.seconds < 5 and abs(one.when - time.time()) < 60 for one in events)


@pytest.mark.parametrize("call", ["getaddrinfo", "gethostbyname", "gethostbyname_ex"])
def test_every_call_of_a_host_is_counted_and_told_once(make, call):
    events = []
    crawler = make(family=2, on_event=events.append)
    crawler.pin("pinned.test", ["9.9.9.9"])
    for host in ("public.test", "pinned.test", "evil.test"):
        with suppress(ResolveError):
            getattr(crawler, call)(*((host, 80) if call == "getaddrinfo" else (host,)))
    assert [(one.kind, one.source) for one in events] == [("answer", "dns"), ("answer", "pin"), ("blocked", "dns")]
    now = crawler.stats()
    assert (now.lookups, now.answered, now.pinned, now.blocked, now.in_flight) == (3, 2, 1, 1, 0)
    assert now.members[0].resolver == "python"
    crawler.gethostbyaddr("127.0.0.1")
    assert len(events) == 3  # it asks for a name: nothing is connected to


@pytest.mark.both_families
def test_many_waiters_are_one_query(make, server):
    server.script("public.test", Delay(0.1))
    crawler = make(timeout=30)  # none is asked again, however late the answer
    found = [spawn(crawler.getaddrinfo, "public.test", 80 + n % 3, 0, 1) for n in range(200)]
    joinall(found, raise_error=True)
    assert sorted(one.rdtype for one in server.queries) == ["A", "AAAA"], "not even one for each port"


def test_outage_and_recovery(make, server, later):
    """While the servers are silent, what was known serves on; what was not is no worse off afterwards."""
    server.add("second.test", "A", "9.9.9.9")
    crawler = make(family=2, deadline=3.0, timeout=0.2, cache={"stale": 86400, "min_ttl": 60, "recheck": 30})
    crawler.getaddrinfo("public.test", 80, 2, 1)
    later(400)
    for host in ("public.test", "second.test"):
        server.script(host, Drop())
    begin = get_hub().now()
    stale = crawler.lookup("public.test")
    assert sorted(stale.addresses) == ["1.1.1.1", "8.8.8.8"]
    assert not stale.fresh
    assert get_hub().now() - begin < 1.8 + 1, "within RFC 8767's client response time"
    for _ in range(3):
        with pytest.raises(ResolveError) as caught:
            crawler.getaddrinfo("second.test", 80, 2, 1)
        assert caught.value.kind is Kind.TIMEOUT
        assert caught.value.errno == socket.EAI_AGAIN, "to be tried again, not condemned"
    for host in ("public.test", "second.test"):
        server.unscript(host)
    assert addresses(crawler.getaddrinfo("second.test", 80, 2, 1)) == ["9.9.9.9"]
    later(31)
    assert crawler.lookup("public.test").fresh


def test_limits(make, server):
    for n in range(60):
        server.add(f"h{n}.test", "A", f"9.9.9.{n}")
    server.script("h0.test", Drop())
    crawler = make(family=2, concurrency=3)
    assert len(Pool(60).map(lambda n: crawler.getaddrinfo(f"h{n}.test", 80, 2, 1), range(1, 60))) == 59
    crawler = make(family=2, rate=100)
    begin = get_hub().now()
    Pool(60).map(lambda n: crawler.getaddrinfo(f"h{n}.test", 80, 2, 1), range(1, 42))
    assert get_hub().now() - begin > 0.35
    for bad in ({"concurrency": 0}, {"rate": -1}, {"rate_per_server": 0}, {"in_flight_per_server": 0}):
        with pytest.raises(ResolverConfigError):
            make(**bad)
    for other in ("ares", "thread", "auto", "python,ares"):
        with pytest.raises(ResolverConfigError, match="python engine"):
            make(other, in_flight_per_server=5)


def test_limits_for_each_server(make, server):
    names = [f"h{n}.test" for n in range(12)]
    for name in names:
        server.add(name, "A", "9.9.9.9")
        server.script(name, Delay(0.1))
    crawler = make(family=2, in_flight_per_server=4, timeout=5)
    assert len(Pool(12).map(lambda name: crawler.getaddrinfo(name, 80), names)) == 12
    when = sorted(one.when for one in server.queries)
    assert len(when) == 12, "nothing was asked twice"
    assert all(later - one > 0.09 for one, later in zip(when, when[4:], strict=False)), "at most four at once"
    crawler = make(family=2, rate_per_server=100, timeout=5)
    begin = get_hub().now()
    Pool(12).map(lambda name: crawler.getaddrinfo(name, 80), names)
    assert get_hub().now() - begin > 0.1


def test_the_deadline_counts_the_wait_for_room(make, server):
    for name in ("a.test", "b.test"):
        server.add(name, "A", "9.9.9.9")
        server.script(name, Drop())
    crawler = make(family=2, concurrency=1, deadline=0.5, timeout=30)
    server.add("c.test", "A", "9.9.9.9")
    crawler.getaddrinfo("c.test", 80, 2, 1)
    with MockClock() as clock:
        begin = clock.now()

        def kind(host):
            with pytest.raises(ResolveError) as caught:
                crawler.getaddrinfo(host, 80)
            return caught.value.kind

        kinds = Pool(2).map(kind, ["a.test", "b.test"])
        assert clock.now() - begin == pytest.approx(0.5)
        assert kinds == [Kind.TIMEOUT] * 2


@pytest.fixture
def listener():
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen()
        yield made.getsockname()[1]


LITERALS = ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "localhost", "", "0.0.0.0", "evil.test", b"127.0.0.1"]


@pytest.mark.parametrize("host", LITERALS)
def test_no_socket_gets_there(make, listener, host):
    resolver.use(make())
    with green.socket() as one, pytest.raises(BlockedAddress):
        one.connect((host, listener))
    with green.socket() as one, pytest.raises(BlockedAddress):
        one.connect_ex((host, listener))
    with green.socket(type=socket.SOCK_DGRAM) as one, pytest.raises(BlockedAddress):
        one.sendto(b"x", (host, listener))
    with green.socket(type=socket.SOCK_DGRAM) as one, pytest.raises(BlockedAddress):
        one.sendmsg([b"x"], [], 0, (host, listener))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = SSLSocket
    with context.wrap_socket(green.socket(), server_hostname="x") as one, pytest.raises(BlockedAddress):
        one.connect((host, listener))
    if isinstance(host, str):
        with pytest.raises(BlockedAddress):
            create_connection((host or None, listener), timeout=5)


@pytest.mark.parametrize("host", ["::1", "::ffff:127.0.0.1", "::ffff:7f00:1", ""])
def test_nor_over_ipv6(make, host):
    resolver.use(make())
    with green.socket(socket.AF_INET6) as one, pytest.raises(BlockedAddress):
        one.connect((host, 9))


def test_binding_and_allowed_sockets_are_free(make, listener):
    resolver.use(make(guard=Guard(allow=["127.0.0.1"])))
    with create_connection(("127.1", listener), timeout=5) as one:
        assert one.getpeername() == ("127.0.0.1", listener)
    resolver.use(make())
    for host in ("localhost", "127.0.0.1", ""):
        with green.socket() as one:
            one.bind((host, 0))
    with green.socket() as one, resolver.scope(make(guard=False)):
        one.connect(("127.0.0.1", listener))


def test_query_goes_through(make):
    resolver.use(make())
    assert [one.data for one in resolver.query("public.test").records] == ["8.8.8.8", "1.1.1.1"]
    resolver.use(make("thread"))
    with pytest.raises(ResolveError) as caught:
        resolver.query("public.test")
    assert caught.value.kind is Kind.UNSUPPORTED
