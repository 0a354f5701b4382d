"""Where a coroutine may wait: it was asked for, or the process is patched and its loop is in C."""

import asyncio

import pytest

from celadon.hub import Event, fail_after, sleep, spawn
from celadon.hub.aio import await_, join, run_green
from celadon.hub.loop.pollers import default_poller
from celadon.hub.lowlevel import begin_now

from . import played

pytestmark = pytest.mark.skipif(
    default_poller().fileno() < 0, reason="a joined hub's poller must have an fd, which poll(2) and select(2) have not"
)


async def later(value, seconds=0.005):
    await asyncio.sleep(seconds)
    return value


def test_a_wait_in_a_coroutine_if_it_was_asked_for(on_loop):
    """It stops the loop, as it would beside threads; greenlets and timers go on."""
    log = []

    def count():
        for n in range(3):
            sleep(0.001)
            log.append((n, asyncio.current_task()))

    async def main():
        task = asyncio.current_task()
        join(waits=True)
        asyncio.get_running_loop().call_soon(log.append, "the loop")
        counting = spawn(count)
        counting.join()
        assert log == [(0, None), (1, None), (2, None)]
        assert asyncio.current_task() is task
        sleep(0)
        with pytest.raises(TimeoutError), fail_after(0.001):
            Event().wait()
        await asyncio.sleep(0)
        assert log[-1] == "the loop"
        assert await run_green(lambda: (sleep(0.001), await_(later(1)))[1]) == 1

    on_loop(main)


def test_what_a_coroutine_spawned_may_begin_at_once(on_loop):
    log = []

    async def main():
        task = asyncio.current_task()
        join()
        spawn(lambda: log.append(asyncio.current_task()))
        begin_now()
        assert log == [None]
        assert asyncio.current_task() is task
        await run_green(begin_now)  # in a greenlet it does nothing

    on_loop(main)
    begin_now()


PATCHED = """
import celadon
from celadon.green import original

celadon.patch_all()
import asyncio
import selectors
import time

from celadon.hub import sleep, spawn
from celadon.hub.aio import await_, join, run_green


class InC(selectors.EpollSelector):  # waits where no patch reaches, as uvloop does
    _selector_cls = original("select", "epoll")


async def main():
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    join(waits=True)
    began = time.monotonic()
    assert await asyncio.gather(*(asyncio.to_thread(blocks, n) for n in range(5))) == list(range(5))
    assert time.monotonic() - began < 0.4

    def green():
        sleep(0.001)
        assert (asyncio.get_running_loop(), asyncio.current_task()) == (loop, task)
        return await_(asyncio.sleep(0.001, "slept"))

    assert await run_green(green) == "slept"
    assert await spawn(asyncio.get_running_loop) is loop
    assert asyncio.current_task() is task


def blocks(n):
    time.sleep(0.1)
    return n


with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(InC())) as runner:
    runner.run(main())
sleep(0.001)
assert asyncio._get_running_loop() is None
print("right")
"""


def test_a_loop_in_c_under_the_patch_runs_the_threads_that_are_greenlets(tmp_path):
    (tmp_path / "program.py").write_text(PATCHED)
    done = played.program(str(tmp_path / "program.py"))
    assert done.stdout == "right\n", done.stderr
    assert done.stderr == ""
