"""What a stub resolver must stand up to, beyond the single faults of ``test_hostile``; and where each thing is shown.

``ROWS`` names, for each fault of the reference's table, each requirement (R1 to R27, from RFCs and advisories) and each
fault 25 to 32, the tests that show it, or says why it is otherwise.
"""

import ast
import gc
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from celadon import resolver
from celadon.hub import Timeout, get_hub, joinall, sleep, spawn
from celadon.resolver import CachePolicy, Config, Kind, Question, ResolveError, Server
from celadon.resolver.registry import make_engine
from celadon.resolver.system.reload import System
from celadon.resolver.testing import Delay, Drop, NameServer, Script, Servfail
from celadon.resolver.testing.hostile import BAD, FAULTS, GOOD, message, opt, record, wire_name

ENGINES = ["ares", "python"]
TESTS = Path(__file__).parent


RECORDS = [
    ("a.test", "A", GOOD, 5),
    ("a.test", "AAAA", "2001:db8::1", 5),
    ("b.test", "A", "10.0.0.2"),
]


@pytest.fixture(params=ENGINES)
def name(request):
    return request.param


class Shifted:
    """The hub's clock, which can be put forward while real sockets are waited for. ``still``: it moves only so."""

    def __init__(self, still=False):
        self.still = still

    def __enter__(self):
        self.hub, self.real, self.ahead = get_hub(), get_hub().now, 0.0
        began = self.real()
        self.hub.now = lambda: (began if self.still else self.real()) + self.ahead
        return self

    def __exit__(self, *error):
        self.hub.now = self.real

    def forward(self, seconds):
        """Time passes in a process that runs: by one step it would look like a process that was stopped."""
        end = self.ahead + seconds
        while self.ahead < end:
            self.ahead = min(self.ahead + 0.05, end)
            self.hub.look_soon()
            sleep(0)


def look(host="a.test", family=2):
    return [one[4][0] for one in resolver.getaddrinfo(host, 80, family, 1)]


def fails(host="a.test"):
    with pytest.raises(ResolveError) as caught:
        look(host)
    return caught.value.errno


def fds():
    return len(os.listdir("/proc/self/fd"))


# -- an outage -------------------------------------------------------------------------------------------------


def test_an_outage_of_a_minute(server, name):
    """Old answers within the client's time, recovery within the recheck time, nothing negative from our own fault."""
    policy = CachePolicy(stale=86400, client_timeout=0.2, recheck=20)
    made = resolver.use(name, servers=server.servers, timeout=5, attempts=2, cache=policy)
    with Shifted() as clock:
        assert look() == [GOOD]
        for host in ("a.test", "new.test"):
            server.script(host, Drop())
        for _ in range(10):
            clock.forward(6)
            begin = time.monotonic()
            assert look() == [GOOD]
            assert time.monotonic() - begin < 4  # a sanity bound, less than one try
        assert 2 <= server.count("a.test", "A") <= 9, "asked now and then, and left in peace in between"
        with pytest.raises(Timeout), Timeout(0.1):
            look("new.test")
        for host in ("a.test", "new.test"):
            server.unscript(host)
        server.remove("a.test")
        server.add("a.test", "A", "10.0.0.9", ttl=600)
        server.add("new.test", "A", "10.0.0.3")
        assert look("new.test") == ["10.0.0.3"]
        clock.forward(21)
        assert look() == ["10.0.0.9"]
        assert not resolver.query("a.test").stale
    assert made.cache.stats().stale >= 10


def test_nothing_is_kept_of_a_fault_of_our_own(name):
    """Nobody listens; then somebody does. Silence, a refused port and no route know nothing of the name."""
    with NameServer() as gone:
        port = gone.port
    resolver.use(name, servers=[f"127.0.0.1:{port}", "[2001:db8:ffff::1]:53"], timeout=0.2, attempts=1)
    assert fails() == -3
    assert len(resolver.current().cache) == 0
    with NameServer(port=port) as back:
        back.add("a.test", "A", GOOD)
        assert look() == [GOOD]


def test_two_hundred_at_once_and_one_refresh_after_expiry(server, name):
    resolver.use(name, servers=server.servers, timeout=30)
    server.script("a.test", Delay(0.05))
    with Shifted(still=True) as clock:
        for round_ in range(1, 4):
            for _ in range(2):  # the second time within the TTL
                joinall([spawn(look, family=0) for _ in range(200)], raise_error=True)
                assert Counter(one.rdtype for one in server.queries) == {"A": round_, "AAAA": round_}
            clock.forward(6)


