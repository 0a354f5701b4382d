"""The same on uvloop: lookups, cancels, the end of a loop."""

import asyncio
import socket

import pytest

from celadon.resolver import Kind, ResolveError, aio
from celadon.resolver.aio import aiodns, loop_runtime
from celadon.resolver.testing import Delay, Drop, Truncate

uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed: make test-integration installs it")

uvloop.run(asyncio.sleep(0))  # libuv's first loop in a process makes a pipe for signals, which stays

RECORDS = [("one.test", "A", "192.0.2.1"), ("slow.test", "A", "192.0.2.5"), ("tcp.test", "A", "192.0.2.4")]
SCRIPTS = {"silent.test": Drop(), "slow.test": Delay(0.02), "tcp.test": Truncate()}


@pytest.mark.parametrize("engine", ["python", "ares"])
def test_uvloop(engine, server):
    async def main():
        made = aio.Resolver(engine, servers=server.servers, timeout=0.3, attempts=1)
        assert await made.gethostbyname("one.test") == "192.0.2.1"
        assert await made.gethostbyname("tcp.test") == "192.0.2.4"
        with pytest.raises(socket.gaierror):
            await made.getaddrinfo("nobody.test", 80)
        with pytest.raises(ResolveError) as caught:
            await made.gethostbyname("silent.test")
        assert caught.value.kind is Kind.TIMEOUT
        for turns in range(10):
            made.cache.flush()
            first, second = (asyncio.create_task(made.gethostbyname("slow.test")) for _ in range(2))
            for _ in range(turns):
                await asyncio.sleep(0)
            first.cancel()
            assert await second == "192.0.2.5"
        assert (made.stats().waiting, made.stats().questions) == (0, 0)
        async with aiodns.DNSResolver([server.address], engine=engine) as facade:
            assert (await facade.query_dns("one.test", "A")).answer[0].data.addr == "192.0.2.1"
        pending = asyncio.create_task(made.gethostbyname("silent.test"))
        await asyncio.sleep(0.01)
        assert not pending.done()
        return made

    made = uvloop.run(main())  # whose end closes the sockets
    assert not loop_runtime._runtimes
    assert uvloop.run(made.gethostbyname("one.test")) == "192.0.2.1"
