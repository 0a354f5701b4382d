"""Crossing on trio: results, errors, cancellation both ways, contexts, waits that are refused, and no wake-ups."""

import contextvars

import pytest
import trio

from celadon.hub import BlockingInHubError, Event, Timeout, get_hub, sleep, spawn, to_thread
from celadon.hub.aio.trio import GreenletKilledError, await_, join, run_green
from celadon.hub.loop.joined import joined_here

var = contextvars.ContextVar("var", default=0)
log = []


async def double(n):
    await trio.sleep(0.001)
    var.set(n)
    return 2 * n


def green(n):
    sleep(0.001)
    assert await_(double(n)) == 2 * n
    assert var.get() == n
    return to_thread(abs, -n) + 1


async def patient():
    try:
        await trio.sleep(100)
    finally:
        with trio.CancelScope(shield=True):
            await trio.sleep(0.005)
        log.append("task")


def patient_green():
    try:
        sleep(100)
    finally:
        sleep(0.005)
        log.append("greenlet")


def deadline():
    with Timeout(0.01, False):
        await_(patient())
    return "went on"


async def fail():
    await trio.sleep(0)
    raise KeyError("deep")


async def main():
    assert await run_green(green, 4) == 5
    assert var.get() == 4
    assert await spawn(green, 5) == 6
    async with trio.open_nursery() as nursery:
        for n in range(20):
            nursery.start_soon(run_green, green, n)
    with trio.move_on_after(0.01) as scope:
        await run_green(patient_green)
    assert scope.cancelled_caught
    assert log == ["greenlet"]
    assert await run_green(deadline) == "went on"
    assert log == ["greenlet", "task"]
    with pytest.raises(KeyError, match="deep"):
        await run_green(await_, fail())
    with pytest.raises(BlockingInHubError, match=r"the task .*main.* tried to wait"):
        sleep(1)
    with pytest.raises(BlockingInHubError, match="write await"):
        await_(double(1))
    with pytest.raises(TypeError, match="takes an awaitable"):
        await run_green(await_, double)
    one = spawn(sleep, 100)
    await trio.sleep(0.001)
    one.kill(block=False)
    with pytest.raises(GreenletKilledError):
        await one
    parked = spawn(Event().wait)
    await trio.sleep(0.01)
    before = joined_here().calls
    await trio.sleep(0.1)
    assert joined_here().calls == before
    parked.kill(block=False)
    await trio.sleep(0.01)
    assert not get_hub().parked
    join()


for _ in range(2):
    trio.run(main)
    log.clear()
    sleep(0.001)
print("right")