def test_a_thousand_callers_and_a_server_that_fails(server, name):
    """R12, RFC 9520: a failure is kept for a moment, so that its crowd of askers is none for the server."""
    resolver.use(name, servers=server.servers, timeout=30, attempts=1)
    server.script("a.test", Servfail())
    with Shifted(still=True) as clock:
        joinall([spawn(fails) for _ in range(500)], raise_error=True)
        asked = server.count("a.test")
        assert asked <= 3
        joinall([spawn(fails) for _ in range(500)], raise_error=True)
        assert server.count("a.test") == asked
        clock.forward(301)
        server.unscript("a.test")
        assert look() == [GOOD]


# -- what is believed, and for how long ----------------------------------------------------------------------------


def test_records_that_nobody_asked_for_are_not_kept(server, name):
    """R10: a reply for a.test that carries an address of b.test in every section."""
    poison = record(bytes((66, 66, 66, 66)), wire_name("b.test"))
    good = record(bytes((10, 0, 0, 1)))
    server.script("a.test", Script(lambda q, r: [message(q, [good, poison], [poison], [poison])]))
    resolver.use(name, servers=server.servers)
    assert look() == [GOOD]
    assert look("b.test") == ["10.0.0.2"]
    assert server.count("b.test") == 1


def test_times_to_live(server, name):
    """R15: a TTL with the high bit set is 0, and 0 is not kept; a negative answer lives by its SOA (R11)."""
    resolver.use(name, servers=server.servers)
    for ttl, kept in ((0, False), (0x80000001, False), (0xFFFFFFFF, False), (1, True), (0x7FFFFFFF, True)):
        host = f"ttl{ttl}.test"
        server.script(host, Script(lambda q, r, ttl=ttl: [message(q, [record(ttl=ttl)])]))
        assert look(host) == [GOOD]
        assert (resolver.current().cache.peek(Question(host, 1)) is not None) is kept
    server.script("nodata.test", FAULTS["NODATA"])
    now = get_hub().now()
    assert fails("nodata.test") == -5
    assert 20 < resolver.current().cache.peek(Question("nodata.test", 1)).expires - now < 90  # its SOA says 30
    server.script("nosoa.test", Script(lambda q, r: [message(q)]))
    assert fails("nosoa.test") == -5
    assert resolver.current().cache.peek(Question("nosoa.test", 1)).expires - now < 60


def test_an_answer_to_any_and_an_extended_error(server):
    """R16, RFC 8482: one HINFO is an answer. R20, RFC 8914: the error's code and text can be read."""
    resolver.use("python", servers=server.servers)
    server.add("any.test", "HINFO", '"RFC8482" ""')
    server.script("any.test", Script(lambda q, r: [message(q, [record(b"\7RFC8482\0", rdtype=13)])]))
    assert [one.rdtype for one in resolver.query("any.test", "ANY").records] == [13]
    told = b"\0\x0f\0\x09\0\x16no luck"
    server.script("b.test", Script(lambda q, r: [message(q, [record()], additional=[opt(data=told)])]))
    assert resolver.query("b.test").edns.options == ((15, b"\0\x16no luck"),)


@pytest.mark.parametrize("text", ["\\<script\\>", "a\\032b", "a\\010b", "a%b", "a/b", "-a", "a\\000b", "\\255"])
def test_names_that_no_host_can_have_do_not_come_from_dns(server, name, text):
    """R8, CVE-2021-3672: PTR records and canonical names are somebody else's text."""
    server.add("1.2.0.192.in-addr.arpa", "PTR", f"{text}.test.")
    server.add("alias.test", "CNAME", f"{text}.test.")
    server.add(f"{text}.test", "A", GOOD)
    resolver.use(name, servers=server.servers)
    assert resolver.getnameinfo(("192.0.2.1", 80), 0)[0] == "192.0.2.1"
    with pytest.raises(OSError, match="Unknown host"):
        resolver.gethostbyaddr("192.0.2.1")
    assert resolver.getaddrinfo("alias.test", 80, 2, 1, 0, 2)[0][3] == "alias.test"


LOCAL = [
    "localhost.", "a.localhost", "A.LOCALHOST.", "a.b.localhost", "invalid", "a.invalid", "a.Invalid.", "onion",
    "a.onion", "127.1", "0x7f.1", "0177.0.0.1", "2130706433", "0", "1.2.3", "::1", "::ffff:192.0.2.1",
    "fe80::1%1", "fe80::1%lo",
]  # fmt: skip


