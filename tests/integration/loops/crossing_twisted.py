"""Crossing on Twisted: results, errors, cancellation both ways, waits that are refused, and no wake-ups."""

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred, inlineCallbacks
from twisted.internet.task import deferLater

from celadon.hub import BlockingInHubError, Event, Timeout, get_hub, sleep, spawn, to_thread
from celadon.hub.aio.twisted import await_, join, run_green
from celadon.hub.loop.joined import joined_here

log = []


def later(value, seconds=0.005):
    return deferLater(reactor, seconds, lambda: value)


async def double(n):
    return 2 * await later(n)


@inlineCallbacks
def inline(n):
    found = yield later(n)
    return found


def green(n):
    sleep(0.001)
    assert await_(double(n)) == 2 * n
    assert await_(inline(n)) == await_(later(n)) == n
    return to_thread(abs, -n) + 1


def patient():
    try:
        sleep(100)
    finally:
        sleep(0.005)
        log.append("greenlet")


def deadline():
    waiting = Deferred(lambda _: log.append("cancelled"))
    with Timeout(0.01, False):
        await_(waiting)
    return "went on"


def fail():
    raise KeyError("deep")


async def main():
    assert await run_green(green, 4) == 5
    assert await spawn(green, 5) == 6
    assert [await one for one in [run_green(green, n) for n in range(10)]] == list(range(1, 11))
    waiting = run_green(patient)
    reactor.callLater(0.01, waiting.cancel)
    with pytest.raises(CancelledError):
        await waiting
    assert log == ["greenlet"]
    assert await run_green(deadline) == "went on"
    assert log == ["greenlet", "cancelled"]
    with pytest.raises(KeyError, match="deep"):
        await run_green(fail)
    with pytest.raises(BlockingInHubError, match=r"the callback .*main.* tried to wait"):
        sleep(1)
    with pytest.raises(BlockingInHubError, match="return the Deferred"):
        await_(later(1))
    with pytest.raises(TypeError, match="takes a Deferred"):
        await run_green(await_, 1)
    one = spawn(sleep, 100)
    await later(0)
    one.kill(block=False)
    with pytest.raises(CancelledError):
        await one
    parked = spawn(Event().wait)
    await later(0, 0.01)
    before = joined_here().calls
    await later(0, 0.1)
    assert joined_here().calls == before
    parked.kill(block=False)
    await later(0, 0.01)
    assert not get_hub().parked
    return "right"


with pytest.raises(RuntimeError, match="callWhenRunning"):
    join()
found = []
reactor.callWhenRunning(lambda: ensureDeferred(main()).addBoth(found.append).addBoth(lambda _: reactor.stop()))
reactor.run()
sleep(0.001)
print(found[0])
