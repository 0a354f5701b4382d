"""A CrawlerResolver on another loop: by that itself, by libc in threads, and in a greenlet for what waits by itself."""

import asyncio
import subprocess
import sys
import threading

import pytest

from celadon.hub import sleep
from celadon.hub.lowlevel import hub_if_any
from celadon.resolver import BlockedAddress, CrawlerResolver, Kind, ResolveError
from celadon.resolver.adapters.asyncio import LoopResolver
from celadon.resolver.testing import Drop


class Own:
    """A program's own resolver, which waits as greenlets do."""

    def __init__(self):
        self.ended = []

    def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):
        if host == "fails.test":
            raise ResolveError(Kind.SERVFAIL, host)
        try:
            sleep(60 if host == "slow.test" else 0.001)
        except BaseException as error:
            self.ended.append(error.__class__.__name__)
            raise
        return [(2, 1, 6, "", ("127.0.0.1" if host == "evil.test" else "127.0.1.9", port))]

    def getnameinfo(self, sockaddr, flags=0):
        return "own.test", str(sockaddr[1])

    def close(self):
        pass


def in_a_thread(main):
    """Run it where there is no hub; returns its result, and the hub that it left."""
    got = []

    def work():
        got.append(asyncio.run(main()))
        got.append(hub_if_any())

    one = threading.Thread(target=work)
    one.start()
    one.join(10)
    return got


def test_an_engine_needs_no_hub_and_counts(options, names):
    names.script("two.test", Drop())

    async def main():
        async with LoopResolver("python", deadline=0.05, **options) as made:
            with pytest.raises(ResolveError) as caught:
                await made.submit("two.test")
            assert caught.value.kind is Kind.TIMEOUT
        async with LoopResolver("python", **options) as made:
            [row] = await made.submit("good.test", 80)
            assert row[4] == ("127.0.1.1", 80)
            assert await made.ask("gethostbyname", "good.test") == "127.0.1.1"
            assert await made.ask("gethostbyname_ex", "good.test") == ("good.test", [], ["127.0.1.1"])
            assert await made.ask("getnameinfo", ("127.0.1.1", 80), 3) == ("127.0.1.1", "80")
            with pytest.raises(BlockedAddress):
                await made.ask("gethostbyname", "evil.test")
            with pytest.raises(ResolveError):
                await made.submit("nx.test")
            made.resolver.pin("mine.test", ["127.0.0.1"])
            assert (await made.lookup("mine.test")).source == "pin"
            found = made.stats()
            assert (found.in_flight, found.errors) == (0, {"BLOCKED": 1, "NXDOMAIN": 1})
            assert found.engine["answers"] >= 2

    assert in_a_thread(main) == [None, None]


@pytest.mark.parametrize("backend", ["thread", "auto"])
def test_libc_needs_none_either(backend):
    async def main():
        async with LoopResolver(backend, guard=False) as made:
            return await made.submit("localhost", 80, 2)

    assert in_a_thread(main) == [[(2, 1, 6, "", ("127.0.0.1", 80))], None]


def test_one_resolver_in_two_loops_shares_its_cache_and_is_closed_in_both(options, names):
    made = CrawlerResolver("python", **options)

    async def main():
        found = await LoopResolver(made).submit("good.test", 80)
        assert found == await LoopResolver(made).submit("good.test", 80)

    asyncio.run(main())
    asyncio.run(main())
    assert names.count("good.test", "A") == 1
    made.close()

    async def closed():
        with pytest.raises(ResolveError) as caught:
            await LoopResolver(made).submit("two.test", 80)
        assert caught.value.kind is Kind.CANCELLED

    asyncio.run(closed())


def test_what_waits_by_itself(options):
    own = Own()

    async def main():
        async with LoopResolver(own, guard=options["guard"]) as made:
            found = await asyncio.gather(*(made.submit(f"host{n}.test", 80) for n in range(3)))
            assert [one[0][4] for one in found] == [("127.0.1.9", 80)] * 3
            with pytest.raises(BlockedAddress):
                await made.submit("evil.test")
            with pytest.raises(ResolveError) as caught:
                await made.submit("fails.test")
            assert caught.value.kind is Kind.SERVFAIL
            assert await made.ask("getnameinfo", ("127.0.1.9", 80)) == ("own.test", "80")
            slow = made.submit("slow.test")
            await asyncio.sleep(0.01)
            slow.cancel()
            left = made.submit("slow.test")
            await asyncio.sleep(0.01)
        with pytest.raises(asyncio.CancelledError):
            await left
        while len(own.ended) < 2:
            await asyncio.sleep(0.001)

    asyncio.run(main())
    assert own.ended == ["GreenletExit"] * 2


def test_prefetch_goes_on_to_the_end(options, names):
    hosts = [f"many{n}.test" for n in range(120)]
    for host in hosts:
        names.add(host, "A", "127.0.1.1")

    async def main():
        async with LoopResolver("python", family=2, **options) as made:
            made.prefetch(hosts)
            assert len(made.jobs) == 50
            async with asyncio.timeout(5):
                while made.jobs or made.stats().answered < 120:
                    await asyncio.sleep(0.001)

    asyncio.run(main())


ON_TWISTED = """
import json, sys
from twisted.internet import defer, reactor, task
from celadon.hub import sleep
from celadon.hub.lowlevel import hub_if_any
from celadon.resolver import Guard
from celadon.resolver.adapters.twisted_reactor import ReactorResolver
from tests.resolver.adapters.test_in_loop import Own

async def tried(awaitable):
    try:
        return await awaitable
    except Exception as error:
        return type(error).__name__

async def main(reactor):
    guard = Guard(allow=["127.0.1.0/24"])
    made = ReactorResolver(reactor, "python", servers=[sys.argv[1]], guard=guard)
    out = [(await made.submit("good.test", 80))[0][4][0], await tried(made.submit("evil.test"))]
    out.append((await ReactorResolver(reactor, "thread", guard=False).submit("localhost", 80, 2))[0][4][0])
    out.append(hub_if_any() is None)
    own = Own()
    made = ReactorResolver(reactor, own, guard=guard)
    out += [(await made.submit("one.test", 80))[0][4][0], await tried(made.submit("evil.test"))]
    out.append(await tried(made.submit("fails.test")))
    slow = made.submit("slow.test")
    await task.deferLater(reactor, 0.01)
    slow.cancel()
    out.append(await tried(slow))
    await task.deferLater(reactor, 0.01)
    out += own.ended
    made.submit("slow.test")
    print(json.dumps(out))

task.react(lambda reactor: defer.ensureDeferred(main(reactor)))
"""


def test_on_twisted(names):
    pytest.importorskip("twisted", reason="Twisted is not installed")
    command = [sys.executable, "-W", "error", "-c", ON_TWISTED, names.address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        '["127.0.1.1", "BlockedAddress", "127.0.0.1", true, "127.0.1.9", "BlockedAddress", "ResolveError", '
        '"CancelledError", "GreenletExit"]\n'
    )
    assert not done.stderr
