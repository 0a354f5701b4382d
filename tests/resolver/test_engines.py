"""Every engine gives the same answers, keeps the contract, and leaves nothing behind."""

import pytest

from celadon.hub import Timeout, get_hub, joinall, move_on_after, sleep, spawn
from celadon.resolver import Answer, Config, Kind, Question, ResolveError, Server
from celadon.resolver.engines.static import make_static
from celadon.resolver.front import ask
from celadon.resolver.registry import make_engine
from celadon.resolver.testing import (
    Delay,
    Drop,
    Duplicate,
    Formerr,
    Garbage,
    NameServer,
    Refused,
    Servfail,
    Truncate,
    WrongId,
    WrongQuestion,
    WrongSource,
)

ZONE = {
    "a.test": {"A": ["192.0.2.1"], "MX": ["10 mx.test."], "TXT": ['"hello world"']},
    "six.test": {"AAAA": ["2001:db8::1"]},
    "alias.test": {"CNAME": ["a.test."]},
    "far.test": {"CNAME": ["alias.test."]},
    "1.2.0.192.in-addr.arpa": {"PTR": ["a.test."]},
    "_s._tcp.test": {"SRV": ["1 2 53 a.test."]},
}


@pytest.fixture
def server():
    with NameServer() as made:
        for name, node in ZONE.items():
            for kind, data in node.items():
                for one in data:
                    made.add(name, kind, one)
        yield made


@pytest.fixture(params=["ares", "python", "static"])
def engine(request, server):
    if request.param == "static":
        made = make_static(ZONE)
    else:
        made = make_engine(request.param, Config(servers=(Server("127.0.0.1", server.port),), timeout=0.3, attempts=2))
    yield made
    made.close()


@pytest.fixture(params=["ares", "python"])
def dns(request, server):
    made = make_engine(request.param, Config(servers=(Server("127.0.0.1", server.port),), timeout=0.3, attempts=2))
    yield made
    made.close()


def records(outcome):
    assert isinstance(outcome, Answer), outcome
    return outcome.rcode, [(one.name, int(one.rdtype), one.data) for one in outcome.records]


@pytest.mark.parametrize(
    ("name", "rdtype", "expected"),
    [
        ("a.test", 1, (0, [("a.test", 1, "192.0.2.1")])),
        ("A.tEST", 1, (0, [("A.tEST", 1, "192.0.2.1")])),
        ("a.test", 28, (0, [])),
        ("a.test", 15, (0, [("a.test", 15, "10 mx.test.")])),
        ("a.test", 16, (0, [("a.test", 16, '"hello world"')])),
        ("six.test", 28, (0, [("six.test", 28, "2001:db8::1")])),
        ("nx.test", 1, (3, [])),
        ("1.2.0.192.in-addr.arpa", 12, (0, [("1.2.0.192.in-addr.arpa", 12, "a.test.")])),
        ("_s._tcp.test", 33, (0, [("_s._tcp.test", 33, "1 2 53 a.test.")])),
        (
            "far.test",
            1,
            (0, [("far.test", 5, "alias.test."), ("alias.test", 5, "a.test."), ("a.test", 1, "192.0.2.1")]),
        ),
    ],
)
def test_answers(engine, name, rdtype, expected):
    rcode, found = records(ask(engine, (Question(name, rdtype),))[0])
    assert (rcode, [(owner.lower(), kind, data) for owner, kind, data in found]) == (
        expected[0],
        [(owner.lower(), kind, data) for owner, kind, data in expected[1]],
    )


def test_done_is_never_called_inside_submit_nor_after_cancel(engine):
    seen = []
    engine.submit(Question("a.test", 1), seen.append)
    cancel = engine.submit(Question("a.test", 1), lambda outcome: seen.append("cancelled one"))
    cancel()
    cancel()
    assert seen == []
    with move_on_after(2):
        while not seen:
            sleep(0.001)
    sleep(0.01)
    assert len(seen) == 1


def test_close_tells_who_waits(engine):
    seen = []
    engine.submit(Question("a.test", 1), seen.append)
    engine.close()
    engine.close()
    sleep(0)
    sleep(0)
    assert [type(one) for one in seen] == [ResolveError]
    assert seen[0].kind is Kind.CANCELLED
    with pytest.raises(ResolveError):
        engine.submit(Question("a.test", 1), seen.append)


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64 + ".test", ".".join(["abcdefg"] * 40)])
def test_what_cannot_be_on_the_wire(dns, name):
    if name == "":
        assert records(ask(dns, (Question("", 1),))[0])[1] == []  # the root
        return
    with pytest.raises(ResolveError) as caught:
        dns.submit(Question(name, 1), print)
    assert caught.value.kind is Kind.ILLEGAL


@pytest.mark.parametrize(
    ("script", "tcp"),
    [
        (Delay(0.05), False),
        (Duplicate(), False),
        (WrongSource(), False),
        (Truncate(), True),
        (Servfail(1), False),
        (Formerr(1), False),
        (Drop(1), False),
    ],
)
def test_faults_that_every_engine_survives(dns, server, script, tcp):
    server.script("a.test", script)
    assert records(ask(dns, (Question("a.test", 1),))[0]) == (0, [("a.test", 1, "192.0.2.1")])
    if tcp:
        assert server.queries[-1].tcp


@pytest.mark.parametrize("script", [WrongId(), WrongQuestion(), Garbage(), Garbage(b"")])
def test_forged_replies_are_ignored_by_the_python_engine(server, script):
    engine = make_engine("python", Config(servers=(Server("127.0.0.1", server.port),), timeout=0.5))
    server.script("a.test", script)
    assert records(ask(engine, (Question("a.test", 1),))[0]) == (0, [("a.test", 1, "192.0.2.1")])
    engine.close()


def test_refused_is_an_answer_and_silence_an_error(dns, server):
    server.script("a.test", Refused())
    assert records(ask(dns, (Question("a.test", 1),))[0]) == (5, [])
    server.script("six.test", Drop())
    outcome = ask(dns, (Question("six.test", 28),))[0]
    assert isinstance(outcome, ResolveError)
    assert outcome.kind is Kind.TIMEOUT


def test_a_dead_server_then_a_living_one(server):
    for name in ("ares", "python"):
        engine = make_engine(
            name, Config(servers=(Server("127.0.0.1", 1), Server("127.0.0.1", server.port)), timeout=0.5)
        )
        assert records(ask(engine, (Question("a.test", 1),))[0])[1] == [("a.test", 1, "192.0.2.1")]
        engine.close()


def test_twenty_slow_ones_take_the_time_of_one(dns, server):
    server.script("a.test", Delay(0.1))
    with Timeout(1):
        joinall([spawn(ask, dns, (Question("a.test", 1),)) for _ in range(20)], raise_error=True)


def test_a_kill_leaves_no_query_and_no_fd(dns, server):
    server.script("a.test", Drop())
    asking = spawn(ask, dns, (Question("a.test", 1), Question("a.test", 28)))
    sleep(0.01)
    asking.kill()
    assert len(get_hub().timers) == 0
    assert "0 in flight" in repr(dns)
