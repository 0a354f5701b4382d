"""``auto`` and ``thread`` on asyncio and trio: libc in native threads, and no hub in the loop's thread."""

import asyncio
import os
import socket
import threading
import time

import pytest

from celadon import resolver
from celadon.hub.lowlevel import hub_if_any
from celadon.resolver import Kind, ResolveError, ResolverConfigError, aio
from celadon.resolver.aio import libc_awaited
from celadon.resolver.resolvers import libc

ROWS = [(2, 1, 6, "", ("192.0.2.1", 80))]


RECORDS = [("one.test", "A", "192.0.2.7")]


class Libc:
    """Calls that end when they are let go."""

    def __init__(self):
        self.calls = []
        self.threads = set()
        self.gate = threading.Event()
        self.answer = lambda *args: list(ROWS)

    def ask(self, *args):
        self.calls.append(args)
        self.threads.add(threading.get_ident())
        assert self.gate.wait(5)
        return self.answer(*args)


@pytest.fixture
def slow(monkeypatch):
    made = Libc()
    for name in ("getaddrinfo", "gethostbyname", "gethostbyaddr"):
        monkeypatch.setitem(libc.LIBC, name, made.ask)
    yield made
    made.gate.set()


def in_a_thread(main):
    """Run it where there is no hub, and check that it made no hub."""
    got = []

    def work():
        got.append(asyncio.run(main()))
        got.append(hub_if_any())

    one = threading.Thread(target=work)
    one.start()
    one.join(10)
    assert got[1:] == [None]
    return got[0]


async def begun(slow, count=1):
    async with asyncio.timeout(5):
        while len(slow.calls) < count:
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("engine", ["thread", "auto"])
def test_what_libc_says(engine):
    async def main():
        async with aio.Resolver(engine) as made:
            assert await made.getaddrinfo("127.1", 80, type=1) == socket.getaddrinfo("127.1", 80, type=1)
            assert await made.getaddrinfo(None, 80, type=1) == socket.getaddrinfo(None, 80, type=1)
            assert await made.getaddrinfo("localhost", 80, 2, 1) == socket.getaddrinfo("localhost", 80, 2, 1)
            assert await made.gethostbyname("localhost") == "127.0.0.1"
            with pytest.raises(socket.gaierror) as caught:
                await made.getaddrinfo("127.0.0.1", "no-such-service")
            assert caught.value.errno == socket.EAI_SERVICE
            return made.stats().resolver

    assert in_a_thread(main) in ("thread", "ares")


def test_one_call_for_all_who_wait_and_the_loop_goes_on(slow):
    async def main():
        async with aio.Resolver("thread") as made:
            waiters = [asyncio.create_task(made.getaddrinfo("a.test", 80)) for _ in range(20)]
            await begun(slow)
            await asyncio.sleep(0.01)
            slow.gate.set()
            found = await asyncio.gather(*waiters)
            assert found == [ROWS] * 20
            assert len({id(one) for one in found}) == 20, "each has a list of its own"
            assert len(slow.calls) == 1
            assert threading.get_ident() not in slow.threads
            slow.answer = lambda *args: (_ for _ in ()).throw(socket.gaierror(socket.EAI_NONAME, "no"))
            errors = await asyncio.gather(*(made.gethostbyname("b.test") for _ in range(3)), return_exceptions=True)
            assert [one.errno for one in errors] == [socket.EAI_NONAME] * 3
            assert len({id(one) for one in errors}) == 3

    in_a_thread(main)


