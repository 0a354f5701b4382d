"""What every engine that asks servers must do for ``query``: give the facts of the reply, honour the options."""

from __future__ import annotations

from collections.abc import Callable

from ..answers.cname import pruned
from ..errors import Kind, ResolveError
from ..model import Answer, Edns, QueryOptions, Question, RRType, Server
from ..protocols import Engine
from ..query_answer import QueryAnswer, told
from ..resolvers.stub import ask
from .nameserver import NameServer, Script

_QR, _RD = 0x8000, 0x0100
_TTL = 300  # seconds, the test server's

# (name, type, canonical name, data, classes of dnspython's objects); of ``conformance.ZONE``.
_TOLD = (
    ("a.test", RRType.A, "a.test", ("192.0.2.1",), "A"),
    ("far.test", RRType.A, "a.test", ("192.0.2.1",), "A"),
    ("six.test", RRType.AAAA, "six.test", ("2001:db8::1",), "AAAA"),
    ("a.test", RRType.MX, "a.test", ("10 mx.test.",), "MX"),
    ("a.test", RRType.TXT, "a.test", ('"hello world"',), "TXT"),
    ("a.test", RRType.CAA, "a.test", ('0 issue "ca.test"',), "CAA"),
    ("_s._tcp.test", RRType.SRV, "_s._tcp.test", ("1 2 53 a.test.",), "SRV"),
    ("ns.test", RRType.NS, "ns.test", ("ns1.test.",), "NS"),
    ("1.2.0.192.in-addr.arpa", RRType.PTR, "1.2.0.192.in-addr.arpa", ("a.test.",), "PTR"),
)
_REFUSED = (("nx.test", RRType.A, Kind.NXDOMAIN, 3), ("a.test", RRType.AAAA, Kind.NODATA, 0))


def _query(engine: Engine, name: str, rdtype: int, options: QueryOptions | None = None) -> QueryAnswer:
    outcome = ask(engine, (Question(name, rdtype, options=options or QueryOptions()),))[0]
    if isinstance(outcome, ResolveError):
        raise outcome
    return told(pruned(outcome))


def a_query_tells_all(engine: Engine, server: NameServer) -> None:
    """Data, canonical name, TTL, header, server and round trip, whatever the type."""
    for name, rdtype, canonical, data, kind in _TOLD:
        got = _query(engine, name, rdtype)
        what = f"{name} {rdtype.name}: "
        assert got.data == data, f"{what}data {got.data}"
        assert got.canonical == canonical, f"{what}canonical {got.canonical}"
        assert got.ttl == _TTL, f"{what}ttl {got.ttl}"
        assert got.flags & (_QR | _RD) == _QR | _RD, f"{what}flags {got.flags:#06x}"
        assert got.server == f"{server.host}#{server.port}", f"{what}server {got.server}"
        assert 0 < got.rtt < 10, f"{what}rtt {got.rtt}"
        assert not got.cached
        assert {type(one).__name__ for one in got} == {kind}, f"{what}rdata {got.rdatas}"
        assert tuple(one.to_text() for one in got) == data, f"{what}rdata {got.rdatas}"


def no_data_is_an_error_by_kind(engine: Engine, server: NameServer) -> None:
    """NXDOMAIN and NODATA are told apart, with the reply."""
    for name, rdtype, kind, rcode in _REFUSED:
        try:
            got = _query(engine, name, rdtype)
        except ResolveError as error:
            assert error.kind is kind, f"{name}: {error.kind}"
            assert isinstance(error.answer, Answer)
            assert (error.rcode, error.answer.rcode) == (rcode, rcode)
            assert error.server == f"{server.host}#{server.port}"
        else:
            raise AssertionError(f"{name}: {got}")


def a_query_asks_whom_it_is_told(engine: Engine, server: NameServer) -> None:
    """``server`` replaces the configured ones, for this question only."""
    with NameServer() as other:
        other.add("a.test", "A", "192.0.2.99")
        got = _query(engine, "a.test", RRType.A, QueryOptions(server=Server(other.host, other.port)))
        assert got.data == ("192.0.2.99",), got.data
        assert got.server == f"{other.host}#{other.port}"
    assert _query(engine, "a.test", RRType.A).data == ("192.0.2.1",)


def a_query_over_tcp(engine: Engine, server: NameServer) -> None:
    """``tcp`` does not try UDP first."""
    assert _query(engine, "a.test", RRType.A, QueryOptions(tcp=True)).tcp
    assert [one.tcp for one in server.queries] == [True]


def a_query_for_signatures(engine: Engine, server: NameServer) -> None:
    """``dnssec`` sets the DO bit, which comes back."""
    got = _query(engine, "a.test", RRType.A, QueryOptions(dnssec=True))
    assert isinstance(got.edns, Edns)
    assert got.edns.dnssec, "the DO bit did not come back"


def unrelated_records(engine: Engine, server: NameServer) -> None:
    """A record of another owner is not part of the answer (RFC 5452 §6)."""
    # One more record, of another name: a forger who shares the server with the truth.
    more = b"\3www\4bank\4test\0" + b"\0\1\0\1\0\0\1\x2c\0\4\6\6\6\6"

    def add(query: bytes, reply: bytes) -> list[bytes]:
        end = reply.rfind(b"\0\0\x29") if reply[11] else len(reply)  # before the OPT record
        return [reply[:6] + (reply[7] + 1).to_bytes(2, "big") + reply[8:end] + more + reply[end:]]

    server.script("a.test", Script(add))
    for options in (QueryOptions(), None):
        outcome = ask(engine, (Question("a.test", RRType.A, options=options),))[0]
        assert isinstance(outcome, Answer), outcome
        assert [one.data for one in pruned(outcome).records] == ["192.0.2.1"]


QUERY_CASES: dict[str, Callable[[Engine, NameServer], None]] = {
    case.__name__.replace("_", " "): case
    for case in (
        a_query_tells_all,
        no_data_is_an_error_by_kind,
        a_query_asks_whom_it_is_told,
        a_query_over_tcp,
        a_query_for_signatures,
        unrelated_records,
    )
}
