"""Green sockets under a guard: whatever sends or connects asks it, in whatever form the host comes."""

import socket as std

import pytest

from celadon import resolver
from celadon.green.connections import create_connection
from celadon.green.socket import socket
from celadon.resolver import BlockedAddress, CrawlerResolver

FORMS = ["127.0.0.1", b"127.0.0.1", bytearray(b"127.0.0.1"), "127.1", bytearray(b"2130706433"), "", b"", bytearray(),
         "<broadcast>", b"<broadcast>", "localhost", bytearray(b"localhost")]  # fmt: skip
WAYS = {
    "connect": lambda made, address: made.connect(address),
    "connect_ex": lambda made, address: made.connect_ex(address),
    "sendto": lambda made, address: made.sendto(b"x", address),
    "sendto with flags": lambda made, address: made.sendto(b"x", 0, address),
    "sendmsg": lambda made, address: made.sendmsg([b"x"], [], 0, address),
}


@pytest.fixture
def crawler():
    with resolver.scope(CrawlerResolver("python", servers=["127.0.0.1:9"])) as made:
        yield made


@pytest.fixture
def heard():
    with std.socket(std.AF_INET, std.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.setblocking(False)
        yield made


@pytest.mark.parametrize("way", WAYS)
def test_every_way_and_form(way, crawler, heard):
    for host in FORMS:
        with socket(std.AF_INET, std.SOCK_DGRAM) as made, pytest.raises(BlockedAddress):
            WAYS[way](made, (host, heard.getsockname()[1]))
    for host in ("::1", bytearray(b"::ffff:127.0.0.1"), "::"):
        with socket(std.AF_INET6, std.SOCK_DGRAM) as made, pytest.raises(BlockedAddress):
            WAYS[way](made, (host, heard.getsockname()[1]))
    with pytest.raises(BlockingIOError):
        heard.recv(1)


def test_a_view_is_no_host(crawler):
    with socket(std.AF_INET, std.SOCK_DGRAM) as made, pytest.raises(TypeError):
        made.connect((memoryview(b"127.0.0.1"), 9))


@pytest.mark.parametrize("call", [resolver.gethostbyname, resolver.gethostbyname_ex])
@pytest.mark.parametrize("host", [bytearray(b"localhost"), bytearray(b"127.0.0.1"), b"localhost"])
def test_the_older_calls(crawler, call, host):
    with pytest.raises(BlockedAddress):
        call(host)


def test_a_pin_opens_its_address_to_its_host_alone(crawler):
    crawler.pin("mine.test", "127.0.0.1")
    with std.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        for host in ("mine.test", bytearray(b"mine.test")):
            with socket() as made:
                made.connect((host, port))
        create_connection(("mine.test", port), 5).close()
        with pytest.raises(BlockedAddress):
            create_connection(("127.0.0.1", port), 5)
        with socket() as made, pytest.raises(BlockedAddress):
            made.connect(("127.0.0.1", port))