def test_cancelled_and_late(slow):
    async def main():
        made = aio.Resolver("thread", deadline=0.02)
        with pytest.raises(ResolveError) as caught:
            await made.getaddrinfo("late.test", 80)
        assert caught.value.kind is Kind.TIMEOUT
        made = aio.Resolver("thread")
        task = asyncio.create_task(made.getaddrinfo("a.test", 80))
        other = asyncio.create_task(made.getaddrinfo("a.test", 80))
        await begun(slow, 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        slow.gate.set()
        assert await other == ROWS
        made.close()
        with pytest.raises(ResolveError) as caught:
            await made.getaddrinfo("a.test", 80)
        assert caught.value.kind is Kind.CANCELLED

    in_a_thread(main)


def test_a_call_that_nobody_wants_is_not_made(slow, monkeypatch):
    monkeypatch.setattr(libc_awaited, "_threads", libc_awaited.Threads(1))

    async def main():
        made = aio.Resolver("thread")
        first = asyncio.create_task(made.getaddrinfo("a.test", 80))
        await begun(slow)
        second = asyncio.create_task(made.getaddrinfo("b.test", 80))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.sleep(0)
        slow.gate.set()
        assert await first == ROWS
        assert await made.getaddrinfo("c.test", 80) == ROWS
        assert [one[0] for one in slow.calls] == ["a.test", "c.test"]

    in_a_thread(main)


def test_a_loop_that_ends_first(slow):
    async def main():
        task = asyncio.create_task(aio.Resolver("thread").getaddrinfo("a.test", 80))
        await begun(slow)
        task.cancel()

    in_a_thread(main)
    slow.gate.set()
    time.sleep(0.02)  # the thread finds the loop closed, and says nothing


def test_auto_asks_libc_for_what_it_alone_knows(slow, server):
    slow.gate.set()

    async def main():
        async with aio.Resolver("auto", servers=server.servers, deadline=5) as made:
            assert await made.getaddrinfo("odd%name.test", 80) == ROWS
            assert await made.gethostbyname("one.test") == "192.0.2.7"
            assert (await made.query("one.test")).data == ("192.0.2.7",)

    in_a_thread(main)
    assert [one[0] for one in slow.calls] == ["odd%name.test"]


def test_the_deadline_of_auto_bounds_libc_as_well(slow):
    async def main():
        async with aio.Resolver("auto", deadline=0.02) as made:
            with pytest.raises(ResolveError) as caught:
                await made.getaddrinfo("odd%name.test", 80)
            assert caught.value.kind is Kind.TIMEOUT

    in_a_thread(main)
    with resolver.scope("auto", deadline=0.02), pytest.raises(ResolveError) as caught:
        resolver.getaddrinfo("odd%name.test", 80)
    assert caught.value.kind is Kind.TIMEOUT
    slow.gate.set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_in_a_forked_child(slow):
    slow.gate.set()

    async def main():
        async with aio.Resolver("thread") as made:
            assert await made.getaddrinfo("a.test", 80) == ROWS

    in_a_thread(main)
    child = os.fork()
    if not child:
        status = 1
        try:
            asyncio.run(asyncio.wait_for(main(), 5))
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def test_on_trio(slow):
    trio = pytest.importorskip("trio", reason="trio is not installed: make test-integration installs it")
    slow.gate.set()

    async def main():
        async with aio.Resolver("thread") as made:
            assert await made.getaddrinfo("a.test", 80) == ROWS
        slow.gate.clear()
        with trio.move_on_after(0.02) as scope:
            await aio.Resolver("thread").getaddrinfo("b.test", 80)
        assert scope.cancelled_caught

    one = threading.Thread(target=trio.run, args=(main,))
    one.start()
    one.join(5)
    assert not one.is_alive()


def test_no_records_and_no_other_names():
    async def main():
        async with aio.Resolver("thread") as made:
            with pytest.raises(ResolveError) as caught:
                await made.query("one.test", "MX")
            assert caught.value.kind is Kind.UNSUPPORTED

    in_a_thread(main)
    for bad in ("block", "python,thread", "thread+1", "celadon.x:y", None):
        with pytest.raises(ResolverConfigError, match="choose python, ares, auto, thread"):
            aio.Resolver(bad)
    with pytest.raises(ResolverConfigError, match="overrides"):
        aio.Resolver("thread", overrides={"a": "192.0.2.1"})
