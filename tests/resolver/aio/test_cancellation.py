"""A cancel at each await point of each call, and at random ones of many at once: no lost wake-up, nothing is left."""

import asyncio
import random
import socket

import pytest

from celadon.resolver import ResolveError, aio
from celadon.resolver.aio import aiodns, loop_runtime
from celadon.resolver.testing import Delay, Drop, NameServer, Servfail, Truncate

RECORDS = [("one.test", "A", "192.0.2.1"), ("one.test", "AAAA", "2001:db8::1"), ("one.test", "TXT", "text")]
RECORDS += [("alias.test", "CNAME", "one.test."), ("1.2.0.192.in-addr.arpa", "PTR", "one.test.")]
RECORDS += [("tcp.test", "A", "192.0.2.4"), ("slow.test", "A", "192.0.2.5")]
SCRIPTS = {"tcp.test": Truncate(), "silent.test": Drop(), "broken.test": Servfail(), "slow.test": Delay(0.003)}

CALLS = (
    ("getaddrinfo", "one.test", 80),
    ("getaddrinfo", "one.test", 80, socket.AF_INET, socket.SOCK_STREAM),
    ("getaddrinfo", "alias.test", 80, socket.AF_INET, 0, 0, socket.AI_CANONNAME),
    ("getaddrinfo", "tcp.test", 80, socket.AF_INET),
    ("getaddrinfo", "nobody.test", 80),
    ("gethostbyname", "slow.test"),
    ("gethostbyname_ex", "alias.test"),
    ("gethostbyaddr", "192.0.2.1"),
    ("getnameinfo", ("192.0.2.1", 80)),
    ("query", "one.test", "TXT"),
    ("query", "broken.test", "A"),
    ("query", "silent.test", "A"),
)
POINTS = 12  # turns of the loop after which the task is cancelled; most calls are over by then


def nothing_is_left(made):
    loop, place = asyncio.get_running_loop(), loop_runtime.current()
    stats = made.stats()
    assert (stats.waiting, stats.questions) == (0, 0)
    assert not [one for one in loop._scheduled if not one.cancelled()]
    assert len(asyncio.all_tasks()) == 1
    for seat in place.vars.values():
        assert repr(seat.flights.engine).endswith(" 0 in flight>")


async def after(turns, task):
    """Cancel the task after so many turns of the loop; its outcome."""
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    if task.cancelled():
        return "cancelled"
    return "failed" if task.exception() is not None else "ended"


@pytest.mark.parametrize("engine", ["python", "ares"])
def test_at_each_await_point(engine, server):
    seen = set()

    async def main():
        made = aio.Resolver(engine, servers=server.servers, cache=False, timeout=0.3, attempts=1, deadline=5)
        for call in CALLS:
            for turns in range(POINTS):
                task = asyncio.create_task(getattr(made, call[0])(*call[1:]))
                seen.add(await after(turns, task))
                nothing_is_left(made)
        assert await made.gethostbyname("one.test") == "192.0.2.1"
        made.close()
        loop = asyncio.get_running_loop()
        assert not loop._selector.get_map().keys() - {loop._ssock.fileno()}

    asyncio.run(main())
    assert "cancelled" in seen


@pytest.mark.parametrize("engine", ["python", "ares"])
def test_who_waits_beside_a_cancelled_one_is_woken(engine, server):
    async def main():
        made = aio.Resolver(engine, servers=server.servers, cache=False, timeout=5)
        for turns in range(POINTS):
            tasks = [asyncio.create_task(made.gethostbyname("slow.test")) for _ in range(3)]
            victim = tasks[turns % 3]
            await after(turns, victim)
            others = [one for one in tasks if one is not victim]
            assert await asyncio.wait_for(asyncio.gather(*others), 5) == ["192.0.2.5"] * 2
            nothing_is_left(made)
        made.close()

    asyncio.run(main())


@pytest.mark.parametrize("engine", ["python", "ares"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_many_by_chance(engine, seed, server):
    chance = random.Random(seed)

    async def one(made, facade, number):
        name = chance.choice(("one.test", "slow.test", "tcp.test", f"h{number}.test", "nobody.test", "silent.test"))
        try:
            match chance.randrange(3):
                case 0:
                    return await made.getaddrinfo(name, 80, chance.choice((0, socket.AF_INET)))
                case 1:
                    return await made.query(name, chance.choice(("A", "AAAA", "TXT")))
                case 2:
                    return await facade.query_dns(name, "A")
        except (ResolveError, aiodns.error.DNSError) as error:
            return error

    async def main():
        made = aio.Resolver(engine, servers=server.servers, timeout=0.2, attempts=1)
        facade = aiodns.DNSResolver([server.address], engine=engine, timeout=0.2, tries=1)
        tasks = []
        for number in range(150):
            tasks.append(asyncio.create_task(one(made, facade, number)))
            for _ in range(chance.randrange(3)):
                await asyncio.sleep(0)
            if chance.random() < 0.5:
                chance.choice(tasks).cancel()
        done = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 20)
        assert {type(one) for one in done if isinstance(one, BaseException)} <= {
            asyncio.CancelledError, ResolveError, aiodns.error.DNSError,
        }  # fmt: skip
        await facade.close()
        nothing_is_left(made)
        made.close()

    asyncio.run(main())


def test_a_deadline_and_a_cancel_in_one_turn():
    """Whichever is first, the other does no harm."""

    async def main():
        with NameServer() as server:
            server.script("silent.test", Drop())
            made = aio.Resolver("python", servers=server.servers, deadline=0.01)
            for _ in range(20):
                task = asyncio.create_task(made.gethostbyname("silent.test"))
                asyncio.get_running_loop().call_later(0.01, task.cancel)
                await asyncio.wait([task])
                assert task.cancelled() or isinstance(task.exception(), ResolveError)
                await asyncio.sleep(0.002)
                nothing_is_left(made)
            made.close()

    asyncio.run(main())
