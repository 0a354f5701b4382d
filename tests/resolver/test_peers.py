"""The bugs of the peers, one by one: each row names what was measured on gevent 26.9 or eventlet 0.41, and holds here.

Numbers of ``gevent`` rows are those of the list that was made when they were measured. What another file tests already
is in ``ELSEWHERE``.
"""

import _socket
import re
import subprocess
import sys
from pathlib import Path

import pytest

from celadon import resolver
from celadon.green import create_connection
from celadon.hub import ThreadPool, Timeout, get_hub, joinall, sleep, spawn
from celadon.resolver import Kind, ResolveError
from celadon.resolver.testing import Delay, Drop, NameServer, Refused, Servfail

ROOT = Path(__file__).parents[1]
DNS = ["ares", "python", "auto"]
ALL = [*DNS, "thread", "block"]
HTTP, STREAM, DGRAM, RAW = 80, 1, 2, 3

ELSEWHERE = {
    "gevent 3: a temporary failure is EAI_AGAIN": "resolver/resolvers/test_stub.py::test_as_libc",
    "gevent 10: create_connection's timeout covers the lookup": (
        "green/patching/test_patch_all.py::test_the_timeout_covers_the_lookup"
    ),
    "gevent 11: two hundred lookups of a name are two queries": (
        "resolver/answers/test_single_flight.py::test_two_hundred_at_once_are_two_queries_and_later_none"
    ),
    "gevent 11: a Timeout cancels the query": "resolver/engines/test_engines.py::test_a_kill_leaves_no_query_and_no_fd",
    "eventlet: connect, connect_ex, sendto, bind with a name do not block": (
        "green/patching/test_patch_all.py::test_every_path_that_takes_a_name"
    ),
    "eventlet: gethostbyaddr, getfqdn do not reach libc": "green/patching/test_patch_all.py::test_libc_is_never_asked",
    "eventlet: a negative answer without SOA is not kept for long": "resolver/answers/test_cache.py::test_how_long",
    "eventlet: the order is RFC 6724's": "resolver/test_parity.py::test_world",
}


def test_what_is_tested_elsewhere_is_there():
    for where in ELSEWHERE.values():
        file, _, name = where.partition("::")
        assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.MULTILINE), where


