"""Cancellation through both worlds: a task kills its greenlet, a kill cancels its task, and both wait for the end."""

import asyncio
import random

import pytest

from celadon.hub import (
    Greenlet,
    GreenletExit,
    Lock,
    Queue,
    TaskGroup,
    Timeout,
    get_hub,
    kill,
    shield,
    sleep,
    spawn,
    to_thread,
)
from celadon.hub.aio import await_, join, run_coroutine, run_green
from celadon.hub.loop.pollers import default_poller

pytestmark = pytest.mark.skipif(
    default_poller().fileno() < 0, reason="a joined hub's poller must have an fd, which poll(2) and select(2) have not"
)


async def later(value, seconds=0.005):
    await asyncio.sleep(seconds)
    return value


def test_a_cancelled_task_kills_its_greenlet_and_waits_for_its_end(on_loop):
    log = []

    def patient():
        try:
            sleep(100)
        finally:
            sleep(0.005)  # clean-up may wait
            log.append("cleaned up")

    async def main():
        task = asyncio.create_task(run_green(patient))
        await asyncio.sleep(0.002)
        task.cancel("why")
        with pytest.raises(asyncio.CancelledError, match="why"):
            await task
        log.append("cancelled")

    on_loop(main)
    assert log == ["cleaned up", "cancelled"]


def test_cancelled_before_it_began(on_loop):
    log = []

    async def main():
        task = asyncio.create_task(run_green(log.append, 1))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    on_loop(main)
    assert log == []


def test_cancelled_twice_and_swallowed(on_loop):
    def stubborn():
        for _ in range(2):
            try:
                sleep(100)
            except GreenletExit:
                continue
        return "swallowed"

    async def main():
        task = asyncio.create_task(run_green(stubborn))
        for _ in range(2):
            await asyncio.sleep(0.002)
            task.cancel()
        return await task

    assert on_loop(main) == "swallowed"


def test_a_kill_cancels_the_awaited_task_and_waits_for_its_end(on_loop):
    log = []

    async def patient():
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(0.005)
            log.append("cleaned up")

    def work():
        try:
            await_(patient())
        finally:
            log.append("killed")

    async def main():
        join()
        one = spawn(work)
        await asyncio.sleep(0.002)
        kill(one, block=False)
        with pytest.raises(asyncio.CancelledError, match="was killed"):
            await one

    on_loop(main)
    assert log == ["cleaned up", "killed"]


def test_a_failure_in_the_clean_up_does_not_hide_the_kill(on_loop):
    async def patient():
        try:
            await asyncio.sleep(100)
        finally:
            raise ValueError("in the clean-up")

    async def main():
        join()
        one = spawn(await_, patient())
        await asyncio.sleep(0.002)
        one.kill(block=False)
        with pytest.raises(asyncio.CancelledError):
            await one

    on_loop(main)


def test_a_second_kill_and_a_shield(on_loop):
    async def patient():
        for _ in range(2):
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                continue

    def shielded():
        with shield():
            return await_(later("done"))

    async def main():
        join()
        one = spawn(await_, patient())
        for _ in range(2):
            await asyncio.sleep(0.002)
            one.kill(block=False)
        with pytest.raises(asyncio.CancelledError):
            await one
        task = asyncio.create_task(run_green(shielded))
        await asyncio.sleep(0.002)
        task.cancel()
        return await task

    assert on_loop(main) == "done"


def test_a_cancelled_inner_task_raises_in_the_greenlet(on_loop):
    def work():
        task = asyncio.get_running_loop().create_task(later(1, 100))
        asyncio.get_running_loop().call_later(0.001, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await_(task)
        return "went on"

    async def main():
        return await run_green(work)

    assert on_loop(main) == "went on"


def test_deadlines_of_both_worlds(on_loop):
    def green():
        with Timeout(0.005, False):
            await_(asyncio.sleep(100))
            return "not reached"
        return "green"

    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.005):
                await run_green(sleep, 100)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(spawn(sleep, 100), 0.005)
        return await run_green(green)

    assert on_loop(main) == "green"


def test_task_groups_hold_both(on_loop, reported):
    ended = []

    def patient():
        try:
            sleep(100)
        finally:
            ended.append("greenlet")

    async def patient_too():
        try:
            await asyncio.sleep(100)
        finally:
            ended.append("task")

    def fail():
        sleep(0.002)
        raise ValueError("one of them")

    async def group():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run_green(patient))
            tasks.create_task(patient_too())
            tasks.create_task(run_green(fail))

    def green_group():
        with TaskGroup() as tasks:
            tasks.spawn(patient)
            tasks.spawn(await_, patient_too())
            tasks.spawn(fail)

    async def main():
        with pytest.raises(ExceptionGroup) as caught:
            await group()
        assert caught.group_contains(ValueError, match="one of them")
        with pytest.raises(ExceptionGroup) as caught:
            await run_green(green_group)
        assert caught.group_contains(ValueError, match="one of them")

    on_loop(main)
    assert sorted(ended) == ["greenlet", "greenlet", "task", "task"]
    assert reported == []


@pytest.mark.parametrize("seed", range(8))
def test_cancellation_at_any_point_loses_nothing(on_loop, seed):
    """Towers of greenlets and tasks over a queue and a lock; each is cancelled somewhere, from either side."""
    draw = random.Random(seed)
    lock, queue = Lock(), Queue()
    steps = [
        lambda: sleep(0),
        lambda: sleep(draw.random() / 1000),
        lambda: await_(asyncio.sleep(0)),
        lambda: await_(later(1, draw.random() / 1000)),
        lambda: await_(run_green(sleep, 0)),
        lambda: run_coroutine(run_green(lambda: await_(later(2, 0.001)))),
        lambda: spawn(await_, asyncio.sleep(0)).join(),
        lambda: to_thread(int),
        locked := lambda: [lock.acquire(), fed(lambda: await_(asyncio.sleep(0)))],
        lambda: [queue.put(1), queue.get()],
    ]
    assert locked in steps

    def fed(step):
        try:
            step()
        finally:
            lock.release()

    def work():
        for _ in range(6):
            draw.choice(steps)()

    async def main():
        tasks = [asyncio.create_task(run_green(work)) for _ in range(12)]
        greenlets = [spawn(work) for _ in range(12)]
        waits = [asyncio.ensure_future(one) for one in greenlets]
        left = [*tasks, *greenlets]
        draw.shuffle(left)
        for victim in left[:16]:
            await asyncio.sleep(draw.choice([0, 0, draw.random() / 500]))
            if isinstance(victim, Greenlet):
                victim.kill(block=False)
            else:
                victim.cancel()
        found = await asyncio.gather(*tasks, *waits, return_exceptions=True)
        assert {type(one) for one in found} <= {type(None), asyncio.CancelledError}, found
        assert lock.acquire(blocking=False)
        await run_green(sleep, 0.005)
        assert not get_hub().parked
        assert not get_hub().holds

    on_loop(main)
