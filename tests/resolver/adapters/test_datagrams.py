"""asyncio's datagrams under ``install``: no name past the resolver, no address past the guard."""

import asyncio
import socket

import pytest

from celadon.resolver import BlockedAddress, ResolveError
from celadon.resolver.adapters.asyncio import install

REFUSED = ["127.0.0.1", b"127.0.0.1", bytearray(b"127.0.0.1"), "127.1", "2130706433", "", "<broadcast>"]


class Sender(asyncio.DatagramProtocol):
    def __init__(self):
        self.errors = []
        self.failed = asyncio.Event()

    def error_received(self, exc):
        self.errors.append(exc)
        self.failed.set()


@pytest.fixture
def heard():
    """A socket that hears what is sent to any address of this host."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("0.0.0.0", 0))
        made.setblocking(False)
        yield made


def run(main, resolver):
    async def under():
        loop = asyncio.get_running_loop()
        undo = install(loop, resolver)
        try:
            await main(loop)
        finally:
            undo()

    asyncio.run(under())


def nothing(heard):
    with pytest.raises(BlockingIOError):
        heard.recv(99)


def test_sock_sendto(here_or_there, heard, names):
    port = heard.getsockname()[1]

    async def main(loop):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine:
            mine.setblocking(False)
            for host in (*REFUSED, "evil.test", b"evil.test", bytearray(b"evil.test"), "localhost"):
                with pytest.raises(BlockedAddress):
                    await loop.sock_sendto(mine, b"x", (host, port))
                with pytest.raises((BlockedAddress, TypeError)):
                    await loop.sock_connect(mine, (host, port))
            nothing(heard)
            for host in ("good.test", b"good.test", "127.0.1.1"):
                assert await loop.sock_sendto(mine, b"here", (host, port)) == 4
                assert await loop.sock_recv(heard, 99) == b"here"

    run(main, here_or_there)
    assert names.count("good.test", "A") >= 1, "the installed resolver was asked"


def test_transport_sendto(here_or_there, heard):
    port = heard.getsockname()[1]

    async def main(loop):
        transport, protocol = await loop.create_datagram_endpoint(Sender, local_addr=("0.0.0.0", 0))
        try:
            for host in REFUSED:
                with pytest.raises(BlockedAddress):
                    transport.sendto(b"x", (host, port))
            for host in ("evil.test", b"evil.test", "nowhere.test"):
                protocol.failed.clear()
                transport.sendto(b"x", (host, port))
                await asyncio.wait_for(protocol.failed.wait(), 5)
            assert [isinstance(one, BlockedAddress) for one in protocol.errors] == [True, True, False]
            assert isinstance(protocol.errors[2], ResolveError)
            nothing(heard)
            for host in ("good.test", b"good.test", "127.0.1.1"):
                transport.sendto(bytearray(b"here"), (host, port))
                assert await loop.sock_recv(heard, 99) == b"here"
        finally:
            transport.close()

    run(main, here_or_there)


def test_a_datagram_endpoint_with_a_remote_address(here_or_there, heard):
    port = heard.getsockname()[1]

    async def main(loop):
        for host in ("127.0.0.1", "evil.test"):
            for more in ({}, {"allow_broadcast": True}):
                with pytest.raises(BlockedAddress):
                    await loop.create_datagram_endpoint(Sender, remote_addr=(host, port), family=2, **more)
        transport, _ = await loop.create_datagram_endpoint(Sender, remote_addr=("good.test", port))
        transport.sendto(b"here")
        assert await loop.sock_recv(heard, 99) == b"here"
        transport.close()

    run(main, here_or_there)
