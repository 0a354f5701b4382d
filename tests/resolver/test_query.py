"""``query`` and its helpers: any type, all facts of a reply, errors by kind, on each engine alike."""

import random
from collections import Counter

import dns.rdtypes.ANY.MX
import pytest

from celadon import resolver
from celadon.hub import get_hub
from celadon.resolver import Kind, Mx, Record, ResolveError, Srv
from celadon.resolver.answers.cname import pruned
from celadon.resolver.model import Answer, Question
from celadon.resolver.query_answer import QueryAnswer, srv_order, told
from celadon.resolver.testing import Drop, NameServer, Refused, Script, Servfail

ENGINES = ["ares", "python"]


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


@pytest.fixture
def server(engine):
    with NameServer() as made:
        for name, rdtype, data in (
            ("a.test", "A", "192.0.2.1"),
            ("a.test", "MX", "20 late.test."),
            ("a.test", "MX", "10 mx.test."),
            ("none.test", "MX", "0 ."),
            ("a.test", "TXT", '"v=spf1 " "-all"'),
            ("a.test", "TXT", r'"\255\000 \"q\""'),
            ("alias.test", "CNAME", "a.test."),
            ("1.2.0.192.in-addr.arpa", "PTR", "a.test."),
            ("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "PTR", "six.test."),
            ("_s._tcp.test", "SRV", "2 0 53 far.test."),
            ("_s._tcp.test", "SRV", "1 0 53 near.test."),
            ("_off._tcp.test", "SRV", "0 0 0 ."),
            ("web.test", "HTTPS", "2 other.test. alpn=h3 no-default-alpn"),
            ("web.test", "HTTPS", "1 . alpn=h2 port=8443 ipv4hint=192.0.2.7 ipv6hint=2001:db8::7"),
            ("web.test", "HTTPS", "1 new.test. mandatory=key667 key667=x"),
            ("see.test", "HTTPS", "0 web.test."),
            ("_444._https.see.test", "HTTPS", "0 see.test."),
            ("round.test", "HTTPS", "0 round.test."),
            ("nowhere.test", "HTTPS", "0 ."),
        ):
            made.add(name, rdtype, data)
        resolver.use(engine, servers=made.servers, timeout=0.3, attempts=1)
        yield made


def test_the_facts_of_a_reply(server):
    got = resolver.query("Alias.test.", "mx")
    assert isinstance(got, Answer)
    assert got.canonical == "a.test"
    assert sorted(got.data) == ["10 mx.test.", "20 late.test."]
    assert {type(one) for one in got} == {dns.rdtypes.ANY.MX.MX}
    assert len(got) == 2
    assert (got.rcode, got.ttl, got.server) == (0, 300, server.servers[0].replace(":", "#"))
    assert got.flags & 0x8180
    assert got.rtt > 0
    assert not got.cached
    again = resolver.query("ALIAS.test", 15)
    assert again.cached
    assert again.data == got.data
    assert again.flags == got.flags
    assert server.count("alias.test") == 1


def test_errors_by_kind(server):
    server.add("fail.test", "A", "192.0.2.2")
    server.add("refuse.test", "A", "192.0.2.3")
    server.add("drop.test", "A", "192.0.2.4")
    server.script("fail.test", Servfail())
    server.script("refuse.test", Refused())
    server.script("drop.test", Drop())
    for name, kind, number in (
        ("nx.test", Kind.NXDOMAIN, -2),
        ("sub.a.test", Kind.NXDOMAIN, -2),
        ("1.2.0.192.in-addr.arpa", Kind.NODATA, -5),
        ("fail.test", Kind.SERVFAIL, -3),
        ("refuse.test", Kind.REFUSED, -3),
        ("drop.test", Kind.TIMEOUT, -3),
        ("a..test", Kind.ILLEGAL, -2),
    ):
        with pytest.raises(ResolveError) as caught:
            resolver.query(name)
        error = caught.value
        assert (error.kind, error.errno, error.name) == (kind, number, name)
        assert (error.answer is None) == (kind in (Kind.TIMEOUT, Kind.ILLEGAL))
        assert error.fresh().answer is error.answer


def test_options(server):
    with NameServer() as other:
        other.add("a.test", "A", "192.0.2.9")
        assert resolver.query("a.test", server=other.servers[0]).data == ("192.0.2.9",)
    assert resolver.query("a.test").data == ("192.0.2.1",)
    assert resolver.query("a.test", tcp=True).tcp
    assert resolver.query("a.test", dnssec=True).edns.dnssec
    server.script("a.test", Drop())
    begin = get_hub().now()
    with pytest.raises(ResolveError) as caught:
        resolver.query("a.test", "AAAA", deadline=0.05)
    assert caught.value.kind is Kind.TIMEOUT
    assert get_hub().now() - begin < 0.29
    for bad in ({"server": "nowhere"}, {"rrtype": "NONSENSE"}, {"rclass": "XX"}, {"deadline": 0}, {"rclass": -1}):
        with pytest.raises(resolver.ResolverConfigError):
            resolver.query("a.test", **bad)


def test_a_class_of_its_own(server):
    with pytest.raises(ResolveError) as caught:
        resolver.query("version.bind", "TXT", rclass="CH")
    assert caught.value.answer is not None
    assert caught.value.answer.question.rdclass == 3


def test_helpers(server):
    assert resolver.mx("alias.test") == (Mx(10, "mx.test"), Mx(20, "late.test"))
    assert resolver.mx("none.test") == ()
    assert set(resolver.txt("a.test")) == {b"v=spf1 -all", b'\xff\0 "q"'}
    assert resolver.reverse("192.0.2.1") == ("a.test",)
    assert resolver.reverse("2001:DB8::1") == ("six.test",)
    assert resolver.srv("_s._tcp.test") == (Srv(1, 0, 53, "near.test"), Srv(2, 0, 53, "far.test"))
    assert resolver.srv("_off._tcp.test") == ()
    with pytest.raises(ResolveError) as caught:
        resolver.reverse("a.test")
    assert caught.value.kind is Kind.ARGUMENT


def test_how_an_https_origin_is_reached(server):
    near, far = resolver.https("web.test")
    assert near == (1, "web.test", ("h2", "http/1.1"), 8443, ("192.0.2.7",), ("2001:db8::7",), None, ())
    assert far == (2, "other.test", ("h3",), None, (), (), None, ())
    assert resolver.https("see.test") == (near, far)
    assert resolver.https("see.test", 444) == (near, far)
    assert resolver.https("round.test") == ()
    assert server.count("round.test") <= 8
    assert resolver.https("nowhere.test") == ()


def test_libc_cannot_be_queried():
    resolver.use("thread")
    with pytest.raises(ResolveError) as caught:
        resolver.query("a.test", "MX")
    assert caught.value.kind is Kind.UNSUPPORTED


# -- what is taken for an answer -------------------------------------------------------------------------------

OTHER = Record("bank.test", 1, 300, "203.0.113.6")


def answer(*records, name="a.test", rdtype=1, rcode=0):
    return Answer(Question(name, rdtype), rcode, records)


@pytest.mark.parametrize(
    "kept",
    [
        [Record("a.test", 1, 300, "192.0.2.1")],
        [Record("A.Test", 5, 300, "B.test."), Record("b.TEST", 1, 300, "192.0.2.1")],
        [Record("c.test", 1, 1, "192.0.2.1"), Record("a.test", 5, 1, "b.test."), Record("b.test", 5, 1, "c.test.")],
        [Record("test", 39, 300, "other."), Record("a.test", 5, 0, "a.other."), Record("a.other", 1, 300, "192.0.2.1")],
        [Record("a.test", 5, 300, "a.test.")],
        [Record("a.test", 46, 300, "sig"), Record("a.test", 1, 300, "192.0.2.1")],
        [],
    ],
)
def test_records_of_other_owners_are_dropped(kept):
    assert pruned(answer(*kept, OTHER)).records == tuple(kept)
    assert pruned(answer(OTHER, *kept)).records == tuple(kept)
    only = answer(*kept)
    assert pruned(only) is only


def test_a_dname_that_is_not_above_is_dropped():
    assert pruned(answer(Record("est", 39, 300, "other."))).records == ()
    assert pruned(answer(Record("", 39, 300, "other."))).records != ()


def test_an_unrelated_record_reaches_neither_caller_nor_cache(server):
    more = b"\4bank\4test\0" + b"\0\1\0\1\0\0\1\x2c\0\4\6\6\6\6"

    def add(query, reply):
        end = reply.rfind(b"\0\0\x29") if reply[11] else len(reply)
        return [reply[:6] + (reply[7] + 1).to_bytes(2, "big") + reply[8:end] + more + reply[end:]]

    server.script("a.test", Script(add))
    made = resolver.current()
    assert [one[4][0] for one in resolver.getaddrinfo("a.test", 80, 2, 1)] == ["192.0.2.1"]
    assert len(resolver.query("a.test").records) == 1
    assert all("bank.test" not in line for line in made.cache.dump(0.0, 0.0))
    with pytest.raises(ResolveError):
        resolver.query("bank.test")


def test_data_that_is_none_of_its_type_is_an_error_when_it_is_looked_at():
    got = told(answer(Record("a.test", 65, 300, "1 . ech=AAAA"), rdtype=65))
    assert isinstance(got, QueryAnswer)
    assert got.data == ("1 . ech=AAAA",)
    with pytest.raises(ResolveError) as caught:
        list(got)
    assert caught.value.kind is Kind.FORMERR
    (unknown,) = told(answer(Record("a.test", 65400, 300, r"\# 3 010203"), rdtype=65400))
    assert unknown.data == b"\1\2\3"


# -- RFC 2782 --------------------------------------------------------------------------------------------------


def test_priorities_before_weights():
    records = [Srv(20, 100, 1, "c"), Srv(10, 0, 1, "a"), Srv(10, 0, 1, "b")]
    for number in (0.0, 0.5, 0.999):
        got = srv_order(records, lambda number=number: number)
        assert got[2].target == "c"
        assert {one.target for one in got[:2]} == {"a", "b"}


def test_weights_are_chances():
    records = [Srv(1, 60, 1, "big"), Srv(1, 20, 1, "small"), Srv(1, 20, 1, "other"), Srv(1, 0, 1, "never")]
    chance = random.Random(20).random
    first = Counter(srv_order(records, chance)[0].target for _ in range(4000))
    assert 2250 < first["big"] < 2550
    assert 650 < first["small"] < 950
    assert first["never"] < 200
    assert all(len(srv_order(records, chance)) == 4 for _ in range(100))


def test_the_lot_decides():
    records = [Srv(1, 1, 1, "a"), Srv(1, 2, 1, "b"), Srv(1, 0, 1, "zero")]
    assert [one.target for one in srv_order(records, lambda: 0.0)] == ["zero", "a", "b"]
    assert [one.target for one in srv_order(records, lambda: 0.99)] == ["b", "a", "zero"]


@pytest.mark.parametrize("name", [["a.test"], b"a.test", None, 7])
def test_a_name_is_a_str(server, name):
    with pytest.raises(TypeError, match="a name to ask for is a str"):
        resolver.query(name)
