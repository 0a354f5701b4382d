"""uvloop in a ``threading.Thread`` under ``patch_all``: a clear error before anything begins; asyncio runs there."""

# ruff: noqa: E402  (the patch comes before what it patches)

import celadon

celadon.patch_all()

import asyncio
import threading

import uvloop


async def work():
    await asyncio.sleep(0.01)
    return 42


found = []


def run(runner):
    coroutine = work()
    try:
        found.append(runner(coroutine))
    except RuntimeError as error:
        found.append(str(error))
    finally:
        coroutine.close()


for runner in (asyncio.Runner(loop_factory=uvloop.new_event_loop).run, asyncio.run):
    thread = threading.Thread(target=run, args=(runner,))
    thread.start()
    thread.join()
assert found[0].startswith("uvloop cannot run in a threading.Thread under patch_all"), found
assert found[1] == 42, found
assert uvloop.run(work()) == 42
print("right")
