"""What the conformance suite does not see from outside: that a killed question is off the books of its engine."""

import pytest

from celadon import resolver
from celadon.hub import get_hub, sleep, spawn
from celadon.resolver import Config, Question, Server
from celadon.resolver.registry import make_engine
from celadon.resolver.resolvers.stub import ask
from celadon.resolver.testing import Drop, Script, outcome_of
from celadon.resolver.testing.hostile import DNAME, message, record, wire_name


@pytest.fixture(params=["ares", "python"])
def dns(request, server):
    made = make_engine(request.param, Config(servers=(Server("127.0.0.1", server.port),), timeout=0.3, attempts=2))
    yield made
    made.close()


def test_a_kill_leaves_no_query_and_no_fd(dns, server):
    server.script("a.test", Drop())
    asking = spawn(ask, dns, (Question("a.test", 1), Question("a.test", 28)))
    sleep(0.01)
    asking.kill()
    assert len(get_hub().timers) == 0
    assert "0 in flight" in repr(dns)


@pytest.mark.parametrize("rdtype", [DNAME, 16, 999])
def test_records_that_an_engine_does_not_read_are_there_for_libc(server, rdtype):
    """A reply that has records, but none that leads to an address, is "no such name" in libc where IPv6 counts."""
    alone = [record(wire_name("new.test"), wire_name("test"), rdtype)]
    server.script("a.test", Script(lambda query, reply: [message(query, alone)]))
    found = {}
    for name in ("thread", "ares", "python"):
        asking = resolver.make(name, servers=server.servers, timeout=2, attempts=1)
        found[name] = [outcome_of(asking.getaddrinfo, "a.test", 80, family, 1) for family in (0, 2, 10)]
        asking.close()
    assert found["ares"] == found["python"] == found["thread"]
    assert [one["args"][0] for one in found["thread"]] == [-2, -5, -2]