@pytest.mark.parametrize("host", LOCAL)
def test_what_never_reaches_dns(server, name, host):
    """R17 and R18: RFC 6761's names, and addresses in every form that inet_aton(3) and inet_pton(3) take."""
    resolver.use(name, servers=server.servers, search=["search.test"])
    for call in (look, resolver.gethostbyname):
        try:
            call(host)
        except OSError:
            assert host.rstrip(".").lower().endswith(("invalid", "onion")) or ":" in host
    assert server.queries == []


@pytest.mark.parametrize("host", ["a" * 1_000_000, "é" * 1_000_000, "a." * 500_000, "é." * 500_000, b"a" * 1_000_000])
def test_names_of_a_million_characters(server, name, host):
    """R19, CVE-2022-45061 and its kin: nothing quadratic, nothing sent."""
    resolver.use(name, servers=server.servers)
    begin = time.monotonic()
    with pytest.raises((OSError, UnicodeError)):
        look(host)
    assert time.monotonic() - begin < 2  # a sanity bound; the quadratic ones take minutes
    assert server.queries == []


def test_another_s_rights_ignore_the_environment(monkeypatch, tmp_path):
    """R24: HOSTALIASES, LOCALDOMAIN and RES_OPTIONS count for nothing in a setuid program."""
    monkeypatch.setenv("LOCALDOMAIN", "evil.test")
    monkeypatch.setenv("RES_OPTIONS", "ndots:7")
    monkeypatch.setenv("HOSTALIASES", str(tmp_path / "aliases"))
    (tmp_path / "aliases").write_text("a evil.test\n")
    files = [os.devnull] * 5
    world = System(*files).world()
    assert (world.config.ndots, world.config.search, world.aliases["a"]) == (7, ("evil.test",), "evil.test")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    world = System(*files).world()
    assert world.config.ndots == 1
    assert "evil.test" not in world.config.search
    assert not world.aliases


# -- servers that are lost, late and dead --------------------------------------------------------------------------

ROUGH = int(os.environ.get("ROUGH_LOOKUPS", "60"))


@pytest.mark.timeout(900)
def test_a_network_that_loses_doubles_delays_and_lies(name):
    """Row 25: never a wrong address; with five tries, next to all succeed although three packets in ten are lost."""
    draw = random.Random(25)

    def change(query, reply):
        if draw.random() < 0.3:
            return []
        bad = message(query, [record(bytes((66, 66, 66, 66)))])
        before = [bytes([bad[0] ^ 1]) + bad[1:], bad[:12] + b"\5wrong" + bad[12:], bad[:20], os.urandom(30), b""]
        return [*draw.sample(before, draw.randrange(3)), reply, *[reply] * draw.randrange(2)]

    outcomes = Counter()
    with NameServer() as rough:
        hosts = [f"n{n}.test" for n in range(ROUGH)]
        for number, host in enumerate(hosts):
            rough.add(host, "A", f"10.2.{number >> 8}.{number & 255}")
            rough.script(host, Script(change, delay=draw.random() / 20, tcp=False))
        resolver.use(name, servers=rough.servers, timeout=0.25, attempts=5)

        def one(number):
            try:
                found = look(hosts[number])
            except ResolveError as error:
                outcomes[error.errno] += 1
                return
            outcomes[found == [f"10.2.{number >> 8}.{number & 255}"]] += 1

        for at in range(0, ROUGH, 50):
            joinall([spawn(one, number) for number in range(at, min(at + 50, ROUGH))], raise_error=True)
    assert outcomes[False] == 0
    assert outcomes[True] >= ROUGH * 0.95


@pytest.mark.parametrize("first", ["black hole", "refused port", "no route", "only TCP", "servfail"])
def test_a_first_server_of_no_use(server, name, first):
    """Row 26."""
    with NameServer() as gone:
        port = gone.port
    with NameServer() as other:
        for host in ("a.test", "c.test"):
            other.add(host, "A", GOOD)
            other.script(host, {"servfail": Servfail(), "only TCP": FAULTS["truncated, empty"]}.get(first, Drop()))
            server.add(host, "A", GOOD)
        useless = {"refused port": f"127.0.0.1:{port}", "no route": "[2001:db8:ffff::1]:53"}.get(first, other.address)
        resolver.use(name, servers=[useless, server.address], timeout=0.3, attempts=8, cache=False)
        for host in ("a.test", "c.test", "a.test"):
            assert look(host)[0] == GOOD
    if first == "only TCP":
        assert server.queries == []


