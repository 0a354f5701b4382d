"""What the conformance suite does not see from outside: that a killed question is off the books of its engine."""

import pytest

from celadon.hub import get_hub, sleep, spawn
from celadon.resolver import Config, Question, Server
from celadon.resolver.registry import make_engine
from celadon.resolver.resolvers.stub import ask
from celadon.resolver.testing import Drop, NameServer


@pytest.fixture
def server():
    with NameServer() as made:
        made.add("a.test", "A", "192.0.2.1")
        yield made


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
