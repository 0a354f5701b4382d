"""``celadon.resolver.aio`` in a trio run, and under anyio: the same core, another Runtime."""

import signal
import socket
from contextlib import aclosing

import pytest

from celadon.resolver import Kind, ResolveError, aio
from celadon.resolver.testing import Delay, Drop, NameServer, Truncate

trio = pytest.importorskip("trio", reason="trio is not installed: make test-integration installs it")

from celadon.resolver.adapters.trio import AioResolver  # noqa: E402
from celadon.resolver.aio import trio_runtime  # noqa: E402

RECORDS = [("one.test", "A", "192.0.2.1"), ("both.test", "A", "192.0.2.2"), ("both.test", "AAAA", "2001:db8::2")]
RECORDS += [("slow.test", "A", "192.0.2.5"), ("tcp.test", "A", "192.0.2.4"), ("here.test", "A", "127.0.0.1")]
SCRIPTS = {"silent.test": Drop(), "slow.test": Delay(0.05), "tcp.test": Truncate()}


@pytest.fixture(autouse=True)
def no_other_wakeup():
    """The hub of the tests' own thread has a wake-up for signals, of which trio warns."""
    before = signal.set_wakeup_fd(-1)
    yield
    signal.set_wakeup_fd(before)


@pytest.fixture(params=("python", "ares"))
def engine(request):
    return request.param


def test_lookups(engine, server):
    async def main():
        async with aio.Resolver(engine, servers=server.servers, timeout=0.2, attempts=1) as made:
            assert {row[4][0] for row in await made.getaddrinfo("both.test", 80, type=1)} == {
                "192.0.2.2",
                "2001:db8::2",
            }
            assert await made.gethostbyname("one.test") == "192.0.2.1"
            assert await made.gethostbyname("tcp.test") == "192.0.2.4"
            assert (await made.query("both.test", "AAAA")).data == ("2001:db8::2",)
            with pytest.raises(socket.gaierror):
                await made.gethostbyname("nobody.test")
            with pytest.raises(ResolveError) as caught:
                await made.gethostbyname("silent.test")
            assert caught.value.kind is Kind.TIMEOUT
            found = []

            async def one(number):
                found.append(await made.gethostbyname("slow.test"))

            async with trio.open_nursery() as nursery:
                for number in range(20):
                    nursery.start_soon(one, number)
            assert found == ["192.0.2.5"] * 20
            assert len([one for one in server.queries if one.name == "slow.test"]) == 1
        place = trio_runtime.current()
        assert not place.vars
        return place

    assert not trio.run(main)._timers


def test_cancel(engine, server):
    async def main():
        made = aio.Resolver(engine, servers=server.servers, timeout=30)
        with trio.move_on_after(0.05) as scope:
            await made.getaddrinfo("silent.test", 80)
        assert scope.cancelled_caught
        for seconds in (0, 0.001, 0.01, 0.049, 0.051, 0.06):
            others = []

            async def other(others=others):
                others.append(await made.gethostbyname("slow.test"))

            made.cache.flush()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(other)
                with trio.move_on_after(seconds):
                    await made.gethostbyname("slow.test")
            assert others == ["192.0.2.5"]
        stats = made.stats()
        assert (stats.waiting, stats.questions) == (0, 0)

    trio.run(main)  # whose end closes the sockets


def test_deadline(server):
    async def main():
        made = aio.Resolver("python", servers=server.servers, deadline=0.05)
        with pytest.raises(ResolveError) as caught:
            await made.query("silent.test")
        assert caught.value.kind is Kind.TIMEOUT

    trio.run(main)


def test_bulk():
    async def main():
        with NameServer(synthetic=True) as server:
            names = [f"h{number}.test" for number in range(200)]
            found = [question.name async for question, _ in aio.bulk(names, servers=server.servers, concurrency=20)]
            assert sorted(found) == sorted(names)
            async with aclosing(aio.bulk(names, servers=server.servers)) as broken_off:
                async for _ in broken_off:
                    break

    trio.run(main)


def test_open_tcp_stream_by_the_hook(server):
    async def main():
        made = aio.Resolver("python", servers=server.servers)
        trio.socket.set_custom_hostname_resolver(AioResolver(made))
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        async with await trio.open_tcp_stream("here.test", port) as stream:
            assert stream.socket.getpeername() == ("127.0.0.1", port)
        await listeners[0].aclose()
        assert (await trio.socket.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST))[0] == "127.0.0.1"

    trio.run(main)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio(backend, server):
    anyio = pytest.importorskip("anyio")

    async def main():
        made = aio.Resolver("python", servers=server.servers)
        assert await made.gethostbyname("one.test") == "192.0.2.1"
        with anyio.move_on_after(0.02):
            await made.gethostbyname("silent.test")
        assert made.stats().questions == 0

    anyio.run(main, backend=backend)
