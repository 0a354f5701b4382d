"""What is told of lookups, and what is counted."""

import subprocess
import sys
from collections import Counter

import pytest

from celadon import resolver
from celadon.hub import Timeout, get_hub, sleep, spawn
from celadon.resolver import CachePolicy, Event, Kind, ResolveError
from celadon.resolver.testing import Delay, Drop, Servfail, Truncate

RECORDS = [
    ("a.test", "A", "192.0.2.1"),
    ("a.test", "MX", "1 a.test."),
    ("alias.test", "CNAME", "a.test."),
]


class Heard(list):
    def kinds(self, name=None):
        return [one.kind for one in self if name in (None, one.name)]

    def of(self, kind):
        return [one for one in self if one.kind == kind]


@pytest.mark.parametrize("name", ["auto", "ares", "python"])
def test_the_steps_of_a_lookup(server, name):
    heard = Heard()
    resolver.use(name, servers=server.servers, on_event=heard.append)
    at = server.servers[0].replace(":", "#")
    resolver.getaddrinfo("a.test", 80)
    assert heard.kinds() == ["start", "miss", "miss", "sent", "sent", "answer"]
    start, end = heard[0], heard[-1]
    assert (start.call, start.resolver, start.name) == (
        "getaddrinfo",
        "python" if name == "python" else "ares",
        "a.test",
    )
    assert ("nsswitch" in start.detail) == (name == "auto")
    assert {one.rdtype for one in heard.of("sent")} == {1, 28}
    assert all((one.server, one.attempt) == (at, 1) for one in heard.of("sent"))
    assert (end.source, end.server, end.rcode) == ("dns", at, 0)
    assert 0 < end.seconds < 5
    heard.clear()
    resolver.getaddrinfo("a.test", 80)
    assert heard.kinds() == ["start", "hit", "hit", "answer"]
    assert heard[-1].source == "cache"
    heard.clear()
    resolver.getaddrinfo("a.test", 80)
    assert heard.kinds() == ["start", "answer"]
    assert heard[-1].source == "memo"
    heard.clear()
    resolver.getaddrinfo("127.0.0.1", 80)
    resolver.gethostbyname("localhost")
    assert heard.kinds() == ["start", "answer"] * 2
    assert {one.source for one in heard.of("answer")} == {"policy"}
    heard.clear()
    assert resolver.query("a.test", "MX").data == ("1 a.test.",)
    assert heard.kinds() == ["start", "miss", "sent", "answer"]
    assert heard[0].call == "query"
    heard.clear()
    resolver.query("a.test", "MX")
    assert heard.kinds() == ["start", "hit", "answer"]
    heard.clear()
    for call in (resolver.gethostbyname_ex, resolver.gethostbyaddr):
        with pytest.raises(ResolveError):
            call("nx.test")
    assert heard[-1].kind == "error"
    assert [one.call for one in heard.of("start")] == ["gethostbyname_ex", "gethostbyaddr"]
    assert resolver.getnameinfo(("192.0.2.1", 80), 2)[1] == "80"
    assert all(str(one) for one in heard)


@pytest.mark.parametrize("name", ["ares", "python"])
def test_retries_tcp_and_errors(server, name):
    heard = Heard()
    resolver.use(name, servers=server.servers, on_event=heard.append, timeout=0.15, attempts=2)
    server.script("alias.test", Servfail(1))
    assert resolver.gethostbyname("alias.test") == "192.0.2.1"
    assert heard.kinds("alias.test") == ["start", "miss", "sent", "retry", "answer"]
    assert heard.of("retry")[0].attempt == 2
    heard.clear()
    server.script("a.test", Truncate())
    resolver.query("a.test", tcp=True)
    assert heard.kinds() == ["start", "miss", "tcp", "answer"]
    heard.clear()
    server.add("dead.test", "A", "192.0.2.9")
    server.script("dead.test", Drop())
    with pytest.raises(ResolveError):
        resolver.getaddrinfo("dead.test", 80, 2)
    assert heard[-1].kind == "error"
    assert heard[-1].error.kind is Kind.TIMEOUT
    assert heard[-1].source == "dns"
    assert "TIMEOUT" in str(heard[-1])
    assert len(heard.of("retry")) >= 1
    heard.clear()
    with pytest.raises(Timeout), Timeout(0.02):
        resolver.getaddrinfo("dead.test", 80, 10)
    assert heard[-1].kind == "cancelled"


def test_a_stale_answer_is_told(server):
    heard = Heard()
    policy = CachePolicy(max_ttl=0.05, stale=100, client_timeout=0.05, recheck=10)
    resolver.use("python", servers=server.servers, on_event=heard.append, cache=policy, timeout=0.1, attempts=1)
    resolver.gethostbyname("a.test")
    server.script("a.test", Drop())
    sleep(0.06)
    assert resolver.gethostbyname("a.test") == "192.0.2.1"
    assert heard.kinds()[-4:] == ["miss", "sent", "stale", "answer"]
    assert heard[-1].source == "cache"
    heard.clear()
    assert resolver.gethostbyname("a.test") == "192.0.2.1"
    assert "stale" in heard.kinds()
    sleep(0.2)


