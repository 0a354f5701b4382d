"""uvloop under ``patch_all``: its executor's threads are greenlets, which the loop runs; imported before or after."""

# ruff: noqa: E402  (the patch comes before what it patches)

import sys

if sys.argv[1] == "before":
    import uvloop
import celadon

celadon.patch_all()

import asyncio
import os
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import uvloop

from celadon.hub import sleep, spawn
from celadon.hub.aio import await_, run_green


def blocks(n):
    time.sleep(0.1)
    return n


async def main():
    loop = asyncio.get_running_loop()
    began = time.monotonic()
    assert await asyncio.gather(*(asyncio.to_thread(blocks, n) for n in range(5))) == list(range(5))
    with ThreadPoolExecutor(5) as executor:
        assert await asyncio.gather(*(loop.run_in_executor(executor, blocks, n) for n in range(5))) == list(range(5))
    assert time.monotonic() - began < 0.8
    events = []
    thread = threading.Thread(target=lambda: (time.sleep(0.01), loop.call_soon_threadsafe(events.append, 1)))
    thread.start()
    await run_green(thread.join)
    await asyncio.sleep(0.01)
    assert events == [1]
    spawned = spawn(lambda: (sleep(0.01), asyncio.get_running_loop(), await_(asyncio.sleep(0.01, 5)))[1:])
    assert await spawned == (loop, 5)
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await run_green(lambda: socket.create_connection(("127.0.0.1", port)).recv(1)) == b""
    server.close()
    assert await run_green(subprocess.check_output, ["echo", "child"]) == b"child\n"
    assert await asyncio.to_thread(os.readlink, "/proc/thread-self") == os.readlink("/proc/thread-self")


uvloop.run(main())
sleep(0.01)
print("right")
