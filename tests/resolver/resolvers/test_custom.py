"""Functions, engines and resolvers of the program's own; chains of them; overrides; bounds; what is told about all."""

import _socket
import sys

import pytest

from celadon import resolver
from celadon.hub import Timeout, get_hub, sleep, spawn
from celadon.resolver import Kind, ResolveError, ResolverConfigError, ResolverUnavailable
from celadon.resolver.engines.static import StaticEngine, make_static
from celadon.resolver.registry import ENGINES
from celadon.resolver.testing import ZONE, Delay, Drop, NameServer, Refused, Servfail

ADDRESSES = {
    "one.svc": ["192.0.2.1"],
    "dual.svc": ["2001:db8::1", "192.0.2.2"],
    "none.svc": [],
    "text.svc": "192.0.2.9",
    "link.svc": ["fe80::1%lo"],
}


def look(host):
    return ADDRESSES.get(host)


class Zone(StaticEngine):
    """An engine class: called with the configuration in each hub."""

    def __init__(self, config):
        super().__init__(ZONE)


class Minimal:
    """The least that is a resolver."""

    name = "minimal"
    closed = 0

    def __init__(self):
        self.error = None

    def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):
        if self.error is not None:
            raise self.error
        if host != "m.test":
            raise _socket.gaierror(-2, "Name or service not known")
        return [(2, 1, 6, "canon.test" if flags & 2 else "", ("192.0.2.77", port or 0))]

    def getnameinfo(self, sockaddr, flags=0):
        if sockaddr[0] == "192.0.2.77":
            return "m.test", str(sockaddr[1])
        raise _socket.gaierror(-2, "Name or service not known")

    def close(self):
        self.closed += 1


def outcome(call, *args):
    try:
        return call(*args)
    except OSError as error:
        return type(error).__mro__[0 if type(error) is not ResolveError else 1].__name__, error.errno


# -- tier 1 ------------------------------------------------------------------------------------------------------


def test_a_function_is_a_resolver():
    resolver.use(look)
    assert resolver.getaddrinfo("one.svc", "http", 0, 1) == [(2, 1, 6, "", ("192.0.2.1", 80))]
    assert len(resolver.getaddrinfo("one.svc", 80)) == 3
    assert resolver.getaddrinfo("one.svc", 80, 0, 1, 0, 2)[0][3] == "one.svc"
    assert {one[0] for one in resolver.getaddrinfo("dual.svc", 80, 0, 1)} == {2, 10}
    assert resolver.getaddrinfo("dual.svc", 80, 10, 1)[0][4] == ("2001:db8::1", 80, 0, 0)
    assert resolver.getaddrinfo("one.svc", 80, 10, 1, 0, 8)[0][4][0] == "::ffff:192.0.2.1"
    assert resolver.getaddrinfo("text.svc", 80, 0, 1)[0][4] == ("192.0.2.9", 80)
    assert resolver.getaddrinfo("link.svc", 80, 0, 1)[0][4] == _socket.getaddrinfo("fe80::1%lo", 80, 0, 1)[0][4]
    assert resolver.gethostbyname("dual.svc") == "192.0.2.2"
    assert resolver.gethostbyname_ex("one.svc") == ("one.svc", [], ["192.0.2.1"])
    assert resolver.getaddrinfo("127.1", 80, 0, 1)[0][4] == ("127.0.0.1", 80)
    for host, number in (("none.svc", -5), ("other.svc", -2), ("one.svc.", -2)):
        with pytest.raises(ResolveError) as caught:
            resolver.getaddrinfo(host, 80)
        assert caught.value.errno == number
        assert outcome(resolver.gethostbyname, host) == ("gaierror", number)
    with pytest.raises(ResolveError) as caught:
        resolver.getaddrinfo("one.svc", 80, 10)
    assert caught.value.kind is Kind.NODATA
    with pytest.raises(ResolveError) as caught:
        resolver.query("one.svc")
    assert caught.value.kind is Kind.UNSUPPORTED
    assert outcome(resolver.gethostbyaddr, "192.0.2.1") == ("herror", 1)
    assert resolver.getnameinfo(("192.0.2.1", 80), 2) == ("192.0.2.1", "80")


def test_a_function_may_wait_and_is_asked_each_time():
    asked = []

    def slow(host):
        asked.append(host)
        sleep(0.01)
        return [f"192.0.2.{len(asked)}"]

    resolver.use(slow)
    assert [resolver.gethostbyname("a") for _ in range(3)] == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    with pytest.raises(Timeout), Timeout(0.001):
        resolver.gethostbyname("b")
    with resolver.scope(deadline=0.001), pytest.raises(ResolveError) as caught:
        resolver.gethostbyname("c")
    assert caught.value.kind is Kind.TIMEOUT


