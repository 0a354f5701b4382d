"""The concurrent.futures API over the hub's threads: what the standard library's own functions do with it."""

import _thread
import asyncio
import concurrent.futures
import time

import pytest

from celadon.green.futures import ThreadPoolExecutor
from celadon.hub import sleep, spawn


@pytest.fixture
def executor():
    with ThreadPoolExecutor(2) as made:
        yield made
    while made._pool.size:
        sleep(0.002)


def test_a_result_lets_others_run(executor):
    ticks = []

    def tick():
        while True:
            ticks.append(1)
            sleep(0.001)

    def work():
        ends = time.monotonic() + 10
        while len(ticks) < 4 and time.monotonic() < ends:
            time.sleep(0.001)
        return _thread.get_ident()

    ticking = spawn(tick)
    future = executor.submit(work)
    assert future.result() != _thread.get_ident()
    assert len(ticks) > 3
    ticking.kill()
    with pytest.raises(ZeroDivisionError):
        executor.submit(divmod, 1, 0).result()
    assert isinstance(executor.submit(divmod, 1, 0).exception(), ZeroDivisionError)


def test_map_as_completed_wait_and_callbacks(executor):
    assert list(executor.map(pow, [2, 3], [4, 5])) == [16, 243]
    futures = [executor.submit(abs, -n) for n in range(5)]
    assert sorted(one.result() for one in concurrent.futures.as_completed(futures)) == [0, 1, 2, 3, 4]
    done, left = concurrent.futures.wait(futures)
    assert (len(done), left) == (5, set())
    called = []
    futures[0].add_done_callback(called.append)
    assert called == [futures[0]]


def test_cancel_timeout_and_shutdown(executor):
    gate = _thread.allocate_lock()
    gate.acquire()
    blocked = [executor.submit(lambda: (gate.acquire(), gate.release())) for _ in range(2)]
    queued = [executor.submit(int) for _ in range(3)]
    with pytest.raises(TimeoutError):
        blocked[0].result(timeout=0.001)
    while not all(one.running() for one in blocked):
        sleep(0.001)
    assert not blocked[0].cancel()
    assert queued[0].cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        queued[0].result()
    executor.shutdown(wait=False, cancel_futures=True)
    assert all(one.cancelled() for one in queued)
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(int)
    gate.release()
    assert concurrent.futures.wait([*blocked, *queued], timeout=10).not_done == set()
    with pytest.raises(ValueError, match="greater than 0"):
        ThreadPoolExecutor(0)


def test_asyncio_takes_the_futures(executor):
    async def main():
        return await asyncio.wrap_future(executor.submit(abs, -7))

    assert asyncio.run(main()) == 7