@pytest.mark.ipv6
def test_a_server_by_ipv6_only(name):
    with NameServer(host="::1") as six:
        six.add("a.test", "A", GOOD)
        resolver.use(name, servers=six.servers)
        assert look() == [GOOD]


# -- ends that come early ------------------------------------------------------------------------------------------


def test_engines_closed_with_questions_under_way(server, name):
    """Row 27: each question ends once, as cancelled, in this thread; nothing stays open. Forty engines of 25 each."""
    server.script("a.test", Drop())
    before = fds()
    ended = []
    me = threading.get_ident()
    for _ in range(40):
        engine = make_engine(name, Config(servers=(Server("127.0.0.1", server.port),), timeout=30))
        for number in range(25):
            engine.submit(
                Question("a.test", 1), lambda outcome, n=number: ended.append((n, outcome, threading.get_ident()))
            )
        engine.close()
        engine.close()
        with pytest.raises(ResolveError):
            engine.submit(Question("a.test", 1), print)
    sleep(0)
    assert Counter(number for number, _, _ in ended) == dict.fromkeys(range(25), 40)
    assert {outcome.kind for _, outcome, _ in ended} == {Kind.CANCELLED}
    assert {thread for _, _, thread in ended} == {me}
    ends = time.monotonic() + 5
    while fds() > before and time.monotonic() < ends:
        sleep(0.01)
    assert fds() <= before


def test_closed_from_inside_a_callback(server, name):
    engine = make_engine(name, Config(servers=(Server("127.0.0.1", server.port),), timeout=30))
    server.script("b.test", Drop())
    ended = []

    def done(outcome):
        ended.append(outcome)
        engine.close()

    engine.submit(Question("b.test", 1), ended.append)
    engine.submit(Question("a.test", 1), done)
    ends = time.monotonic() + 20
    while len(ended) < 2 and time.monotonic() < ends:
        sleep(0.005)
    assert sorted(type(one).__name__ for one in ended if not isinstance(one, ResolveError)) != []
    assert [one.kind for one in ended if isinstance(one, ResolveError)] == [Kind.CANCELLED]


def test_answers_to_who_has_gone(server, name):
    """Row 28: lookups given up, and a thread whose hub is gone, before the answers come."""
    server.script("a.test", Delay(0.1))
    resolver.use(name, servers=server.servers, timeout=30, cache=False)
    before = fds()

    def gives_up():
        with pytest.raises(Timeout), Timeout(0.02):
            look()

    def elsewhere():
        joinall([spawn(gives_up) for _ in range(10)], raise_error=True)

    joinall([spawn(gives_up) for _ in range(50)], raise_error=True)
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    gc.collect()
    sleep(0.15)  # the answers come
    server.unscript("a.test")
    assert look() == [GOOD]
    resolver.reset()
    gc.collect()
    ends = time.monotonic() + 5
    while fds() > before and time.monotonic() < ends:
        sleep(0.01)
    assert fds() <= before


STUCK = """
import sys, time
from celadon import patch_all
patch_all()
import socket
from celadon import resolver
resolver.use("thread", servers=[sys.argv[1]], timeout=30)
from celadon.hub import spawn, sleep
for n in range(40):
    spawn(socket.getaddrinfo, f"stuck{n}.test", 80)
sleep(0.2)
assert socket.getaddrinfo("127.0.0.1", 80, 0, 1)[0][4] == ("127.0.0.1", 80)
print("out", flush=True)
"""


def test_the_process_ends_although_every_thread_of_the_system_s_resolver_is_stuck(server):
    """Row 32. A literal waits for no thread either."""
    for number in range(40):
        server.script(f"stuck{number}.test", Drop())
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", STUCK, server.address], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "out\n", "")
    assert time.monotonic() - begin < 25  # less than one try


# -- where each row is shown ---------------------------------------------------------------------------------------

