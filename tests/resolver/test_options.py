"""A question's options reach the wire, on every engine that speaks DNS or has one that does."""

import pytest
from dns.flags import to_text
from dns.message import from_wire

from celadon.resolver import Answer, Config, Edns, QueryOptions, Question, ResolveError, Server
from celadon.resolver.dns.wire import encode_question
from celadon.resolver.registry import make_engine
from celadon.resolver.resolvers.stub import ask
from celadon.resolver.testing import Truncate


def records(outcome):
    assert isinstance(outcome, Answer), outcome
    return outcome.rcode, [(one.name, int(one.rdtype), one.data) for one in outcome.records]


@pytest.mark.parametrize("name", ["ares", "python"])
def test_options_of_one_question(server, name):
    engine = make_engine(name, Config(servers=(Server("127.0.0.1", 1),), timeout=0.3))
    here = Server("127.0.0.1", server.port)
    options = QueryOptions(server=here, tcp=True, rd=False, cd=True, dnssec=True, nsid=True, subnet="192.0.2.77/24")
    outcome = ask(engine, (Question("a.test", 1, options=options),))[0]
    assert records(outcome) == (0, [("a.test", 1, "192.0.2.1")])
    assert (outcome.tcp, outcome.server, server.queries[-1].tcp) == (True, str(here), True)
    assert outcome.flags & 0x0100 == 0
    assert outcome.edns == Edns(bufsize=8192, dnssec=True)
    server.script("a.test", Truncate())
    outcome = ask(engine, (Question("a.test", 1, options=QueryOptions(server=here, ignore_tc=True, edns=None)),))[0]
    assert records(outcome) == (0, [])
    assert outcome.edns is None
    engine.close()


def test_options_on_the_wire():
    options = QueryOptions(nsid=True, subnet="192.0.2.77/20", cookie=b"12345678", padding=128, ad=True, bufsize=4096)
    message = from_wire(b"\0\7" + encode_question(Question("a.test", 1, options=options)))
    assert to_text(message.flags) == "RD AD"
    assert message.payload == 4096
    assert [int(one.otype) for one in message.options] == [3, 8, 10, 12]
    assert message.options[1].to_text() == "ECS 192.0.0.0/20 scope/0"
    assert len(encode_question(Question("a.test", 1, options=options))) == 126
    for subnet in ("192.0.2.1/33", "x/1", "1.2.3.4/y"):
        with pytest.raises(ResolveError, match="not known"):
            encode_question(Question("a.test", 1, options=QueryOptions(subnet=subnet)))
