"""The rows of asyncio's loops, where the work means the same."""

import asyncio
import socket
import time

from .measure import resident


async def noop(*_):
    """What is run."""


def blocking():
    """What is run in a thread."""


def runner(name):
    """A function that runs a coroutine on a loop of this kind."""
    if name == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    else:
        factory = asyncio.new_event_loop

    def run(main):
        with asyncio.Runner(loop_factory=factory) as one:
            return one.run(main)

    return run


def rows(name):
    """(label, work, count) of each, as for greenlets."""
    run = runner(name)

    async def yielding(count):
        for _ in range(count):
            await asyncio.sleep(0)

    async def yielding_in_turn(count):
        await asyncio.gather(*[yielding(count // 10) for _ in range(10)])

    async def spawning(count):
        for _ in range(count // 100):
            await asyncio.gather(*[asyncio.create_task(noop()) for _ in range(100)])

    async def napping(count):
        await asyncio.gather(*[asyncio.create_task(asyncio.sleep(0.01 + n * 1e-7)) for n in range(count)])

    async def queues(count):
        there, back = asyncio.Queue(), asyncio.Queue()

        async def echo():
            for _ in range(count):
                await back.put(await there.get())

        echoing = asyncio.create_task(echo())
        for n in range(count):
            await there.put(n)
            await back.get()
        await echoing

    async def events(count):
        there, back = asyncio.Event(), asyncio.Event()

        async def echo():
            for _ in range(count):
                await there.wait()
                there.clear()
                back.set()

        echoing = asyncio.create_task(echo())
        for _ in range(count):
            there.set()
            await back.wait()
            back.clear()
        await echoing

    async def semaphores(count):
        there, back = asyncio.Semaphore(0), asyncio.Semaphore(0)

        async def echo():
            for _ in range(count):
                await there.acquire()
                back.release()

        echoing = asyncio.create_task(echo())
        for _ in range(count):
            there.release()
            await back.acquire()
        await echoing

    async def ready_queue(count):
        queue = asyncio.Queue()
        for n in range(count):
            await queue.put(n)
            await queue.get()

    async def free_semaphore(count):
        semaphore = asyncio.Semaphore(1)
        for _ in range(count):
            await semaphore.acquire()
            semaphore.release()

    async def timeouts(count):
        for _ in range(count):
            async with asyncio.timeout(10):
                pass

    async def sockets(count):
        loop = asyncio.get_running_loop()
        left, right = socket.socketpair()
        left.setblocking(False)
        right.setblocking(False)

        async def echo():
            for _ in range(count):
                await loop.sock_sendall(right, await loop.sock_recv(right, 1))

        echoing = asyncio.create_task(echo())
        for _ in range(count):
            await loop.sock_sendall(left, b"x")
            await loop.sock_recv(left, 1)
        await echoing
        left.close()
        right.close()

    async def threads(count):
        for _ in range(count):
            await asyncio.to_thread(blocking)

    for label, work, count in (
        ("sleep(0)", yielding, 100_000),
        ("sleep(0), ten greenlets", yielding_in_turn, 100_000),
        ("spawn + joinall", spawning, 20_000),
        ("spawn(sleep), 20,000 at once", napping, 20_000),
        ("queue ping-pong", queues, 30_000),
        ("event ping-pong", events, 30_000),
        ("semaphore ping-pong", semaphores, 30_000),
        ("queue put + get, never waits", ready_queue, 200_000),
        ("semaphore, never waits", free_semaphore, 200_000),
        ("with Timeout(10)", timeouts, 50_000),
        ("socketpair ping-pong", sockets, 20_000),
        ("to_thread round trip", threads, 3_000),
    ):
        yield label, lambda count, work=work: run(work(count)), count


def parked(name, count):
    """As for greenlets."""

    async def main():
        event = asyncio.Event()

        async def waiter():
            await event.wait()

        before = resident()
        many = [asyncio.create_task(waiter()) for _ in range(count)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        memory = resident() - before
        begin = time.perf_counter()
        event.set()
        await asyncio.gather(*many)
        return memory / count / 1024, (time.perf_counter() - begin) / count * 1e6

    return runner(name)(main())


def sleeping(name, count):
    """As for greenlets."""
    late, last = [0.0], [0.0]

    async def main():
        async def sleeper(seconds):
            due = time.perf_counter() + seconds
            await asyncio.sleep(seconds)
            late[0] = max(late[0], time.perf_counter() - due)

        many = [asyncio.create_task(sleeper(10)) for _ in range(count)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        memory = resident()
        await asyncio.gather(*many)
        gate = asyncio.Event()

        async def together(until):
            await asyncio.sleep(until - time.perf_counter())
            last[0] = time.perf_counter()
            await gate.wait()

        until = time.perf_counter() + 20
        many = [asyncio.create_task(together(until)) for _ in range(count)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(max(until + 1 - time.perf_counter(), 0))
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*many)
        return memory / 1e6, late[0], max(last[0] - until, 0.0)

    return runner(name)(main())
