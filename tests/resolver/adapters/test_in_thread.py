"""A resolver for other threads, in a process where nothing is patched."""

import asyncio
import concurrent.futures
import os
import socket
import threading
import time

import pytest

from celadon.hub.lowlevel import hub_if_any
from celadon.resolver import BlockedAddress, CrawlerResolver, Kind, ResolveError
from celadon.resolver.adapters import ResolverThread
from celadon.resolver.testing import Delay, Drop


def test_a_future(thread, names):
    assert thread.submit("good.test", 80).result(5) == [(2, 1, 6, "", ("127.0.1.1", 80))]
    assert thread.getaddrinfo("good.test", "http", 0, socket.SOCK_STREAM)[0][4] == ("127.0.1.1", 80)
    assert thread.find("good.test", 443)[0][4] == ("127.0.1.1", 443)
    assert thread.getnameinfo(("127.0.1.1", 80), socket.NI_NUMERICHOST) == ("127.0.1.1", "http")
    assert thread.lookup("good.test").result(5).addresses == ("127.0.1.1",)
    with pytest.raises(BlockedAddress):
        thread.submit("evil.test").result(5)
    with pytest.raises(ResolveError) as caught:
        thread.submit("nx.test").result(5)
    assert caught.value.kind is Kind.NXDOMAIN
    with pytest.raises(BlockedAddress):
        thread.permit("127.0.0.1")


def test_the_callers_thread_gets_no_hub(thread):
    got = []

    def work():
        thread.submit("good.test").result(5)
        thread.find("two.test", 80, 0, 5)
        got.append(hub_if_any())

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert got == [None]


def test_many_threads_one_query(thread, names):
    names.script("good.test", Delay(0.2))
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        found = list(pool.map(lambda port: thread.getaddrinfo("good.test", port, socket.AF_INET, 1), range(1, 101)))
    assert [one[0][4] for one in found] == [("127.0.1.1", port) for port in range(1, 101)]
    assert names.count("good.test") <= 2, "each burst of waiters is one query"


def test_cancelled_is_cancelled(thread, names):
    names.script("good.test", Drop())
    future = thread.submit("good.test")
    time.sleep(0.05)
    assert future.cancel()
    deadline = time.monotonic() + 5
    while thread.resolver.stats().in_flight and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not thread.resolver.stats().in_flight
    assert "0 pending" in repr(thread)


def test_bounded_and_closed(options, names):
    names.script("good.test", Drop())
    thread = ResolverThread(CrawlerResolver("python", **{**options, "timeout": 30}))
    begin = time.monotonic()
    with pytest.raises(ResolveError) as caught:
        thread.find("good.test", 80, 0, 0.1)
    assert caught.value.kind is Kind.TIMEOUT
    assert time.monotonic() - begin < 5
    waiting = thread.submit("good.test")
    time.sleep(0.05)
    thread.close()
    thread.close()
    with pytest.raises(concurrent.futures.CancelledError):
        waiting.result(5)
    with pytest.raises(RuntimeError, match="closed"):
        thread.submit("good.test")


def test_never_used(options):
    ResolverThread("python", **options).close()


def test_key_and_prefetch(thread, names):
    assert thread.key("two.test") == "two.test"
    deadline = time.monotonic() + 5
    while thread.key("two.test") == "two.test" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert thread.key("two.test") == "127.0.1.2"
    thread.prefetch(["good.test"])
    while not names.count("good.test") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert names.count("good.test")


def test_closed_in_the_middle_of_a_prefetch(thread, names):
    """Its greenlet never runs again, and so never says that it needs the engine no more."""
    names.script("good.test", Drop())
    thread.prefetch(["good.test"])
    deadline = time.monotonic() + 5
    while not names.count("good.test") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert names.count("good.test")
    thread.close()


def test_a_forked_child_starts_its_own(thread):
    thread.submit("good.test").result(5)
    child = os.fork()
    if not child:
        try:
            good = thread.submit("two.test").result(10)[0][4][0] == "127.0.1.2"
            os._exit(0 if good else 1)
        except BaseException:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_from_asyncio(thread):
    async def main():
        futures = [asyncio.wrap_future(thread.submit(host)) for host in ("good.test", "two.test")]
        return [one[0][4][0] for one in await asyncio.gather(*futures)]

    assert asyncio.run(main()) == ["127.0.1.1", "127.0.1.2"]
