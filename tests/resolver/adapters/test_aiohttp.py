"""aiohttp and bare asyncio through their adapters, unpatched."""

import asyncio
import socket
import time

import pytest

from celadon.resolver import BlockedAddress
from celadon.resolver.adapters.asyncio import LoopResolver, install
from celadon.resolver.testing import Delay, Drop

aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed")
from celadon.resolver.adapters.aiohttp import Resolver, connector  # noqa: E402

REFUSED = (aiohttp.ClientConnectorError, aiohttp.InvalidURL)


@pytest.fixture
def fetch(here_or_there):
    def get(url, **kwargs):
        async def main():
            made = connector(here_or_there)
            async with aiohttp.ClientSession(connector=made) as session, session.get(url, **kwargs) as got:
                return await got.text()

        return asyncio.run(main())

    return get


def test_a_page(fetch, site):
    assert fetch(f"http://good.test:{site.port}/") == "good.test at 127.0.1.1"
    assert fetch(f"http://127.0.1.9:{site.port}/") == "127.0.1.9 at 127.0.1.9"


def test_nobody_gets_to_the_machine_itself(fetch, site, private):
    for url in private:
        with pytest.raises(REFUSED):
            fetch(url)
        with pytest.raises(REFUSED):
            fetch(f"http://good.test:{site.port}/", params={"to": url})
    assert set(site.reached) == {"127.0.1.1"}


def test_a_pin_opens_its_address_to_its_host_alone(fetch, here_or_there, site):
    getattr(here_or_there, "resolver", here_or_there).pin("mine.test", "127.0.0.1")
    assert fetch(f"http://mine.test:{site.port}/") == "mine.test at 127.0.0.1"
    for url in (f"http://127.0.0.1:{site.port}/", f"http://evil.test:{site.port}/"):
        for first in (url, f"http://mine.test:{site.port}/?to={url}"):
            with pytest.raises((BlockedAddress, aiohttp.ClientError)):
                fetch(first)


def test_rebinding(fetch, site, flip):
    url = f"http://flip.test:{site.port}/"
    assert fetch(url) == "flip.test at 127.0.1.3"
    for address in ("127.0.0.1", "169.254.169.254"):
        flip(address)
        with pytest.raises(aiohttp.ClientConnectorDNSError) as caught:
            fetch(url)
        assert isinstance(caught.value.os_error, BlockedAddress)
    assert site.reached == ["127.0.1.3"]


def test_a_given_up_request_gives_up_its_lookup(fetch, names, here_or_there):
    stats = getattr(here_or_there, "resolver", here_or_there).stats
    names.script("good.test", Drop())
    with pytest.raises(asyncio.TimeoutError):
        fetch("http://good.test/", timeout=aiohttp.ClientTimeout(total=0.1))
    deadline = time.monotonic() + 5
    while stats().in_flight and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not stats().in_flight


def test_many_at_once_are_one_query(here_or_there, site, names):
    names.script("good.test", Delay(0.1))

    async def main():
        async with aiohttp.ClientSession(connector=connector(here_or_there)) as session:

            async def one():
                async with session.get(f"http://good.test:{site.port}/") as got:
                    return await got.text()

            return await asyncio.gather(*(one() for _ in range(50)))

    assert set(asyncio.run(main())) == {"good.test at 127.0.1.1"}
    asked = [one.rdtype for one in names.queries]
    assert "A" in asked
    assert len(asked) == len(set(asked)), "A, and AAAA where this machine has an IPv6 address (AI_ADDRCONFIG)"


def test_the_plain_resolver(here_or_there):
    async def main():
        made = Resolver(here_or_there)
        try:
            return await made.resolve("good.test", 80)
        finally:
            await made.close()

    [row] = asyncio.run(main())
    assert (row["hostname"], row["host"], row["port"]) == ("good.test", "127.0.1.1", 80)


# -- asyncio itself ------------------------------------------------------------------------------------------------


def unblocking():
    made = socket.socket()
    made.setblocking(False)
    return made


def test_a_loop(here_or_there, site, names):
    async def main():
        loop = asyncio.get_running_loop()
        undo = install(loop, here_or_there)
        found = await loop.getaddrinfo("good.test", 80, type=1)
        reader, writer = await asyncio.open_connection("good.test", site.port)
        writer.write(b"GET / HTTP/1.0\r\nHost: good.test\r\n\r\n")
        page = await reader.read()
        writer.close()
        await writer.wait_closed()
        for host in ("evil.test", "127.0.0.1", "::1", "2130706433", "localhost"):
            with pytest.raises(BlockedAddress):
                await asyncio.open_connection(host, site.port)
        for host in (b"127.0.0.1", b"127.1"):
            with unblocking() as made, pytest.raises(BlockedAddress):
                await loop.sock_connect(made, (host, site.port))
        getattr(here_or_there, "resolver", here_or_there).pin("mine.test", "127.0.0.1")
        (await asyncio.open_connection("mine.test", site.port))[1].close()
        with pytest.raises(BlockedAddress):
            await asyncio.open_connection("127.0.0.1", site.port)
        undo()
        assert "getaddrinfo" not in vars(loop)
        return found, page, await loop.getnameinfo(("127.0.0.1", 80), 3)

    found, page, _ = asyncio.run(main())
    assert found == [(2, 1, 6, "", ("127.0.1.1", 80))]
    assert page.endswith(b"good.test at 127.0.1.1")
    assert site.reached == ["127.0.1.1", "127.0.0.1"]


def test_a_resolver_on_the_loop(options, names):
    names.script("two.test", Drop())

    async def main():
        async with LoopResolver("python", **options) as made:
            [row] = await made.submit("good.test", 80)
            assert row[4] == ("127.0.1.1", 80)
            assert made.submit("good.test", 80).done(), "what is known is there at once"
            assert (await made.lookup("good.test")).addresses == ("127.0.1.1",)
            assert made.key("good.test") == "127.0.1.1"
            with pytest.raises(BlockedAddress):
                await made.submit("evil.test")
            made.prefetch(["half.test"])
            while made.key("half.test") == "half.test":
                await asyncio.sleep(0.01)
            given_up = made.submit("two.test")
            given_up.cancel()
            left = made.submit("two.test")
            assert "2 pending" in repr(made)
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await left
        assert "0 pending" in repr(made)
        with pytest.raises(RuntimeError, match="closed"):
            made.submit("good.test")

    asyncio.run(main())
    with pytest.raises(RuntimeError, match="loop"):
        LoopResolver("python", **options)


def test_a_loop_that_takes_no_attributes(thread):
    class Closed:
        __slots__ = ("sock_connect", "sock_sendto")

    closed = Closed()
    closed.sock_connect = closed.sock_sendto = None
    with pytest.raises(TypeError, match="no attributes"):
        install(closed, thread)
