"""The python engine on real sockets: ports and ids, late answers, streams, and what it leaves behind."""

import _socket
import errno
import os
import sys
import time

import pytest

from celadon.hub import get_hub, joinall, kill, sleep, spawn
from celadon.resolver import Answer, Config, Kind, QueryOptions, Question, ResolveError, Server
from celadon.resolver.dns.exchange import Tuning
from celadon.resolver.engines.python import udp_tcp
from celadon.resolver.engines.python.python_engine import make
from celadon.resolver.engines.python.udp_tcp import bursts
from celadon.resolver.resolvers.stub import ask
from celadon.resolver.testing import Delay, Drop, NameServer, Script, Truncate, synthetic_address

A = Question("a.test", 1)


RECORDS = [
    ("a.test", "A", "192.0.2.1"),
    ("*.many.test", "A", "192.0.2.2"),
]


def engine_for(*servers, tuning=None, **config):
    return make(
        Config(
            servers=tuple(Server("127.0.0.1", one.port) if isinstance(one, NameServer) else one for one in servers),
            **{"timeout": 0.4, "attempts": 2, **config},
        ),
        tuning,
    )


@pytest.fixture
def engine(server):
    made = engine_for(server)
    yield made
    made.close()


def address(outcome):
    assert isinstance(outcome, Answer), outcome
    return [one.data for one in outcome.records]


def test_an_answer_later_than_its_try_still_counts(server, engine):
    server.script("a.test", Delay(0.6, 1), Drop())
    outcome = ask(engine, (A,))[0]
    assert address(outcome) == ["192.0.2.1"]
    assert server.count("a.test") == 2


@pytest.mark.parametrize("uses", [1000, 120])  # with 120 the second tries leave from another port
def test_late_answers_to_second_tries_are_not_taken_for_guesses(server, uses):
    """What was asked twice is answered twice: as many as they are, nobody else is sent to TCP for them."""
    engine = engine_for(server, tuning=Tuning(adaptive_timeout=False, uses=uses), attempts=4)
    names = [f"h{n}.many.test" for n in range(100)]
    for name in names:
        server.script(name, Delay(0.6))
    server.script("a.test", Drop(3))  # is in flight while they come
    outcomes = ask(engine, (A, *(Question(name, 1) for name in names)))
    engine.close()
    assert all(isinstance(one, Answer) for one in outcomes)
    assert server.count("h0.many.test") == 2
    assert not any(one.tcp for one in server.queries)


@pytest.mark.parametrize(
    "change",
    {
        "300 other ids": lambda q, r: [*(bytes((r[0] ^ 1 + n % 250, r[1])) + r[2:] for n in range(300)), r],
        "no question": lambda q, r: [r[:4] + b"\0\0" + r[6:12] + r[24:], r],
        "two questions": lambda q, r: [r[:5] + b"\2" + r[6:24] + r[12:], r],
        "no reply bit": lambda q, r: [r[:2] + b"\1" + r[3:-4] + b"\6\6\6\6", r],
        "another opcode": lambda q, r: [r[:2] + b"\xa8" + r[3:-4] + b"\6\6\6\6", r],
        "empty": lambda q, r: [b"", r],
        "four bytes": lambda q, r: [r[:4], r],
        "rubbish body": lambda q, r: [r[:24] + os.urandom(60), r],
        "upper case": lambda q, r: [r[:12] + r[12:20].upper() + r[20:]],
        "trailing bytes": lambda q, r: [r + b"trailing"],
        "forged truncation": lambda q, r: [bytes((r[0] ^ 1, r[1], r[2] | 2)) + r[3:], r],
        "OPT in the answer": lambda q, r: [r[:7] + b"\1\0\0\0\0" + r[12:24] + b"\0\0\x29\4\xd0\0\0\0\0\0\0", r],
    }.items(),
    ids=lambda pair: pair[0],
)
def test_faults(server, engine, change):
    server.script("a.test", Script(change[1], tcp=False))
    assert address(ask(engine, (A,))[0]) == ["192.0.2.1"]


@pytest.mark.parametrize("rcode", [1, 4])
@pytest.mark.parametrize("question", [True, False])
def test_a_server_without_edns(server, engine, rcode, question):
    def refuse(query, reply):
        if query[11] == 0:
            return [reply]
        return [query[:2] + b"\x81" + bytes((0x80 | rcode, 0, question)) + b"\0" * 6 + (query[12:24] * question)]

    server.script("a.test", Script(refuse))
    for _ in range(2):
        assert address(ask(engine, (A,))[0]) == ["192.0.2.1"]
    assert len(server.queries) == 3  # remembered


def test_a_server_that_drops_edns(server, engine):
    server.script("a.test", Script(lambda q, r: [r] if q[11] == 0 else []))
    for _ in range(3):
        assert address(ask(engine, (A,))[0]) == ["192.0.2.1"]
    assert len(server.queries) == 5


