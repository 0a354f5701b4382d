"""Who guesses is not believed, and what is here already counts before what is late: both engines under attack."""

import _socket
import os
import signal
import struct
import time
from types import SimpleNamespace

import pytest

from celadon import resolver
from celadon.hub import get_hub, joinall, sleep, spawn
from celadon.hub.testing import wait_all_parked
from celadon.resolver import Answer, Config, Kind, Question, Server
from celadon.resolver.dns.exchange import AGAIN, Exchange, Query, Tuning
from celadon.resolver.engines.hub_runtime import HubRuntime
from celadon.resolver.engines.python import udp_tcp as links
from celadon.resolver.registry import make_engine
from celadon.resolver.resolvers.stub import ask
from celadon.resolver.testing import Delay, Script, outcome_of
from celadon.resolver.testing.nameserver import Sent
from tests.resolver import flood

GOOD, BAD = "10.0.0.1", "66.66.66.66"
A = Question("x.test", 1)
ONE = Server("192.0.2.1")


RECORDS = [
    *((f"n{n}.test", "A", f"10.0.1.{n}") for n in range(50)),
    ("x.test", "A", GOOD),
]


@pytest.fixture(params=["ares", "python"])
def engine(request, server):
    made = make_engine(request.param, Config(servers=(Server("127.0.0.1", server.port),), timeout=5.0, attempts=2))
    yield made
    made.close()


def forged(query, number):
    """The reply that a forger sends who knows all but the id."""
    tail = query[12 : query.index(b"\0", 12) + 5]
    header = struct.pack("!6H", number, 0x8180, 1, 1, 0, 0)
    return header + tail + b"\xc0\x0c\0\1\0\1\0\0\1\0\0\4" + bytes((66, 66, 66, 66))


def test_a_flood_of_all_ids_beside_a_slow_answer_over_tcp(engine, server):
    """The port is known. All 65,536 ids are tried, while the right answer is late over TCP and never comes over UDP."""
    right = int.from_bytes(os.urandom(2), "big")
    floods = []

    def flood(query, reply):
        mine = query[0] << 8 | query[1]
        # The right id is among them, anywhere but under the first few, where chance would have it once in 1,000 times.
        others = [n for n in range(right, right + 3000) if n & 0xFFFF != mine]
        floods.append(mine)
        return [forged(query, n & 0xFFFF) for n in others] + [forged(query, mine)] * 3

    server.script("x.test", Script(flood, stream=lambda query, reply: [reply], tcp=False))
    for _ in range(3):
        outcome = ask(engine, (A,))[0]
        assert [one.data for one in outcome.records] == [GOOD]
        assert outcome.question == A
    assert len(floods) == 3  # each was seen through at once: nothing went out by UDP again
    assert "0 in flight" in repr(engine)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("at_once", [1, 8])
@pytest.mark.parametrize("name", ["ares", "python"])
def test_a_forger_of_all_ids_in_a_process_of_his_own(name, at_once):
    """``python -m tests.resolver.flood`` is the same, longer."""
    right, believed, _ = flood.outcomes(name, at_once * 2, at_once, late=0.2)
    assert (right, believed) == (at_once * 2, 0)


def test_the_port_is_given_up(server):
    """Who has found a port out finds nothing there any more: what is asked next leaves from another."""
    server.script("x.test", Script(lambda q, r: [forged(q, n) for n in range(200)], tcp=False, times=1))
    for name in ("ares", "python"):
        server.queries.clear()
        engine = make_engine(name, Config(servers=(Server("127.0.0.1", server.port),), timeout=5.0))
        ask(engine, (A,))
        ask(engine, (Question("n1.test", 1),))
        ports = [one.port for one in server.queries if not one.tcp]
        assert len(set(ports)) == len(ports) == 2
        engine.close()
        server.script("x.test", Script(lambda q, r: [forged(q, n) for n in range(200)], tcp=False, times=1))


@pytest.mark.parametrize("name", ["ares", "python"])
def test_a_port_serves_64_questions(server, name):
    engine = make_engine(name, Config(servers=(Server("127.0.0.1", server.port),), timeout=5.0))
    for _ in range(7):
        ask(engine, [Question(f"n{n}.test", 1) for n in range(50)])
    engine.close()
    ports = [one.port for one in server.queries]
    assert max(ports.count(one) for one in set(ports)) <= 64


def asked_by(tuning):
    exchange = Exchange(Config(servers=(ONE,), timeout=2.0, attempts=2), tuning, 100.0, lambda count: b"\xff" * count)
    query = Query(A, print, None)
    assert exchange.begin(query, 100.0) == 0
    query.sent, query.link = 100.0, object()
    return exchange, query


