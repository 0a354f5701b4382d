"""requests inside of aiohttp's handlers, without a thread: on asyncio's own loop (hosted) or uvloop (joined)."""

# ruff: noqa: E402  (the patch comes before what it patches)

import celadon

celadon.patch_all()

import asyncio
import os
import sys
import time

import requests
from aiohttp import web

from celadon.hub.aio import await_, run_green


async def slow(request):
    await asyncio.sleep(0.2)
    return web.Response(text=request.match_info["n"])


async def relay(request):
    n = request.match_info["n"]
    return web.Response(text=await run_green(fetch, f"{request.url.origin()}/slow/{n}"))


ran_in = set()


def fetch(url):
    ran_in.add(os.readlink("/proc/thread-self"))
    with requests.Session() as session:
        session.trust_env = False
        text = session.get(url, timeout=10).text
    return await_(shout(text))


async def shout(text):
    await asyncio.sleep(0)
    return f"{text}!"


async def main():
    app = web.Application()
    app.add_routes([web.get("/slow/{n}", slow), web.get("/relay/{n}", relay)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    began = time.monotonic()
    found = await asyncio.gather(*(run_green(fetch, f"http://127.0.0.1:{port}/relay/{n}") for n in range(10)))
    assert found == [f"{n}!!" for n in range(10)], found
    assert time.monotonic() - began < 1.8
    assert ran_in == {os.readlink("/proc/thread-self")}
    await runner.cleanup()


if __name__ == "__main__":
    if sys.argv[1] == "uvloop":
        import uvloop

        uvloop.run(main())
    else:
        asyncio.run(main())
    print("right")
