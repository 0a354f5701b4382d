"""``celadon.resolver.aio`` on asyncio: libc's answers on the loop itself, and nothing left whatever happens."""

import asyncio
import contextlib
import gc
import socket
import threading
import time

import pytest

import celadon.resolver as plain
from celadon.resolver import Cache, Kind, ResolveError, ResolverConfigError, aio
from celadon.resolver.aio import loop_runtime
from celadon.resolver.testing import Delay, Drop, NameServer, Servfail

ENGINES = ("python", "ares")

RECORDS = [
    ("one.test", "A", "192.0.2.1"),
    ("both.test", "A", "192.0.2.2"),
    ("both.test", "AAAA", "2001:db8::2"),
    ("alias.test", "CNAME", "both.test."),
    ("mail.test", "MX", "10 one.test."),
    ("2.2.0.192.in-addr.arpa", "PTR", "both.test."),
]
SCRIPTS = {"silent.test": Drop(), "late.test": Delay(0.1)}


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


def known(error):
    """What a program may compare: the standard library's class, and the arguments."""
    return next(base for base in type(error).__mro__ if base.__module__ == "socket"), error.args


def outcome(name, *args):
    try:
        return getattr(plain, name)(*args)
    except OSError as error:
        return known(error)


def sockets_of(runtime):
    return [seat.flights.engine for seat in runtime.vars.values()]


def test_what_libc_gives_and_raises(engine, server):
    calls = [
        ("getaddrinfo", "both.test", 80),
        ("getaddrinfo", "both.test", "http", 0, 1, 0, socket.AI_CANONNAME),
        ("getaddrinfo", "alias.test", None, socket.AF_INET, 1),
        ("getaddrinfo", "127.1", 80),
        ("getaddrinfo", "nobody.test", 80),
        ("getaddrinfo", "one.test", 80, socket.AF_INET6),
        ("getaddrinfo", "one.test", "no-such-service"),
        ("gethostbyname", "one.test"),
        ("gethostbyname", "nobody.test"),
        ("gethostbyname_ex", "alias.test"),
        ("gethostbyaddr", "192.0.2.2"),
        ("getnameinfo", ("192.0.2.2", 80), 0),
        ("getnameinfo", ("192.0.2.2", 80), socket.NI_NUMERICHOST),
    ]
    with plain.scope(engine, servers=server.servers):
        expected = [outcome(*call) for call in calls]

    async def main():
        async with aio.Resolver(engine, servers=server.servers) as made:
            found = []
            for name, *args in calls * 2:  # the second time from the memo and the cache
                try:
                    found.append(await getattr(made, name)(*args))
                except OSError as error:
                    found.append(known(error))
            return found

    assert asyncio.run(main()) == expected * 2


def test_query(engine, server):
    async def main():
        async with aio.Resolver(engine, servers=server.servers) as made:
            assert (await made.query("mail.test", "MX")).data == ("10 one.test.",)
            with pytest.raises(ResolveError) as caught:
                await made.query("nobody.test")
            assert caught.value.kind is Kind.NXDOMAIN
            assert caught.value.answer.rcode == 3
            assert "nobody.test" in caught.value.__notes__[0]
            with pytest.raises(ResolverConfigError):
                await made.query("one.test", "NOSUCHTYPE")

    asyncio.run(main())


def test_arguments_that_cannot_be():
    for bad in ({"engine": "thred"}, {"engine": "python", "servers": []}, {"engine": "python", "timeout": -1}):
        with pytest.raises(ResolverConfigError):
            aio.Resolver(**bad)
    with pytest.raises(TypeError, match="sreach"):
        aio.Resolver("python", sreach=["example"])


def test_where_no_loop_runs(server):
    made = aio.Resolver("python", servers=server.servers)
    call = made.getaddrinfo("one.test", 80)
    with pytest.raises(RuntimeError, match="no running event loop"):
        call.send(None)
    made.close()
    made.close()