def reply_to(exchange, query, name=None):
    body = exchange.body(query, query.state, 100.0)
    tail = query.tail if name is None else name
    return b"\0\1\x81\x80\0\1\0\1\0\0\0\0" + tail + b"\xc0\x0c\0\1\0\1\0\0\1\0\0\4\12\0\0\1" if body else b""


def test_500_datagrams_in_the_wrong_case_are_one_question_over_tcp():
    exchange, query = asked_by(Tuning(mixed_case=True))
    wrong = reply_to(exchange, query, query.tail.swapcase()[:-4] + query.tail[-4:])
    verdicts = [exchange.reply(query, wrong, 100.1, False, query.state) for _ in range(500)]
    assert verdicts == [AGAIN] + [None] * 499
    right = reply_to(exchange, query)
    assert exchange.reply(query, right, 100.2, False, query.state) is None  # a late guess that is right
    assert isinstance(exchange.reply(query, right, 100.3, True, query.state), Answer)


@pytest.mark.parametrize(
    "near",
    [
        lambda good: good[:13] + b"y" + good[14:],  # another name
        lambda good: good[:-8],  # cut within its record
    ],
)
def test_near_misses_end_the_tries_over_udp(near):
    exchange, query = asked_by(Tuning())
    good = reply_to(exchange, query)
    verdicts = [exchange.reply(query, near(good), 100.1, False, query.state) for _ in range(40)]
    assert verdicts.count(AGAIN) == 1
    assert exchange.reply(query, good, 100.2, False, query.state) is None
    assert isinstance(exchange.reply(query, good, 100.3, True, query.state), Answer)


def test_wrong_cookies_are_near_misses():
    exchange, query = asked_by(Tuning(cookies=True))
    exchange.body(query, query.state, 100.0)
    query.state.server_cookie = b"x" * 8
    query.state.cookie_at = 100.0
    option = b"\0\0\x29\4\xd0\0\0\0\0\0\x14\0\x0a\0\x10" + b"z" * 16
    wrong = reply_to(exchange, query)
    wrong = wrong[:11] + b"\1" + wrong[12:] + option
    verdicts = [exchange.reply(query, wrong, 100.1, False, query.state) for _ in range(40)]
    assert verdicts.count(AGAIN) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("name", ["ares", "python"])
def test_parent_and_child_have_other_ids_and_ports(server, name):
    engine = make_engine(name, Config(servers=(Server("127.0.0.1", server.port),), timeout=5.0))
    ids = []
    server.script("x.test", Script(lambda q, r: [ids.append(q[:2]) or r]))
    ask(engine, (A,))
    child = os.fork()
    if not child:
        done = 1
        try:
            done = sum(not isinstance(one, Answer) for one in ask(engine, (A,) * 8))
        finally:
            os._exit(done)
    assert os.waitpid(child, 0)[1] == 0
    assert all(isinstance(one, Answer) for one in ask(engine, (A,) * 8))
    engine.close()
    assert len(ids) == 17
    assert len(set(ids[1:9]) & set(ids[9:])) <= 1  # by chance, once in 1,000 times
    ports = [one.port for one in server.queries]
    assert not set(ports[1:9]) & set(ports[9:])


# -- after a pause ---------------------------------------------------------------------------------------------

SOON = Config(timeout=0.15, attempts=2)


def test_a_hub_that_was_blocked_reads_first(server):
    """Longer than every time-out: what lies in the sockets by then is believed, on each engine."""
    for name in ("ares", "python"):
        names = [f"n{n}.test" for n in range(50)]
        for one in names:
            server.script(one, Delay(0.02, times=1))
        engine = make_engine(name, Config(servers=(Server("127.0.0.1", server.port),), timeout=0.15, attempts=2))
        asking = [spawn(ask, engine, (Question(one, 1),)) for one in names]
        wait_all_parked()
        time.sleep(0.7)
        joinall(asking)
        outcomes = [one.get()[0] for one in asking]
        engine.close()
        assert [one for one in outcomes if not isinstance(one, Answer)] == []


def test_a_process_that_was_stopped_reads_first(server):
    for name in ("ares", "python"):
        for n in range(50):
            server.script(f"n{n}.test", Delay(0.05, times=1))
        child = os.fork()
        if not child:
            failed = 99
            try:
                config = Config(servers=(Server("127.0.0.1", server.port),), timeout=0.2, attempts=2)
                engine = make_engine(name, config)
                asking = [spawn(ask, engine, (Question(f"n{n}.test", 1),)) for n in range(50)]
                joinall(asking)
                failed = sum(not isinstance(one.get()[0], Answer) for one in asking)
            finally:
                os._exit(failed)
        while len(server.queries) < 50:
            time.sleep(0.002)
        os.kill(child, signal.SIGSTOP)
        time.sleep(0.6)
        os.kill(child, signal.SIGCONT)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, name
        server.queries.clear()