@pytest.fixture(scope="module")
def server():
    with NameServer() as made:
        for name, rdtype, data in (
            ("a.test", "A", "192.0.2.1"),
            ("dual.test", "A", "192.0.2.2"),
            ("dual.test", "AAAA", "2001:db8::2"),
            ("six.test", "AAAA", "2001:db8::6"),
            ("alias.test", "CNAME", "a.test."),
            ("1.2.0.192.in-addr.arpa", "PTR", "a.test."),
            ("2.2.0.192.in-addr.arpa", "PTR", "one.test."),
            ("2.2.0.192.in-addr.arpa", "PTR", "two.test."),
            ("2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "PTR", "dual.test."),
            ("servfail.test", "A", "192.0.2.9"),
            ("refused.test", "A", "192.0.2.9"),
            ("drop.test", "A", "192.0.2.9"),
            ("slow.test", "A", "192.0.2.7"),
            ("slow.test", "AAAA", "2001:db8::7"),
            ("strasse.test", "A", "192.0.2.50"),
            ("xn--strae-oqa.test", "A", "192.0.2.51"),
        ):
            made.add(name, rdtype, data)
        made.script("servfail.test", Servfail())
        made.script("refused.test", Refused())
        made.script("drop.test", Drop())
        made.script("slow.test", Delay(0.2))
        yield made


@pytest.fixture(params=ALL)
def everyone(request, server):
    resolver.use(request.param, servers=server.servers, timeout=1, attempts=1)
    return request.param


@pytest.fixture(params=DNS)
def dns(request, server):
    resolver.use(request.param, servers=server.servers, timeout=1, attempts=1)
    server.queries.clear()
    return request.param


def fails(number, call, *args, of=_socket.gaierror):
    with pytest.raises(of) as caught:
        call(*args)
    assert isinstance(caught.value, of)
    assert caught.value.errno == number


def addresses(host, family=0, flags=0):
    return [one[4][0] for one in resolver.getaddrinfo(host, HTTP, family, STREAM, 0, flags)]


# (peer and number, call, arguments, what comes). A negative number is a gaierror's.
ROWS = [
    ("gevent 1, every lookup failed", "getaddrinfo", ("10.0.0.9", 80, 0, STREAM), [(2, 1, 6, "", ("10.0.0.9", 80))]),
    ("gevent 1, every lookup failed", "gethostbyname", ("a.test",), "192.0.2.1"),
    ("gevent 2, None in place of an error", "getnameinfo", (("192.0.2.77", 80), 8), -2),
    ("gevent 2, None in place of an error", "getnameinfo", (("192.0.2.77", 80), 1 | 2), ("192.0.2.77", "80")),
    ("gevent 2, None in place of an error", "getnameinfo", (("192.0.2.77", 80), 2), ("192.0.2.77", "80")),
    ("gevent 3, no EAI_AGAIN", "getaddrinfo", ("servfail.test", 80), -3),
    ("gevent 3, no EAI_AGAIN", "getaddrinfo", ("refused.test", 80), -3),
    ("gevent 3, herror in place of gaierror", "gethostbyname", ("servfail.test",), -3),
    ("gevent 4, EAI_NONAME for NODATA", "getaddrinfo", ("six.test", 80, 2), -5),
    ("gevent 4, EAI_NONAME for NODATA", "getaddrinfo", ("a.test", 80, 10), -5),
    ("gevent 5, port 0 for an unknown service", "getaddrinfo", ("a.test", "nosuchservice", 2), -8),
    ("gevent 5, port 0 for another protocol", "getaddrinfo", ("a.test", "tftp", 2, STREAM), -8),
    ("gevent 5, AI_NUMERICSERV ignored", "getaddrinfo", ("a.test", "http", 2, STREAM, 0, 0x400), -2),
    ("gevent 6, AF_INET for AF_INET6", "getaddrinfo", ("192.0.2.1", 80, 10), -9),
    (
        "gevent 6, AI_V4MAPPED ignored",
        "getaddrinfo",
        ("192.0.2.1", 80, 10, STREAM, 0, 8),
        [(10, 1, 6, "", ("::ffff:192.0.2.1", 80, 0, 0))],
    ),
    ("gevent 7, UDP for SOCK_RAW", "getaddrinfo", ("a.test", None, 2, RAW), [(2, 3, 0, "", ("192.0.2.1", 0))]),
    ("gevent 7, types that clash", "getaddrinfo", ("a.test", 80, 2, DGRAM, 6), -7),
    ("gevent 8, 127.1 asked of DNS", "getaddrinfo", ("127.1", 80, 0, STREAM), [(2, 1, 6, "", ("127.0.0.1", 80))]),
    ("gevent 8, '' asked of DNS", "getaddrinfo", ("", 80), -2),
    ("gevent 8, <broadcast> a bad name", "gethostbyname", ("<broadcast>",), "255.255.255.255"),
    ("gevent 9, port 70000", "getaddrinfo", ("a.test", 70000, 2, STREAM), [(2, 1, 6, "", ("192.0.2.1", 4464))]),
    (
        "gevent 14, aliases by the wrong type",
        "gethostbyname_ex",
        ("alias.test",),
        ("a.test", ["alias.test"], ["192.0.2.1"]),
    ),
    ("gevent 14, IDNA 2003 as the stdlib", "gethostbyname", ("straße.test",), "192.0.2.50"),
    (
        "eventlet, EAI_NONAME with AI_CANONNAME",
        "getaddrinfo",
        ("a.test", 80, 2, STREAM, 0, 2),
        [(2, 1, 6, "a.test", ("192.0.2.1", 80))],
    ),
    ("eventlet, 0x7f.1 asked of DNS", "gethostbyname", ("0x7f.1",), "127.0.0.1"),
    ("eventlet, '' asked as the root", "gethostbyname", ("",), "0.0.0.0"),
    ("eventlet, several PTR records an error", "getnameinfo", (("192.0.2.2", 80), 2), ("one.test", "80")),
    ("eventlet, IPv6 never named", "getnameinfo", (("2001:db8::2", 80, 0, 0), 2), ("dual.test", "80")),
    ("eventlet, port and no service", "getnameinfo", (("192.0.2.1", 80), 0), ("a.test", "http")),
    ("eventlet, the hosts file not asked", "getnameinfo", (("127.0.0.1", 22), 0), ("localhost", "ssh")),
    ("eventlet, not patched", "gethostbyaddr", ("192.0.2.1",), ("a.test", [], ["192.0.2.1"])),
]  # fmt: skip


@pytest.mark.parametrize(("peer", "call", "args", "wanted"), ROWS, ids=[f"{one[0]}: {one[1]}{one[2]}" for one in ROWS])
def test_row(server, peer, call, args, wanted):
    for name in ALL:
        resolver.use(name, servers=server.servers, timeout=1, attempts=1)
        function = getattr(resolver, call)
        if isinstance(wanted, int):
            fails(wanted, function, *args)
        else:
            assert function(*args) == wanted, name


def test_gevent_2_no_flags_make_none_of_an_error(everyone):
    for flags in range(32):
        try:
            assert resolver.getnameinfo(("192.0.2.78", 9), flags) is not None
        except OSError:
            assert flags & 8


def test_gevent_3_a_timeout_is_eai_again(server):
    for name in DNS:
        resolver.use(name, servers=server.servers, timeout=0.1, attempts=1)
        fails(-3, resolver.getaddrinfo, "drop.test", HTTP)
        fails(-3, resolver.gethostbyname, "drop.test")


def test_gevent_8_a_scope_is_a_number(everyone):
    assert resolver.getaddrinfo("fe80::1%lo", HTTP, 0, STREAM) == _socket.getaddrinfo("fe80::1%lo", HTTP, 0, STREAM)
    with pytest.raises(_socket.gaierror):
        resolver.getaddrinfo("::1%nosuchinterface", HTTP)


@pytest.mark.parametrize("name", DNS)
@pytest.mark.parametrize("seconds", [0.05, 0.15])
def test_gevent_10_timeouts_are_as_short_as_they_say(server, name, seconds):
    resolver.use(name, servers=server.servers, timeout=seconds, attempts=2)
    begin = get_hub().now()
    fails(-3, resolver.getaddrinfo, "drop.test", HTTP)
    taken = get_hub().now() - begin
    assert 2 * seconds * 0.9 <= taken < 2 * seconds + 1.5  # gevent: 2.0 s, both


def test_gevent_10_a_connection_s_timeout_bounds_the_lookup(dns):
    begin = get_hub().now()
    with pytest.raises(OSError, match=r"timed out|Temporary"):
        create_connection(("drop.test", 80), timeout=0.1)
    assert get_hub().now() - begin < 0.9  # gevent: 14 s


def test_gevent_11_who_gave_up_has_no_query_under_way(dns):
    for _ in range(3):
        with pytest.raises(Timeout), Timeout(0.02):
            resolver.getaddrinfo("drop.test", HTTP)
    assert resolver.stats().questions == 0
    assert len(get_hub().timers) == 0


@pytest.mark.parametrize("name", ALL)
def test_gevent_12_a_literal_waits_for_no_thread(server, name):
    resolver.use(name, servers=server.servers, timeout=1, attempts=1)
    server.queries.clear()
    lanes = [one for one in get_hub().vars.values() if isinstance(one, ThreadPool)]  # of earlier tests
    for host in ("127.0.0.2", "::1", "127.1", None):
        assert resolver.getaddrinfo(host, HTTP, 0, STREAM)
    assert [one for one in get_hub().vars.values() if isinstance(one, ThreadPool)] == lanes
    assert [one for one in lanes if "0 of" not in repr(one)] == []  # no lane was opened
    assert server.queries == []


def test_gevent_13_a_server_with_a_port_is_taken(everyone):
    assert resolver.gethostbyname("a.test") == "192.0.2.1"  # the server of these tests is on a port of its own


def test_gevent_13_a_bad_server_is_one_clean_error():
    code = "from celadon import resolver\ntry: resolver.use('ares', servers=['127.0.0.1:x'])\nexcept ValueError: pass"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_gevent_14_getnameinfo_looks_up_no_name(dns, server):
    resolver.getnameinfo(("192.0.2.1", 80), 0)
    assert [(one.name, one.rdtype) for one in server.queries] == [("1.2.0.192.in-addr.arpa", "PTR")]


def test_gevent_14_idna_2008_by_choice(server):
    pytest.importorskip("idna", reason="the extra idna is not installed")
    resolver.use("python", servers=server.servers, idna=2008)
    assert resolver.gethostbyname("straße.test") == "192.0.2.51"
    assert resolver.query("straße.test").data == ("192.0.2.51",)


def test_gevent_14_labels_that_are_too_long(everyone):
    for host in ("é" * 70 + ".test", "a..é"):
        with pytest.raises(UnicodeError):
            resolver.getaddrinfo(host, HTTP)


# -- eventlet ----------------------------------------------------------------------------------------------------


def test_eventlet_both_families_at_once(dns, server):
    begin = get_hub().now()
    assert len(addresses("slow.test")) == 2
    assert get_hub().now() - begin < 0.39  # the server takes 0.2 s; eventlet: 0.41 s
    asked = [one.when for one in server.queries if one.name == "slow.test"]
    assert len(asked) == 2
    assert asked[1] - asked[0] < 0.1


def test_eventlet_twenty_at_once_are_one_query_of_each_family(dns, server):
    joinall([spawn(resolver.getaddrinfo, "slow.test", HTTP) for _ in range(20)], raise_error=True)
    assert server.count("slow.test", "A") == server.count("slow.test", "AAAA") == 1


@pytest.mark.parametrize("name", DNS)
def test_eventlet_two_hundred_names_at_once(name):
    with NameServer(synthetic=True) as server:
        resolver.use(name, servers=server.servers)
        asking = [spawn(resolver.gethostbyname, f"n{n}.test") for n in range(200)]
        joinall(asking, raise_error=True)
        assert len({one.get() for one in asking}) == 200


def test_eventlet_canonical_names(everyone):
    flags = int(_socket.AI_CANONNAME)
    assert resolver.getaddrinfo("localhost", HTTP, 2, STREAM, 0, flags)[0][3] == "localhost"
    assert resolver.getaddrinfo("alias.test", HTTP, 2, STREAM, 0, flags)[0][3] == "a.test"


def test_eventlet_v4mapped_and_all_is_both(everyone):
    flags = int(_socket.AI_V4MAPPED | _socket.AI_ALL)
    assert set(addresses("dual.test", 10, flags)) == {"2001:db8::2", "::ffff:192.0.2.2"}


def test_eventlet_numeric_flags_ask_nobody(dns, server):
    flags = int(_socket.NI_NUMERICHOST | _socket.NI_NUMERICSERV)
    assert resolver.getnameinfo(("127.0.0.1", 80), flags) == ("127.0.0.1", "80")
    assert resolver.getnameinfo(("192.0.2.1", 80), flags) == ("192.0.2.1", "80")
    assert server.queries == []


def test_eventlet_the_last_line_of_the_hosts_file_does_not_hide_the_others(tmp_path, monkeypatch):
    (tmp_path / "hosts").write_text("192.0.2.61 many.test\n192.0.2.62 many.test\nfe80::9 link.test\n")
    (tmp_path / "host.conf").write_text("multi on\n")
    system = resolver.factory.System(hosts=str(tmp_path / "hosts"), host_conf=str(tmp_path / "host.conf"))
    monkeypatch.setattr(resolver.factory, "_system", system)
    resolver.use("python", servers=["127.0.0.1:1"])
    assert sorted(addresses("many.test", 2)) == ["192.0.2.61", "192.0.2.62"]
    assert addresses("link.test", 10) == ["fe80::9"]


def test_eventlet_a_single_label_is_not_tried_as_a_top_level_domain(dns, server):
    with pytest.raises(ResolveError) as caught:
        resolver.getaddrinfo("nosuchlabel", HTTP, 2)
    assert caught.value.kind is Kind.NXDOMAIN
    assert server.count("nosuchlabel") <= 1


def test_eventlet_importing_costs_no_dnspython():
    code = "import sys, celadon; sys.exit(any(one.partition('.')[0] == 'dns' for one in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_eventlet_resolvconf_is_read_again(tmp_path, monkeypatch, server):
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 127.0.0.1\nsearch one.test\n")
    system = resolver.factory.System(resolv_conf=str(path))
    monkeypatch.setattr(resolver.factory, "_system", system)
    server.add("host.two.test", "A", "192.0.2.88")
    made = resolver.use("python", servers=server.servers)
    with pytest.raises(ResolveError):
        resolver.getaddrinfo("host", HTTP, 2)
    path.write_text("nameserver 127.0.0.1\nsearch two.test\n")
    system._next = 0.0
    assert addresses("host", 2) == ["192.0.2.88"]
    assert "host.two.test" in str(made.explain("host"))


def test_the_hub_runs_on_while_libc_is_slow(server):
    resolver.use("thread", servers=server.servers, timeout=1, attempts=1)
    ticks = 0

    def tick():
        nonlocal ticks
        while True:
            ticks += 1
            sleep(0.01)

    ticking = spawn(tick)
    resolver.gethostbyname("slow.test")
    ticking.kill()
    assert ticks > 3
