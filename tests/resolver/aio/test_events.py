"""``on_event`` on asyncio: the same steps as on the hub, for each task its own."""

import asyncio
import sys
import threading

import pytest

from celadon.hub.lowlevel import hub_if_any
from celadon.resolver import ResolveError, aio
from celadon.resolver.testing import Delay, Drop

RECORDS = [("one.test", "A", "192.0.2.1"), ("two.test", "A", "192.0.2.2")]

SCRIPTS = {"two.test": Delay(0.01), "silent.test": Drop()}


def play(main, server, engine="python", **options):
    heard = []

    async def all_of_it():
        async with aio.Resolver(engine, servers=server.servers, on_event=heard.append, **options) as made:
            await main(made)
            if engine != "thread":
                assert made._lookups._teller.known == {}
            assert made.stats().resolver == engine

    asyncio.run(all_of_it())
    return heard


def kinds(heard):
    return " ".join(one.kind for one in heard)


def test_steps(server):
    async def main(made):
        assert await made.gethostbyname("one.test") == "192.0.2.1"
        assert (await made.query("one.test")).data == ("192.0.2.1",)
        assert await made.getaddrinfo("127.1", 80, 2, 1)
        with pytest.raises(ResolveError):
            await made.query("nobody.test", "MX")

    heard = play(main, server)
    assert kinds(heard) == "start miss sent answer start hit answer start answer start miss sent answer"
    assert [one.source for one in heard if one.kind == "answer"] == ["dns", "cache", "policy", "dns"]
    assert heard[3].server == server.servers[0].replace(":", "#")
    assert heard[3].seconds > 0
    assert heard[-1].rcode == 3


def test_tasks_side_by_side_and_a_cancelled_one(server):
    async def main(made):
        silent = asyncio.create_task(made.gethostbyname("silent.test"))
        found = await asyncio.gather(made.gethostbyname("one.test"), made.gethostbyname("two.test"))
        assert found == ["192.0.2.1", "192.0.2.2"]
        silent.cancel()
        await asyncio.wait([silent])

    heard = play(main, server, timeout=5)
    ends = {one.name: (one.kind, one.source) for one in heard if one.kind in ("answer", "cancelled")}
    assert ends == {
        "one.test": ("answer", "dns"),
        "two.test": ("answer", "dns"),
        "silent.test": ("cancelled", "dns"),
    }


def test_of_libc(server):
    async def main(made):
        assert await made.getaddrinfo("127.0.0.1", 80, 2, 1)

    heard = play(main, server, "thread")
    assert [(one.kind, one.source) for one in heard] == [("start", ""), ("answer", "libc")]


def test_a_listener_that_fails_harms_nobody(server, monkeypatch):
    told = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, traceback: told.append(kind))

    def fail(event):
        raise KeyError(event.kind)

    async def main():
        async with aio.Resolver("python", servers=server.servers, on_event=fail) as made:
            assert await made.gethostbyname("one.test") == "192.0.2.1"
        return hub_if_any()

    got = []
    one = threading.Thread(target=lambda: got.append(asyncio.run(main())))
    one.start()
    one.join()
    assert got == [None]
    assert set(told) == {KeyError}