def test_closed(engine, server):
    async def main():
        made = aio.Resolver(engine, servers=server.servers)
        late = asyncio.create_task(made.gethostbyname("late.test"))
        await asyncio.sleep(0.01)
        made.close()
        with pytest.raises(ResolveError) as caught:
            await made.getaddrinfo("one.test", 80)
        assert caught.value.kind is Kind.CANCELLED
        with pytest.raises(socket.gaierror):  # what was under way ends; this name has no record
            await late
        assert not [one for one in loop_runtime.current().vars if one is made._lookups]

    asyncio.run(main())


def test_a_cancelled_task_leaves_nothing(engine, server):
    async def main():
        async with aio.Resolver(engine, servers=server.servers, timeout=30) as made:
            tasks = [
                asyncio.create_task(call)
                for call in (
                    made.getaddrinfo("silent.test", 80),
                    made.getaddrinfo("silent.test", 80, socket.AF_INET),
                    made.gethostbyname("silent.test"),
                    made.query("silent.test", "TXT"),
                )
            ]
            await asyncio.sleep(0.02)
            stats = made.stats()
            assert (stats.waiting, stats.questions) == (4, 3)
            for task in tasks:
                task.cancel()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(one) for one in done} == {asyncio.CancelledError}
            stats = made.stats()
            assert (stats.waiting, stats.questions) == (0, 0)
            assert not alive_timers()
            assert await made.gethostbyname("one.test") == "192.0.2.1"
        assert not asyncio.get_running_loop()._selector.get_map().keys() - own_fds()

    asyncio.run(main())


def alive_timers():
    return [one for one in asyncio.get_running_loop()._scheduled if not one.cancelled()]


def own_fds():
    return {asyncio.get_running_loop()._ssock.fileno()}


def test_who_shares_a_flight_keeps_it(engine, server):
    async def main():
        async with aio.Resolver(engine, servers=server.servers) as made:
            server.add("late.test", "A", "192.0.2.9")
            first, *others = [asyncio.create_task(made.gethostbyname("late.test")) for _ in range(4)]
            await asyncio.sleep(0.02)
            first.cancel()
            assert await asyncio.gather(*others) == ["192.0.2.9"] * 3
            assert first.cancelled() or await asyncio.wait([first])
            assert len([one for one in server.queries if one.name == "late.test"]) == 1

    asyncio.run(main())


def test_deadline(engine, server):
    async def main():
        async with aio.Resolver(engine, servers=server.servers, deadline=0.05) as made:
            for call in (
                made.getaddrinfo("silent.test", 80),
                made.getaddrinfo("silent.test", 80, socket.AF_INET),
                made.query("silent.test", "TXT"),
            ):
                began = time.monotonic()
                with pytest.raises(ResolveError) as caught:
                    await call
                assert caught.value.kind is Kind.TIMEOUT
                assert 0.04 < time.monotonic() - began < 2
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(made.query("silent.test", deadline=30), 0.05)
            assert made.stats().questions == 0
            assert not alive_timers()

    asyncio.run(main())


def test_the_end_of_a_loop_closes_its_sockets(engine, server):
    made = aio.Resolver(engine, servers=server.servers)

    async def main():
        task = asyncio.create_task(made.getaddrinfo("silent.test", 80))  # and nobody waits for it
        await made.getaddrinfo("one.test", 80)
        assert not task.done()
        return loop_runtime.current()

    runtime = asyncio.run(main())
    assert not runtime.vars
    assert not loop_runtime._runtimes
    assert asyncio.run(main()) is not runtime  # the next loop has sockets of its own


def test_a_loop_that_is_closed_by_hand(server):
    made = aio.Resolver("python", servers=server.servers)
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(made.gethostbyname("one.test")) == "192.0.2.1"
    assert list(loop_runtime._runtimes) == [loop]
    loop.close()
    assert asyncio.run(made.gethostbyname("both.test")) == "192.0.2.2"
    assert not loop_runtime._runtimes
    gc.collect()


def test_a_pending_lookup_of_a_loop_that_is_closed(server):
    made = aio.Resolver("python", servers=server.servers)
    loop = asyncio.new_event_loop()
    task = loop.create_task(made.gethostbyname("silent.test"))
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.set_exception_handler(lambda *_: None)
    loop.close()
    task._log_destroy_pending = False
    del task
    gc.collect()
    assert asyncio.run(made.gethostbyname("one.test")) == "192.0.2.1"