def test_what_a_function_raises_is_raised():
    def broken(host):
        raise LookupError(host)

    resolver.use(broken)
    with pytest.raises(LookupError):
        resolver.getaddrinfo("a", 80)
    resolver.use(lambda host: ["300.1.1.1"])
    with pytest.raises(ValueError, match=r"300\.1\.1\.1"):
        resolver.getaddrinfo("a", 80)


# -- tier 2 ------------------------------------------------------------------------------------------------------


def test_the_least_resolver_has_every_call():
    mine = Minimal()
    resolver.use(mine)
    assert resolver.getaddrinfo("m.test", 80)[0][4] == ("192.0.2.77", 80)
    assert resolver.gethostbyname("m.test") == "192.0.2.77"
    assert resolver.gethostbyname("") == "0.0.0.0"
    assert resolver.gethostbyname("<broadcast>") == "255.255.255.255"
    assert resolver.gethostbyname_ex("m.test") == ("canon.test", [], ["192.0.2.77"])
    assert resolver.gethostbyaddr("192.0.2.77") == ("m.test", [], ["192.0.2.77"])
    assert resolver.gethostbyaddr("m.test") == ("m.test", [], ["192.0.2.77"])
    assert outcome(resolver.gethostbyaddr, "192.0.2.78") == ("herror", 1)
    assert resolver.getfqdn("192.0.2.77") == "m.test"
    assert resolver.current().name == "minimal"
    assert "Minimal" in repr(resolver.current())
    resolver.reset()
    assert mine.closed == 1


@pytest.mark.parametrize("given", [Zone, lambda: make_static(ZONE)], ids=["a class", "an object"])
def test_an_engine_gets_the_whole_policy(given):
    made = resolver.use(given if given is Zone else given(), cache={"entries": 5})
    assert resolver.getaddrinfo("far.test", 80, 2, 1, 0, 2)[0][3] == "a.test"
    assert resolver.gethostbyname("127.1") == "127.0.0.1"
    assert resolver.gethostbyaddr("192.0.2.1")[0] == "a.test"
    assert resolver.query("a.test", "MX").data == ("10 mx.test.",)
    assert resolver.query("a.test", "MX").cached
    assert made.cache.policy.entries == 5