# row -> faults of FAULTS (tried in test_hostile), "file::test", or "because …"
ROWS = {
    "2.1 wrong id, name, type, class, port, address; forged TC": [
        *("another id", "another name", "another type", "another class", "another port", "another address"),
        "forged truncation",
    ],
    "2.1 300 wrong ids": ["300 other ids", "dns/test_exchange::test_many_near_misses_send_the_question_over_tcp"],
    "2.1 no question, two questions": ["no question", "two questions"],
    "2.1 QR=0, opcode": ["QR=0", "another opcode", "TCP QR=0", "TCP another opcode"],
    "2.1 garbage, short packets": ["garbage", "garbage under the id", "four bytes", "a header alone"],
    "2.1 rubbish body": ["rubbish behind the question"],
    "2.1 empty datagram": ["an empty datagram"],
    "2.1 TC": ["truncated, empty", "truncated, in part", "TCP byte by byte", "TCP dripping", "TCP truncated"],
    "2.1 TCP closed, short frame": [
        *("TCP closed", "TCP reset", "TCP short frame", "TCP reset in a frame", "TCP stalls", "TCP silent"),
        "test_hostile::test_another_server_makes_good_what_the_first_one_cannot",
    ],
    "2.1 TCP wrong id first": ["TCP another id", "TCP garbage under the id", "TCP another name"],
    "2.1 first query lost": ["the first query lost"],
    "2.1 late": ["0.7 s late", "engines/python/test_python_engine::test_an_answer_later_than_its_try_still_counts"],
    "2.1 SERVFAIL once": ["SERVFAIL once"],
    "2.1 SERVFAIL, REFUSED, NOTIMP, FORMERR always": [
        *("SERVFAIL", "REFUSED", "NOTIMP", "FORMERR", "an unknown rcode", "TCP an unknown rcode"),
        "because NOTIMP, FORMERR and unknown codes are called what libc calls them: docs/differences.md",
    ],
    "2.1 EDNS": [
        *("EDNS: FORMERR", "EDNS: FORMERR without question", "EDNS: NOTIMP", "EDNS: dropped", "EDNS: BADVERS"),
        "engines/python/test_python_engine::test_a_server_without_edns",
    ],
    "2.1 NXDOMAIN, NODATA": ["NXDOMAIN", "NODATA", "CNAME to NXDOMAIN"],
    "2.1 reverse chain": ["the address before its CNAME", "a chain backwards"],
    "2.1 chains": ["a chain of 3", "a chain of 20", "a chain of 200"],
    "2.1 loops": ["a CNAME loop", "a CNAME to itself"],
    "2.1 unrelated owner": ["an unrelated owner", "an unrelated owner as well"],
    "2.1 broken records": [
        *("a pointer to itself", "two pointers to each other", "a pointer forward", "one record announced too many"),
        *("65,535 records announced", "an address of 3 bytes", "rdata beyond the end", "nothing but broken"),
    ],
    "2.1 owner > 255": ["an owner of 316 bytes"],
    "2.1 rdlength 16": [
        "an address of 16 bytes",
        "because c-ares reads four bytes of it and pycares does not tell the length: docs/differences.md",
    ],
    "2.1 trailing bytes": ["trailing bytes"],
    "2.1 two OPT": ["two OPT", "OPT in the answer", "dns/test_exchange::test_two_opt_records_are_a_refusal_not_noise"],
    "2.1 bad cookie": ["a cookie of three bytes", "an EDNS option too long"],
    "2.1 the rest": [
        "another case",
        "TTL 0",
        "TTL 0xFFFFFFFF",
        "200 addresses",
        "64 KB of addresses",
        "bytes in a CNAME",
    ],
    "R1 ids, ports, acceptance": [
        "test_hostile::test_ids_and_ports_cannot_be_guessed",
        "engines/python/test_python_engine::test_the_ids_are_evenly_spread",
        "dns/test_exchange::test_what_is_ignored",
    ],
    "R2 one outstanding query": ["test_requirements::test_two_hundred_at_once_and_one_refresh_after_expiry"],
    "R3 0x20": ["dns/test_exchange::test_mixed_case"],
    "R4 cookies": ["dns/test_exchange::test_cookies"],
    "R5 TCP": ["TCP dripping", "engines/python/test_python_engine::test_tcp_one_byte_at_a_time_and_foreign_ids_first"],
    "R6 EDNS": ["EDNS: dropped", "dns/test_exchange::test_without_edns_where_it_is_not_known"],
    "R7 wire parser": ["dns/test_wire::test_the_corpus_of_broken_packets", "dns/test_wire::test_work_is_linear"],
    "R8 names from the network": [
        "test_requirements::test_names_that_no_host_can_have_do_not_come_from_dns",
        "resolvers/test_stub::test_a_nul_is_an_error_on_purpose",
    ],
    "R9 CNAME chains": ["a chain backwards", "CNAME to nothing", "because a dangling CNAME is NODATA as with libc"],
    "R10 bailiwick": ["test_requirements::test_records_that_nobody_asked_for_are_not_kept"],
    "R11 negative caching": ["test_requirements::test_times_to_live", "answers/test_cache::test_how_long"],
    "R12 failures": ["test_requirements::test_a_thousand_callers_and_a_server_that_fails"],
    "R13 NXDOMAIN cut": ["because it is optional, and a wrong one hides names that are there"],
    "R14 serve stale": [
        "test_requirements::test_an_outage_of_a_minute",
        "answers/test_single_flight::test_an_outage_of_a_minute",
    ],
    "R15 TTL": ["test_requirements::test_times_to_live", "answers/test_cache::test_ttls_count_down"],
    "R16 ANY": ["test_requirements::test_an_answer_to_any_and_an_extended_error"],
    "R17 special names": ["test_requirements::test_what_never_reaches_dns"],
    "R18 literal forms": ["test_requirements::test_what_never_reaches_dns", "test_parity::test_world"],
    "R19 IDNA": ["test_requirements::test_names_of_a_million_characters"],
    "R20 extended errors": ["test_requirements::test_an_answer_to_any_and_an_extended_error"],
    "R21 RFC 6724": ["test_parity::test_world", "test_parity::test_drawn_world"],
    "R22 RFC 8305": [
        "resolvers/test_stub::test_side_by_side_and_bounded",
        "because create_connection tries one address after the other, as the standard library's",
    ],
    "R23 server selection": [
        "dns/test_exchange::test_rotate_gives_each_its_turn",
        "system/test_libc_files::test_options",
    ],
    "R24 other rights": ["test_requirements::test_another_s_rights_ignore_the_environment"],
    "R25 AD bit": ["because query tells the header as it came, and getaddrinfo looks at no AD"],
    "R26 amplification": ["test_hostile::test_many_greenlets_before_a_black_hole_need_few_sockets"],
    "R27 cancellation": [
        "test_requirements::test_answers_to_who_has_gone",
        "answers/test_single_flight::test_a_kill_takes_one_waiter_only",
    ],
    "25 a bad network": [
        "test_requirements::test_a_network_that_loses_doubles_delays_and_lies",
        "test_fuzz::test_a_second_of_fuzz",
    ],
    "26 a dead server": [
        "test_requirements::test_a_first_server_of_no_use",
        "test_requirements::test_a_server_by_ipv6_only",
        "engines/python/test_python_engine::test_a_server_that_comes_back_is_found",
    ],
    "27 closed with queries": [
        "test_requirements::test_engines_closed_with_questions_under_way",
        "test_requirements::test_closed_from_inside_a_callback",
    ],
    "28 abandoned": ["test_requirements::test_answers_to_who_has_gone"],
    "29 resolver swapped": ["test_hot_swap::test_fifty_swaps_of_the_resolver"],
    "30 resolv.conf swapped": [
        "test_hot_swap::test_resolv_conf_is_changed_in_every_way",
        "test_hot_swap::test_a_file_that_cannot_be_read_stays_as_it_was",
        "because an empty or missing file means 127.0.0.1, as for libc, and not the servers before",
    ],
    "31 hosts edited": [
        "test_hot_swap::test_a_hosts_file_written_in_two_parts_is_a_whole_table_at_every_moment",
        "because a million lines are read in one go: libc reads them for every lookup",
    ],
    "32 threads stuck": [
        "test_requirements::test_the_process_ends_although_every_thread_of_the_system_s_resolver_is_stuck",
        "test_peers::test_the_hub_runs_on_while_libc_is_slow",
    ],
}


def test_every_row_is_shown_somewhere():
    assert {f"R{n}" for n in range(1, 28)} <= {row.split()[0] for row in ROWS}
    assert {str(n) for n in range(25, 33)} <= {row.split()[0] for row in ROWS}
    functions = {}
    for row, shown in ROWS.items():
        for one in shown:
            if one.startswith("because "):
                continue
            if "::" not in one:
                assert one in FAULTS, f"{row}: no fault {one!r}"
                continue
            file, test = one.split("::")
            if file not in functions:
                tree = ast.parse((TESTS / f"{file}.py").read_text())
                functions[file] = {part.name for part in tree.body if isinstance(part, ast.FunctionDef)}
            assert test in functions[file], f"{row}: no test {one}"
    told = {one for shown in ROWS.values() for one in shown}
    assert {fault for fault in FAULTS if fault.startswith(("TCP", "EDNS"))} - told <= {
        "TCP length too large",
        "TCP length zero",
    }
    assert BAD != GOOD
