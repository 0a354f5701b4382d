"""greenback in a task: synchronous code awaits through the portal, and sees its loop and its task."""

import asyncio

import greenback

seen = []


def synchronous():
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert greenback.await_(asyncio.sleep(0.001, "slept")) == "slept"
    assert (asyncio.get_running_loop(), asyncio.current_task()) == (loop, task)
    seen.append(task)
    return loop, task


async def work():
    await greenback.ensure_portal()
    assert synchronous() == (asyncio.get_running_loop(), asyncio.current_task())


async def main():
    await asyncio.gather(*[work() for _ in range(10)])


asyncio.run(main())
assert len(set(seen)) == 10