def test_ids_and_ports_are_many(server):
    engine = engine_for(server, tuning=Tuning(uses=16))
    seen = set()
    server.script("a.test", Script(lambda q, r: [seen.add(q[:2]) or r]))
    for _ in range(20):
        for one in ask(engine, (A,) * 16):
            assert isinstance(one, Answer)
    ports = {one.port for one in server.queries}
    assert len(ports) >= 18  # the kernel may give one twice: 0.7 % of runs
    assert len(seen) > 300
    assert max(sum(1 for one in server.queries if one.port == port) for port in ports) <= 32
    engine.close()


def test_the_ids_are_evenly_spread():
    """Chi-square over the high bytes of what the pool gives: it fails by chance once in a million runs."""
    with NameServer(synthetic=True) as server:
        engine = engine_for(server)
        ids = []
        real = engine._send

        def noting(query, state, now):
            link, name = real(query, state, now)
            ids.append(name)
            return link, name

        engine._send = noting
        for n in range(40):
            ask(engine, tuple(Question(f"n{n}-{m}.test", 1) for m in range(200)))
        engine.close()
    for byte in (0, 1):
        counts = [0] * 256
        for one in ids:
            counts[one[byte]] += 1
        expected = len(ids) / 256
        assert sum((count - expected) ** 2 / expected for count in counts) < 390  # 255 degrees of freedom, p < 1e-6


def test_what_leaves_together_is_of_one_length():
    given = {2: [b"aa", b"cc", b"dd", b"ff"], 3: [b"bbb", b"eee"]}
    assert list(bursts(given, 3)) == [[b"aa", b"cc", b"dd"], [b"ff"], [b"bbb", b"eee"]]
    assert list(bursts(given, 1)) == [[b"aa"], [b"cc"], [b"dd"], [b"ff"], [b"bbb"], [b"eee"]]
    assert list(bursts({}, 64)) == []


def many(engine):
    """Questions of several lengths, asked in one turn, each with its own answer."""
    given = tuple(Question(f"{'x' * (n % 3)}{n}.test", 1) for n in range(300))
    for question, outcome in zip(given, ask(engine, given), strict=True):
        assert address(outcome) == [synthetic_address(question.name)]


def sockets(monkeypatch, kind):
    """Have the engine use another class of sockets."""
    real = udp_tcp.connected

    def connected(server, what, source=None):
        plain = real(server, what, source)
        return kind(fileno=plain.detach())

    monkeypatch.setattr(udp_tcp, "connected", connected)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux cuts packets for us")
def test_many_datagrams_leave_by_few_calls(monkeypatch):
    calls = []

    class Counting(_socket.socket):
        def send(self, data):
            calls.append(1)
            return super().send(data)

        def sendmsg(self, buffers, ancillary):
            calls.append(len(buffers[0]) // int.from_bytes(ancillary[0][2], sys.byteorder))
            return super().sendmsg(buffers, ancillary)

    sockets(monkeypatch, Counting)
    with NameServer(synthetic=True) as server:
        engine = engine_for(server)
        many(engine)
        engine.close()
    assert sum(calls) == 300
    assert len(calls) < 40


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux cuts packets for us")
def test_a_kernel_that_cannot_cut_packets(monkeypatch):
    class Unsummed(_socket.socket):
        def __init__(self, fileno):
            super().__init__(fileno=fileno)
            self.setsockopt(_socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK: Linux cuts no packets without checksums

    sockets(monkeypatch, Unsummed)
    with NameServer(synthetic=True) as server:
        engine = engine_for(server)
        many(engine)
        assert engine.segments == 1
        many(engine)
        assert engine.exchange.timeouts == 0
        engine.close()


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.EPERM, errno.ENOBUFS])
def test_the_kernel_does_not_take_a_datagram(monkeypatch, code):
    class Refusing(_socket.socket):
        left = 5

        def refuse(self):
            if Refusing.left:
                Refusing.left -= 1
                raise OSError(code, os.strerror(code))

        def send(self, data):
            self.refuse()
            return super().send(data)

        def sendmsg(self, buffers, ancillary):
            self.refuse()
            return super().sendmsg(buffers, ancillary)

    sockets(monkeypatch, Refusing)
    with NameServer(synthetic=True) as server:
        engine = engine_for(server, attempts=6)
        many(engine)
        engine.close()
    assert Refusing.left == 0


def test_the_last_question_runs_out_of_time_beside_one_that_was_answered(server):
    """Found in bulk runs: the buckets are gone with the last question, while the timer still goes through them."""
    engine = engine_for(server, attempts=1, timeout=0.1)
    failures = []
    get_hub().exception_handler = lambda who, error: failures.append(error)
    server.add("dead.test", "A", "192.0.2.1")
    server.script("dead.test", Drop())
    ended = []
    engine.submit(Question("dead.test", 1), ended.append)
    sleep(0.02)
    assert address(ask(engine, (A,))[0]) == ["192.0.2.1"]
    time.sleep(0.15)  # the hub is late, and finds both of them due
    sleep(0.05)
    assert [one.kind for one in ended] == [Kind.TIMEOUT]
    assert failures == []
    engine.close()