def test_many_greenlets_are_told_apart(server):
    heard = Heard()
    resolver.use("python", servers=server.servers, on_event=heard.append)
    server.script("a.test", Delay(0.02))
    asking = [spawn(resolver.gethostbyname, name) for name in ("a.test", "127.0.0.1", "localhost", "a.test")]
    for one in asking:
        one.get()
    ends = Counter((one.name, one.source) for one in heard.of("answer"))
    assert ends == {("a.test", "dns"): 2, ("127.0.0.1", "policy"): 1, ("localhost", "policy"): 1}
    assert len(heard.of("sent")) == 1
    assert resolver.current()._teller.known == {}


def test_libc_and_resolvers_of_ones_own_are_told(server):
    heard = Heard()
    resolver.use("thread", servers=server.servers, on_event=heard.append, timeout=1)
    resolver.gethostbyname("a.test")
    assert [(one.kind, one.call, one.source) for one in heard] == [
        ("start", "gethostbyname", ""),
        ("answer", "gethostbyname", "libc"),
    ]
    heard.clear()

    def look(host):
        return ["192.0.2.5"] if host == "mine" else None

    resolver.use([look, "python"], servers=server.servers, on_event=heard.append)
    resolver.gethostbyname("mine")
    resolver.gethostbyname("a.test")
    assert [(one.kind, one.resolver) for one in heard] == [
        ("start", "look"),
        ("answer", "look"),
        ("start", "look"),
        ("error", "look"),
        *[(kind, "python") for kind in ("start", "miss", "sent", "answer")],
    ]
    heard.clear()
    made = resolver.make(look, on_event=heard.append, deadline=1)
    assert made.getaddrinfo("mine", 80, 2, 1)[0][4][0] == "192.0.2.5"
    assert heard.kinds() == ["start", "answer"]


def test_a_listener_that_raises_harms_nobody(server):
    told = []
    get_hub().exception_handler = lambda who, error: told.append(error)

    def broken(event):
        raise ZeroDivisionError(event.kind)

    resolver.use("python", servers=server.servers, on_event=broken)
    assert resolver.gethostbyname("a.test") == "192.0.2.1"
    assert {type(one) for one in told} == {ZeroDivisionError}
    assert {one.args[0] for one in told} == {"start", "miss", "sent", "answer"}


def test_levels_of_the_environment(server):
    code = (
        f"from celadon import resolver; resolver.use(servers={server.servers!r}); resolver.gethostbyname('a.test')\n"
        "try: resolver.gethostbyname('nx.test')\nexcept OSError: pass"
    )

    def told(value):
        done = subprocess.run(
            [sys.executable, "-c", code], env={"CELADON_RESOLVER": value}, capture_output=True, text=True, check=True
        )
        return [line for line in done.stderr.splitlines() if line.startswith("celadon: ")]

    assert told("python+0") == []
    one = told("auto+1")
    assert [line.split()[2] for line in one] == ["start", "answer", "start", "error"]
    assert "getaddrinfo by ares" not in one[0]
    assert "nsswitch" in one[0]
    assert "NXDOMAIN" in one[3]
    two = told("python+2")
    assert [line.split()[2] for line in two] == [
        *("start", "miss", "sent", "answer"),
        *("start", "miss", "sent", "error"),
    ]
    with pytest.raises(resolver.ResolverConfigError, match="number"):
        resolver.make("ares+loud")


@pytest.mark.parametrize("name", ["ares", "python"])
def test_counts(server, name):
    made = resolver.use(name, servers=server.servers, timeout=0.1, attempts=1, concurrency=10)
    assert resolver.stats() == resolver.ResolverStats(name, cache=made.cache.stats())
    for _ in range(4):
        resolver.getaddrinfo("a.test", 80, 2)
    with pytest.raises(ResolveError):
        resolver.getaddrinfo("nx.test", 80, 2)
    server.script("a.test", Delay(0.05))
    asking = [spawn(resolver.getaddrinfo, "a.test", 80, 10) for _ in range(3)]
    sleep(0)
    now = resolver.stats()
    assert (now.waiting, now.questions) == (3, 1)
    for one in asking:
        one.join()
    now = resolver.stats()
    assert (now.resolver, now.waiting, now.questions, now.memo) == (name, 0, 0, 1)
    assert now.lookups == 6  # the third and fourth of one name took a look at the finished result
    assert now.errors == {"NXDOMAIN": 1, "NODATA": 3}
    assert now.cache.stored == 3
    if name == "python":
        assert now.engine["answers"] == 3
    with resolver.scope(["thread", name], servers=server.servers):
        assert [one.resolver for one in resolver.stats().members][1] == name


def test_an_event_in_one_line():
    told = Event("retry", "a.test", "python", 1.0, rdtype=1, server="127.0.0.1#53", attempt=2)
    assert str(told) == "a.test: retry A server 127.0.0.1#53 attempt 2"
    assert str(Event("error", "", "python", 1.0, error=ValueError("x"))) == "(no name): error (ValueError('x')) 0.0 ms"
