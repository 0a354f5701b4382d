"""The whole resolver against libc in the same process, both asking the same server."""

import _socket
import socket

import pytest

from celadon import resolver
from celadon.hub import Timeout, get_hub, joinall, move_on_after, sleep, spawn
from celadon.resolver.testing import Delay, Drop, Servfail

CALLS = [
    ("a.test", 80),
    ("a.test", 80, 2, 1),
    (b"a.test", "80", 0, 1),
    ("alias.test", "http", 0, 1, 0, _socket.AI_CANONNAME),
    ("many.test", 80, 2, 2),
    ("nx.test", 80),
    ("fail.test", 80),
    ("six.test", 80, 2),
    ("six.test", 80, 10, 1),
    ("localhost", 80),
    ("localhost", 80, 2, 1),
    ("127.1", 80, 0, 1),
    ("0x7f.1", 80, 0, 1),
    ("2130706433", 80, 0, 1),
    ("::1", "80"),
    ("fe80::1%lo", 80, 0, 1),
    ("", 80),
    (None, 80),
    (None, None),
    ("*", 80),
    ("a b", 80),
    ("-x.test", 80),
    ("x" * 64, 80),
    (".a", 1),
    ("a..b", 1),
    ("bücher.test", 80, 0, 1),
    ("a.test", "nosuch"),
    ("a.test", 80, 99),
    ("a.test", 80, 0, 99),
    ("a.test", 80, 10, 1, 0, _socket.AI_V4MAPPED),
    ("a.test", 80, 10, 1),
    ("1.2.3.4", 80, 10),
    ("a.test", -1),
    ("a.test", 65536, 0, 1),
    (3, 80),
    ("a.test", 1.5),
    ("a.test", 80, 0, 0, 6),
    ("a.test", None, 0, 3),
    ("a.test", 80, 0, 0, 0, 1 << 20),
    ("a.test", 80, 0, 1, 0, _socket.AI_NUMERICHOST),
    ("a.test", "http", 0, 1, 0, _socket.AI_NUMERICSERV),
]
NAME_CALLS = [
    (function, argument)
    for function in ("gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getfqdn")
    for argument in ("a.test", "alias.test", "nx.test", "192.0.2.1", "192.0.2.9", "127.0.0.1", 3, None, "")
    if not (function == "getfqdn" and not isinstance(argument, str))
]


RECORDS = [
    ("a.test", "A", "192.0.2.1"),
    ("xn--bcher-kva.test", "A", "192.0.2.50"),
    ("six.test", "AAAA", "2001:db8::1"),
    ("alias.test", "CNAME", "a.test."),
    *(("many.test", "A", f"192.0.2.{n + 10}") for n in range(5)),
    ("fail.test", "A", "192.0.2.3"),
    ("1.2.0.192.in-addr.arpa", "PTR", "a.test."),
]
SCRIPTS = {"fail.test": Servfail()}


def outcome(function, *args):
    try:
        return function(*args)
    except Exception as error:
        kind = socket.gaierror if isinstance(error, socket.gaierror) else type(error)
        return kind, error.args


@pytest.mark.parametrize("name", ["ares", "python"])
def test_as_libc(server, name):
    differences = []
    for call in CALLS:
        resolver.use("block", servers=server.servers, timeout=1, attempts=1)
        libc = outcome(resolver.getaddrinfo, *call)
        resolver.use(name, servers=server.servers, timeout=1, attempts=1)
        ours = outcome(resolver.getaddrinfo, *call)
        if libc != ours:
            differences.append((call, libc, ours))
    for function, argument in NAME_CALLS:
        resolver.use("block", servers=server.servers, timeout=1, attempts=1)
        libc = outcome(getattr(resolver, function), argument)
        resolver.use(name, servers=server.servers, timeout=1, attempts=1)
        ours = outcome(getattr(resolver, function), argument)
        if libc != ours:
            differences.append((function, argument, libc, ours))
    assert differences == []


@pytest.mark.parametrize("name", ["ares", "python", "thread"])
def test_side_by_side_and_bounded(server, name):
    resolver.use(name, servers=server.servers, timeout=2, attempts=1)
    server.add("slow.test", "A", "192.0.2.7")
    server.script("slow.test", Delay(0.2))
    with Timeout(1.5):
        found = [spawn(resolver.getaddrinfo, "slow.test", 80, 2, 1) for _ in range(20)]
        joinall(found, raise_error=True)
    assert {one.get()[0][4] for one in found} == {("192.0.2.7", 80)}
    server.add("dead.test", "A", "192.0.2.8")
    server.script("dead.test", Drop())
    begin = get_hub().now()
    with move_on_after(0.2) as bounded:
        resolver.getaddrinfo("dead.test", 80)
    assert bounded.expired
    assert get_hub().now() - begin < 1
    assert not get_hub().holds


def test_scope_use_and_bad_choices(server):
    resolver.use("python", servers=server.servers)
    with resolver.scope("ares", servers=server.servers) as other:
        assert resolver.current() is other
        assert spawn(resolver.current).get() is other
    assert resolver.current() is not other
    for bad in ({"resolver": "nonsense"}, {"servers": ["nowhere"]}, {"servers": []}, {"timeout": 0}, {"attempts": 0}):
        with pytest.raises(resolver.ResolverConfigError):
            resolver.use(**bad)
    assert resolver.query("a.test").records[0].data == "192.0.2.1"
    with pytest.raises(resolver.ResolverConfigError):
        resolver.query("a.test", "NONSENSE")


def test_a_nul_is_an_error_on_purpose(server):
    resolver.use("python", servers=server.servers)
    with pytest.raises(ValueError, match="null"):
        resolver.getaddrinfo("a.test\0.evil", 80)


def test_swapping_the_resolver_under_lookups_in_flight(server):
    server.add("slow.test", "A", "192.0.2.7")
    server.script("slow.test", Delay(0.05))
    resolver.use("python", servers=server.servers)
    asking = [spawn(resolver.getaddrinfo, "slow.test", 80, 2, 1) for _ in range(50)]
    sleep(0)
    resolver.use("ares", servers=server.servers)
    joinall(asking, raise_error=True)
    assert all(one.get()[0][4][0] == "192.0.2.7" for one in asking)
