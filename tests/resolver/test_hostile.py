"""What hostile and broken servers send, on every engine: nothing wrong is believed, and nothing right is lost."""

import pytest

from celadon.resolver import Config, Question, Server
from celadon.resolver.front import ask
from celadon.resolver.registry import make_engine
from celadon.resolver.testing import NameServer, Script


@pytest.fixture
def server():
    with NameServer() as made:
        made.add("a.test", "A", "10.0.0.1")
        yield made


@pytest.mark.parametrize("name", ["ares", "python"])
@pytest.mark.parametrize("bits", [0x05, 0xFD], ids=["QR=0", "another opcode"])
def test_what_is_no_reply_is_not_seen(name, bits, server):
    bad = b"\x42\x42\x42\x42"
    server.script("a.test", Script(lambda q, r: [r[:2] + bytes([bits]) + r[3:].replace(b"\x0a\0\0\1", bad), r]))
    engine = make_engine(name, Config(servers=(Server("127.0.0.1", server.port),), timeout=0.3, attempts=2))
    outcome = ask(engine, (Question("a.test", 1),))[0]
    engine.close()
    assert [one.data for one in outcome.records] == ["10.0.0.1"]