def right_answers(name, servers, pause):
    """How many of 8 lookups are right in this process, with a pause after they were asked."""
    chosen = resolver.make(name, servers=servers, timeout=1, attempts=1)
    asking = [spawn(outcome_of, chosen.getaddrinfo, f"n{n}.test", 80, _socket.AF_INET, 1) for n in range(8)]
    wait_all_parked()
    pause()
    joinall(asking)
    found = [one.get() for one in asking]
    chosen.close()
    return sum(found[n] == [[2, 1, 6, "", [f"10.0.1.{n}", 80]]] for n in range(8))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("how", ["stopped", "its hub blocked"])
def test_as_many_right_answers_as_libc_gives(server, how):
    """One try of a second each; the answers come after 0.3 s, and the process looks after 1.6 s. Side by side."""
    for n in range(8):
        server.script(f"n{n}.test", Delay(0.3))
    pause = (lambda: time.sleep(1.6)) if how == "its hub blocked" else (lambda: None)
    children = {}
    for name in ("thread", "ares", "python"):
        children[name] = child = os.fork()
        if not child:
            right = 99
            try:
                right = right_answers(name, server.servers, pause)
            finally:
                os._exit(right)
    if how == "stopped":
        while len(server.queries) < 3 * 8:
            time.sleep(0.002)
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for child in children.values():
                os.kill(child, number)
            time.sleep(1.5 * (number == signal.SIGSTOP))
    right = {name: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for name, child in children.items()}
    assert right == {"thread": 8, "ares": right["thread"], "python": right["thread"]}
    assert len(server.queries) == 3 * 8  # nothing had to be asked again


def test_a_deadline_that_nothing_came_before_is_believed():
    one, two = _socket.socketpair()
    sleep(0)
    began = time.monotonic()
    time.sleep(0.15)
    sleep(0.01)
    assert time.monotonic() - began < 1
    one.close()
    two.close()


# -- peers that never end --------------------------------------------------------------------------------------


def asked_over_tcp(server, stream):
    """What a lookup comes to over TCP, one try of it."""
    server.script("x.test", Script(lambda q, r: [r], stream=stream, times=1))
    config = Config(servers=(Server("127.0.0.1", server.port),), timeout=5.0, attempts=1, use_vc=True)
    engine = make_engine("python", config)
    outcome = ask(engine, (A,))[0]
    engine.close()
    return outcome


@pytest.mark.parametrize(("count", "given_up"), [(links._MOST_FOREIGN, False), (links._MOST_FOREIGN + 1, True)])
def test_foreign_messages_over_tcp_have_a_bound(server, count, given_up):
    def stream(query, reply):
        foreign = b"\0\x0c" + bytes((query[0] ^ 1, query[1])) + b"\x81\x80" + bytes(8)
        return [Sent(foreign * count, raw=True), Sent(reply, after=0.1)]

    outcome = asked_over_tcp(server, stream)
    if given_up:
        assert outcome.kind is Kind.NETWORK
        assert "nobody asked for" in outcome.explain()
    else:
        assert [one.data for one in outcome.records] == [GOOD]


def test_a_connection_that_brings_what_nobody_asked_for_is_closed(server):
    """Nothing is in flight any more: the first message that comes then is the last."""
    server.script("x.test", Script(lambda q, r: [r], stream=lambda q, r: [r, Sent(r, after=0.05)]))
    config = Config(servers=(Server("127.0.0.1", server.port),), timeout=5.0, attempts=1, use_vc=True)
    engine = make_engine("python", config)
    assert isinstance(ask(engine, (A,))[0], Answer)
    (link,) = engine._streams.values()
    for _ in range(400):
        sleep(0.005)
        if link.closed:
            break
    assert link.closed
    assert not engine._streams
    engine.close()


class Answering:
    """A layer that has 256 KiB to say to whatever comes, as one of HTTP/2 has to pings."""

    def __init__(self):
        self.out = bytearray()

    def received(self, data):
        self.out += bytes(1 << 18)
        return []


def test_what_a_peer_makes_us_send_and_does_not_read_has_a_bound():
    listener = _socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    failed = []
    hub = get_hub()
    driver = SimpleNamespace(
        runtime=HubRuntime(),
        tuning=Tuning(),
        now=hub.now,
        link_failed=lambda link, error: (failed.append(str(error)), link.close()),
    )
    state = SimpleNamespace(server=Server(*listener.getsockname()))
    link = links.StreamLink(driver, state, hub.now(), Answering())
    fd, _ = listener._accept()
    peer = _socket.socket(fileno=fd)
    for _ in range(200):  # the kernel takes some megabytes before anything stays with us
        peer.send(b"x")
        sleep(0.001)
        if failed:
            break
    peer.close()
    listener.close()
    assert failed == ["[Errno 103] the server sends what nobody asked for"]
    assert link.closed
    assert links._MOST_OUT < len(link.layer.out) <= links._MOST_OUT + (1 << 18)