def test_by_its_path(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "def look(host):\n    return ['192.0.2.44'] if host == 'here' else None\nclass Box:\n    inner = look\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    resolver.use("mine:look")
    assert resolver.gethostbyname("here") == "192.0.2.44"
    monkeypatch.setenv("CELADON_RESOLVER", "mine:Box.inner,block")
    resolver.reset()
    assert resolver.gethostbyname("here") == "192.0.2.44"
    assert resolver.gethostbyname("localhost") == "127.0.0.1"
    for bad in ("mine:nothing", "nowhere_at_all:x", "mine:", ":x"):
        with pytest.raises(ResolverConfigError):
            resolver.make(bad)
    sys.modules.pop("mine")


@pytest.mark.parametrize("bad", [3, object(), [], [3], ["nonsense"], ["python", object()]])
def test_what_is_no_resolver(bad):
    with pytest.raises(ResolverConfigError):
        resolver.make(bad)


def test_options_that_do_not_go_with_it():
    only = "Only `deadline` and `on_event` apply to a resolver object."
    for given, options, words in (
        (look, {"cache": False}, only),
        (Minimal(), {"timeout": 1}, only),
        ("thread", {"overrides": {"a": "192.0.2.1"}}, "use auto, ares or python"),
    ):
        with pytest.raises(ResolverConfigError, match=words):
            resolver.make(given, **options)


# -- chain -------------------------------------------------------------------------------------------------------


RECORDS = [
    ("a.test", "A", "192.0.2.1"),
    ("one.svc", "A", "203.0.113.1"),
    ("1.2.0.192.in-addr.arpa", "PTR", "a.test."),
]


def test_what_is_not_mine_is_the_next_ones(server):
    resolver.use([look, "python"], servers=server.servers)
    assert resolver.gethostbyname("one.svc") == "192.0.2.1"
    assert resolver.gethostbyname("a.test") == "192.0.2.1"
    assert resolver.getaddrinfo("a.test", 80, 2, 1)[0][4] == ("192.0.2.1", 80)
    assert resolver.gethostbyaddr("192.0.2.1")[0] == "a.test"
    assert resolver.getnameinfo(("192.0.2.1", 80), 2) == ("a.test", "80")
    assert resolver.query("a.test").data == ("192.0.2.1",)
    assert outcome(resolver.gethostbyname, "none.svc") == ("gaierror", -5)  # it is mine, and has no address
    assert server.count("one.svc") == server.count("none.svc") == 0
    assert outcome(resolver.gethostbyname, "nx.test") == ("gaierror", -2)


@pytest.mark.parametrize("fault", [Drop(), Servfail(), Refused()], ids=["silence", "SERVFAIL", "REFUSED"])
def test_a_failure_goes_on_and_an_answer_does_not(server, fault):
    with NameServer() as other:
        other.add("a.test", "A", "192.0.2.99")
        other.add("nx.test", "A", "192.0.2.99")
        other.add("1.2.0.192.in-addr.arpa", "PTR", "b.test.")
        first = resolver.make("python", servers=server.servers, timeout=0.1, attempts=1)
        second = resolver.make("python", servers=other.servers)
        resolver.use([first, second])
        assert outcome(resolver.gethostbyname, "nx.test") == ("gaierror", -2)
        assert other.queries == []
        server.script("a.test", fault)
        assert resolver.gethostbyname("a.test") == "192.0.2.99"
        assert resolver.query("a.test").data == ("192.0.2.99",)
        assert resolver.gethostbyaddr("192.0.2.1")[0] == "a.test"


def test_who_may_end_a_chain():
    mine = Minimal()
    resolver.use([mine, look])
    assert resolver.gethostbyname("m.test") == "192.0.2.77"
    assert outcome(resolver.gethostbyname, "one.svc") == ("gaierror", -2)
    for error in (
        ResolveError(Kind.NOT_MINE, "x"),
        ResolveError(Kind.TIMEOUT, "x"),
        ResolverUnavailable("no library"),
        _socket.gaierror(-3, "again"),
        _socket.herror(2, "again"),
    ):
        mine.error = error
        assert resolver.getaddrinfo("one.svc", 80, 0, 1)[0][4][0] == "192.0.2.1"
    for error in (
        ResolveError(Kind.TIMEOUT, "x", final=True),
        ResolveError(Kind.BLOCKED, "x"),
        ResolveError(Kind.NODATA, "x"),
        OSError(5, "not about names"),
        ValueError("a bug"),
    ):
        mine.error = error
        with pytest.raises(type(error)):
            resolver.getaddrinfo("one.svc", 80)
    assert ResolveError(Kind.TIMEOUT, "x", final=True).fresh().final
    # The last failure is told, but not that a name was nobody's own when somebody tried.
    mine.error = ResolveError(Kind.TIMEOUT, "x")
    assert outcome(resolver.getaddrinfo, "elsewhere", 80) == ("gaierror", -3)
    with pytest.raises(ResolveError) as caught:
        resolver.query("a.test")
    assert caught.value.kind is Kind.UNSUPPORTED


def test_a_missing_library_goes_on(server, monkeypatch):
    monkeypatch.setitem(sys.modules, "celadon.resolver.away", None)  # as if what it imports were not there
    monkeypatch.setitem(ENGINES, "ares", "away")
    with resolver.scope("ares", servers=server.servers), pytest.raises(ResolverUnavailable, match="library"):
        resolver.gethostbyname("a.test")
    for given in (["ares", "python"], "auto"):
        with resolver.scope(given, servers=server.servers):
            assert resolver.gethostbyname("a.test") == "192.0.2.1"


def test_a_chain_has_one_deadline(server):
    server.script("a.test", Drop())
    resolver.use(["python", "ares"], servers=server.servers, deadline=0.1)
    begin = get_hub().now()
    assert outcome(resolver.gethostbyname, "a.test") == ("gaierror", -3)
    assert get_hub().now() - begin < 2
    assert "chain" in repr(resolver.current())


# -- overrides ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["auto", "ares", "python"])
def test_overrides(server, name):
    table = {
        "A.test.": "192.0.2.50",
        "both.test": ["192.0.2.51", "2001:db8::51"],
        "other.test": "a2.test",
        "third.test": "other.test",
        "gone.test": "nx.test",
        "bücher.test": ["192.0.2.52"],
        "fourth.test": "both.test",
        "localhost": "192.0.2.53",
    }
    server.add("a2.test", "A", "192.0.2.2")
    server.add("gone.test", "A", "192.0.2.3")
    resolver.use(name, servers=server.servers, overrides=table)
    for host, address in (
        ("a.test", "192.0.2.50"),
        ("A.TEST", "192.0.2.50"),
        ("a.test.", "192.0.2.50"),
        (b"a.test", "192.0.2.50"),
        ("both.test", "192.0.2.51"),
        ("other.test", "192.0.2.2"),
        ("third.test", "192.0.2.2"),
        ("fourth.test", "192.0.2.51"),
        ("bücher.test", "192.0.2.52"),
        ("localhost", "192.0.2.53"),
        ("one.svc", "203.0.113.1"),
    ):
        for _ in range(2):
            assert resolver.gethostbyname(host) == address
            assert resolver.getaddrinfo(host, 80, 2, 1)[0][4] == (address, 80)
    assert len(resolver.getaddrinfo("both.test", 80, 0, 1)) == 2
    assert outcome(resolver.gethostbyname, "gone.test") == ("gaierror", -2)
    assert outcome(resolver.getaddrinfo, "a.test", 80, 10) == ("gaierror", -5)
    assert server.count("a.test") == server.count("gone.test") == 0
    assert resolver.gethostbyaddr("192.0.2.1")[0] == "a.test"
    assert "192.0.2.50" in str(resolver.explain("a.test"))


def test_overrides_that_cannot_be():
    for bad in ({"a": "b", "b": "a"}, {"a": ["1.2.3.4", "b"]}, {"a": ["1.2.3.4.5", "::1"]}):
        with pytest.raises(ResolverConfigError):
            resolver.make("python", overrides=bad)


# -- bounds and scope --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["auto", "ares", "python"])
def test_a_deadline_in_a_scope(server, name):
    server.add("slow.test", "A", "192.0.2.7")
    server.script("slow.test", Delay(0.3))
    outer = resolver.use(name, servers=server.servers, timeout=2)
    begin = get_hub().now()
    with resolver.scope(deadline=0.05) as bounded:
        assert resolver.current() is bounded
        assert spawn(resolver.current).get() is bounded
        for call in (resolver.getaddrinfo, resolver.gethostbyname, resolver.gethostbyname_ex, resolver.gethostbyaddr):
            with pytest.raises(ResolveError) as caught:
                call("slow.test", 80) if call is resolver.getaddrinfo else call("slow.test")
            assert (caught.value.kind, caught.value.name) == (Kind.TIMEOUT, "slow.test")
    assert get_hub().now() - begin < 2
    assert resolver.current() is outer
    assert resolver.gethostbyname("a.test") == "192.0.2.1"  # the scope did not close it
    with pytest.raises(ResolverConfigError), resolver.scope(deadline=0):
        pass


def test_libc_has_a_deadline_too(server):
    server.script("a.test", Delay(0.2))
    resolver.use("thread", servers=server.servers, timeout=1, attempts=1, deadline=0.05)
    with pytest.raises(ResolveError) as caught:
        resolver.gethostbyname("a.test")
    assert caught.value.kind is Kind.TIMEOUT
    with pytest.raises(ResolveError) as caught:
        resolver.query("a.test")
    assert caught.value.kind is Kind.UNSUPPORTED
    sleep(0.3)  # libc's calls end alone


# -- discard, explain --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["auto", "ares", "python"])
def test_an_address_nobody_could_connect_to(server, name):
    server.add("a.test", "A", "192.0.2.2")
    resolver.use(name, servers=server.servers, search=["corp.test"])
    server.add("db.corp.test", "A", "192.0.2.3")
    for _ in range(3):
        assert len(resolver.getaddrinfo("a.test", 80, 2, 1)) == 2
    assert resolver.discard("A.test", "192.0.2.1")
    assert [one[4][0] for one in resolver.getaddrinfo("a.test", 80, 2, 1)] == ["192.0.2.2"]
    assert not resolver.discard("a.test", "192.0.2.1")
    assert server.count("a.test") == 1
    assert resolver.discard("a.test", "192.0.2.2")
    assert len(resolver.getaddrinfo("a.test", 80, 2, 1)) == 2
    assert resolver.gethostbyname("db") == "192.0.2.3"
    assert resolver.discard("db", "192.0.2.3")
    with resolver.scope("thread"):
        assert not resolver.discard("a.test", "192.0.2.1")
    with resolver.scope([look, "python"], servers=server.servers):
        resolver.gethostbyname("a.test")
        assert resolver.discard("a.test", "192.0.2.2")


def test_an_explanation_asks_nobody(server):
    resolver.use("python", servers=server.servers, search=["corp.test"])
    told = resolver.explain("db.example")
    text = str(told)
    assert told.resolver == "python"
    assert "hosts file: not there" in text
    assert f"A and AAAA side by side for db.example, of {server.servers[0].replace(':', '#')}" in text
    assert "if that is not there, db.example.corp.test" in text
    assert "the cache has nothing of it" in text
    assert server.queries == []
    resolver.getaddrinfo("a.test", 80, 2)
    assert "the cache has A: 192.0.2.1, for 300 s more" in str(resolver.explain("a.test"))
    for name, words in (
        ("127.1", "an address literal"),
        ("localhost", "hosts file: "),
        ("x.localhost", "loopback"),
        ("a.onion", "never there"),
        ("a b", "not a host"),
        ("a" * 70 + "é", "refused"),
    ):
        assert words in str(resolver.explain(name)), name
    with resolver.scope([look, "thread"]):
        text = str(resolver.explain("a.test"))
        assert "look is called" in text
        assert "thread, libc itself" in text
    with resolver.scope(Minimal()):
        assert "Minimal" in str(resolver.explain("a.test"))
    with resolver.scope(deadline=1):
        assert resolver.explain("a.test").resolver == "python"