def test_loops_in_threads_share_the_cache_only(server):
    made = aio.Resolver("python", servers=server.servers, cache=Cache())
    engines, found = set(), []

    async def main():
        with pytest.raises(socket.gaierror):
            await made.gethostbyname(f"of-thread-{threading.get_ident()}.test")  # so that each has an engine
        found.extend([await made.getaddrinfo("both.test", 80, type=1) for _ in range(20)])
        engines.update(sockets_of(loop_runtime.current()))

    threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 80
    assert all(one == found[0] for one in found)
    assert len(engines) == 4
    assert len([one for one in server.queries if one.name == "both.test"]) <= 8


def test_the_functions_use_one_resolver(server, monkeypatch):
    monkeypatch.setattr("celadon.resolver.aio.aio_resolver._default", aio.Resolver("python", servers=server.servers))

    async def main():
        assert (await aio.getaddrinfo("one.test", 80, type=1))[0][4] == ("192.0.2.1", 80)
        assert await aio.gethostbyname("one.test") == "192.0.2.1"
        assert (await aio.gethostbyname_ex("alias.test"))[0] == "both.test"
        assert (await aio.gethostbyaddr("192.0.2.2"))[0] == "both.test"
        assert await aio.getnameinfo(("192.0.2.2", 80)) == ("both.test", "http")
        assert await aio.getfqdn("192.0.2.2") == "both.test"
        assert (await aio.query("mail.test", "MX")).data == ("10 one.test.",)

    asyncio.run(main())


def test_many_at_once(engine):
    async def main():
        with NameServer(synthetic=True) as server:
            async with aio.Resolver(engine, servers=server.servers) as made:
                limit = asyncio.Semaphore(50)

                async def one(number):
                    async with limit:
                        return await made.getaddrinfo(f"h{number}.test", 80, socket.AF_INET, socket.SOCK_STREAM)

                found = await asyncio.gather(*[one(number) for number in range(300)])
                assert len({row[0][4][0] for row in found}) == 300
                assert made.stats().errors == {}

    asyncio.run(main())


def test_bulk(engine):
    names = [f"h{number}.test" for number in range(300)]

    async def main():
        with NameServer(synthetic=True) as server:
            server.script("h7.test", Servfail())
            made = aio.Resolver(engine, servers=iter(server.servers))
            options = {"timeout": 5.0, "attempts": 1, "concurrency": 40}
            found = [one async for one in made.bulk([*names, "", "h1.test"], ("A", "AAAA"), **options)]
            assert sorted(question for question, _ in found) == sorted(
                plain.Question(name, kind) for name in [*names, "", "h1.test"] for kind in (1, 28)
            )
            failed = {question.name: one.kind for question, one in found if isinstance(one, ResolveError)}
            assert failed == {"": Kind.ILLEGAL}
            assert {question.name for question, one in found if getattr(one, "rcode", 0)} == {"h7.test"}
            inorder = [question.name async for question, _ in aio.bulk(names, servers=server.servers, ordered=True)]
            assert inorder == names
        assert not asyncio.get_running_loop()._selector.get_map().keys() - own_fds()

    asyncio.run(main())


def test_a_bulk_that_is_broken_off(engine, server):
    async def main():
        made = aio.Resolver(engine, servers=server.servers)
        read = []

        def names():
            for number in range(10_000):
                read.append(number)
                yield f"h{number}.test"

        async with contextlib.aclosing(made.bulk(names(), concurrency=20)) as found:
            async for _ in found:
                break
        assert len(read) <= 21

        async def forever():
            async for _ in made.bulk(["silent.test"] * 5, timeout=30):
                raise AssertionError

        task = asyncio.create_task(forever())
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.wait([task])
        assert not alive_timers()
        assert not asyncio.get_running_loop()._selector.get_map().keys() - own_fds()
        with pytest.raises(ResolverConfigError):
            await anext(made.bulk(["one.test"], ["NOSUCHTYPE"]))

    asyncio.run(main())
