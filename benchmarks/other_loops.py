"""Greenlets joined to a loop beside that loop's own tasks, and what crossing costs: ``other_loops.py [uvloop]``.

Each row runs three times, turn about with the others; the best one counts. Its rate stands beside the rate of the same
thing done by tasks alone, in the same run.
"""

import asyncio
import socket
import sys
import time

from celadon.green import socket as green_socket
from celadon.hub import Queue, spawn
from celadon.hub.aio import await_, join, run_green

TURNS = 10_000


def green_sockets():
    one, other = green_socket.socketpair()

    def answer():
        for _ in range(TURNS):
            other.send(other.recv(1))

    answering = spawn(answer)
    for _ in range(TURNS):
        one.send(b"x")
        one.recv(1)
    answering.join()
    one.close()
    other.close()


async def task_sockets():
    loop = asyncio.get_running_loop()
    one, other = socket.socketpair()
    one.setblocking(False)
    other.setblocking(False)

    async def answer():
        for _ in range(TURNS):
            await loop.sock_sendall(other, await loop.sock_recv(other, 1))

    answering = asyncio.create_task(answer())
    for _ in range(TURNS):
        await loop.sock_sendall(one, b"x")
        await loop.sock_recv(one, 1)
    await answering
    one.close()
    other.close()


def green_queues():
    there, back = Queue(), Queue()

    def answer():
        for _ in range(TURNS):
            back.put(there.get())

    answering = spawn(answer)
    for _ in range(TURNS):
        there.put(1)
        back.get()
    answering.join()


async def task_queues():
    there, back = asyncio.Queue(), asyncio.Queue()

    async def answer():
        for _ in range(TURNS):
            await back.put(await there.get())

    answering = asyncio.create_task(answer())
    for _ in range(TURNS):
        await there.put(1)
        await back.get()
    await answering


async def nothing():
    pass


def awaits():
    for _ in range(TURNS):
        await_(nothing())


async def into_greenlets():
    for _ in range(TURNS):
        await run_green(int)


async def into_tasks():
    for _ in range(TURNS):
        await asyncio.create_task(nothing())


async def into_threads():
    for _ in range(TURNS // 10):
        await asyncio.to_thread(int)


def in_greenlet(function):
    return lambda: run_green(function)


ROWS = {
    "ping-pong over a socketpair": (in_greenlet(green_sockets), task_sockets, 1),
    "ping-pong over two queues": (in_greenlet(green_queues), task_queues, 1),
    "`await_(coroutine)` beside `await create_task(coroutine)`": (in_greenlet(awaits), into_tasks, 1),
    "`await run_green(f)` beside `await create_task(coroutine)`": (into_greenlets, into_tasks, 1),
    "`await run_green(f)` beside `await asyncio.to_thread(f)`": (into_greenlets, into_threads, 10),
}


async def rate(work, turns):
    began = time.perf_counter()
    await work()
    return turns / (time.perf_counter() - began)


async def main():
    join()
    best = dict.fromkeys(ROWS, (0.0, 0.0))
    for _ in range(3):
        for name, (ours, theirs, fewer) in ROWS.items():
            found = await rate(ours, TURNS), await rate(theirs, TURNS // fewer)
            best[name] = tuple(map(max, best[name], found))
    for name, (ours, theirs) in best.items():
        print(f"| {name} | {ours / 1000:,.0f}k/s : {theirs / 1000:,.0f}k/s = {ours / theirs:.2f} |")


if __name__ == "__main__":
    if sys.argv[1:] == ["uvloop"]:
        import uvloop

        uvloop.run(main())
    else:
        asyncio.run(main())