def test_tcp_is_pipelined_and_reused(server, engine):
    server.script("a.test", Truncate())
    options = QueryOptions(tcp=True)
    for _ in range(3):
        outcomes = ask(engine, (A, *(Question(f"{n}.many.test", 1, options=options) for n in range(20))))
        assert address(outcomes[0]) == ["192.0.2.1"]
        assert all(one.tcp for one in outcomes)
    assert len({one.port for one in server.queries if one.tcp}) == 1


def test_a_connection_that_the_server_closed_is_made_anew():
    with NameServer() as server:
        server.add("a.test", "A", "192.0.2.1")
        engine = engine_for(server, use_vc=True)
        assert address(ask(engine, (A,))[0]) == ["192.0.2.1"]
        port = server.port
    sleep(0.01)
    with NameServer(port=port) as server:
        server.add("a.test", "A", "192.0.2.1")
        assert address(ask(engine, (A,))[0]) == ["192.0.2.1"]
    engine.close()


def test_tcp_one_byte_at_a_time_and_foreign_ids_first():
    listener = _socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    engine = engine_for(Server(*listener.getsockname()), use_vc=True, attempts=1, timeout=2.0)
    asking = spawn(ask, engine, (A,))
    while not asking.dead:
        sleep(0.005)
        fd, _ = listener._accept()
        stream = _socket.socket(fileno=fd)
        query = stream.recv(500)[2:]
        reply = b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:24] + b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\xc0\0\2\1"
        wrong = bytes((query[0] ^ 1, query[1])) + reply
        for byte in b"".join(len(one).to_bytes(2, "big") + one for one in (wrong, query[:2] + reply)):
            stream.send(bytes((byte,)))
            sleep(0)
        asking.join(1)
        stream.close()
    assert address(asking.get()[0]) == ["192.0.2.1"]
    engine.close()
    listener.close()


def test_a_dead_server_costs_nothing_once_it_is_known(server):
    engine = engine_for(Server("127.0.0.1", 1), server)
    for _ in range(5):
        assert address(ask(engine, (A,))[0]) == ["192.0.2.1"]
    assert engine.exchange.servers[0].down
    engine.close()


def test_a_server_that_comes_back_is_found(server):
    engine = engine_for(server, Server("127.0.0.1", 1), timeout=0.1)
    server.script("a.test", Drop(6))
    for _ in range(3):
        ask(engine, (A,))
    first = engine.exchange.servers[0]
    assert first.down
    first.down_until = 0.0  # its penalty is over
    with NameServer() as second:
        second.add("a.test", "A", "192.0.2.1")
        while first.down:
            ask(engine, (A,))
            sleep(0.01)
            first.down_until = 0.0
    engine.close()


def test_ten_thousand_greenlets_and_a_black_hole():
    """R26: what is in flight is bounded, the rest waits in line, and fds stay few."""
    hole = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    hole.bind(("127.0.0.1", 0))
    engine = engine_for(Server(*hole.getsockname()), timeout=30.0, tuning=Tuning(in_flight=500))
    fds = len(os.listdir("/proc/self/fd"))
    asking = [spawn(ask, engine, (Question(f"n{n}.test", 1),)) for n in range(10_000)]
    sleep(0.05)
    while "500 in flight" not in repr(engine):
        sleep(0.01)
    assert len(os.listdir("/proc/self/fd")) - fds < 20
    for one in asking:
        kill(one, block=False)
    joinall(asking)
    assert "0 in flight" in repr(engine)
    assert len(get_hub().timers) == 0
    engine.close()
    hole.close()


def test_the_line_moves_at_its_rate():
    with NameServer(synthetic=True) as server:
        engine = engine_for(server, tuning=Tuning(rate=400.0))
        began = get_hub().now()
        outcomes = ask(engine, tuple(Question(f"n{n}.test", 1) for n in range(100)))
        took = get_hub().now() - began
        assert [address(one) for one in outcomes] == [[synthetic_address(f"n{n}.test")] for n in range(100)]
        assert took > 0.15
        engine.close()


def test_cancelled_in_the_line_and_in_flight(server):
    server.script("a.test", Drop())
    engine = engine_for(server, tuning=Tuning(in_flight=1))
    seen = []
    cancels = [engine.submit(A, seen.append) for _ in range(3)]
    for cancel in reversed(cancels):
        cancel()
        cancel()
    assert len(get_hub().timers) == 0
    assert address(ask(engine, (Question("x.many.test", 1),))[0]) == ["192.0.2.2"]
    assert seen == []
    engine.submit(A, seen.append)
    engine.submit(A, seen.append)
    engine.close()
    sleep(0)
    assert [one.kind for one in seen] == [Kind.CANCELLED] * 2


def test_no_answer_is_one_error_with_what_was_tried(server, engine):
    server.script("a.test", Drop())
    outcome = ask(engine, (A,))[0]
    assert isinstance(outcome, ResolveError)
    assert outcome.kind is Kind.TIMEOUT
    assert len(outcome.tried) == 2
    assert outcome.server == f"127.0.0.1#{server.port}"
