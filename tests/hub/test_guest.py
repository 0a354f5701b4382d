"""The hub as a guest of asyncio's loop, in one thread."""

import asyncio
import errno
import select
import socket
from contextlib import nullcontext

import pytest

from celadon.hub import Event, Guest, get_hub, sleep, spawn, spawn_later, wait_readable
from celadon.hub.aio import joined, run_green
from celadon.hub.loop.joined import joined_of
from celadon.hub.loop.pollers import PollPoller, default_poller

pytestmark = pytest.mark.skipif(
    default_poller().fileno() < 0, reason="a guest's poller must have an fd, which poll(2) and select(2) have not"
)


@pytest.fixture
def hosted():
    """``hosted(main)`` runs the coroutine ``main(guest)`` on a loop whose guest the hub is."""

    def run(main):
        async def hosting():
            loop = asyncio.get_running_loop()
            guest = Guest(loop.call_later)
            loop.add_reader(guest.fileno(), guest.pump)
            try:
                return await asyncio.wait_for(main(guest), 20)
            finally:
                loop.remove_reader(guest.fileno())
                guest.close()

        return asyncio.run(hosting())

    return run


def future_of(guest, function, *args):
    """What a greenlet gives, as a future of the running loop."""
    future = asyncio.get_running_loop().create_future()

    def work():
        guest.call(future.set_result, function(*args))

    spawn(work)
    guest.run()
    return future


def test_what_need_not_wait_is_there_at_once(hosted):
    async def main(guest):
        future = future_of(guest, lambda: 7)
        assert future.done()
        return await future

    assert hosted(main) == 7


def test_timers_and_fds(hosted):
    one, other = socket.socketpair()

    def read():
        wait_readable(one.fileno())
        return one.recv(10)

    async def main(guest):
        reading = future_of(guest, read)
        late, soon = future_of(guest, sleep, 0.05), future_of(guest, sleep, 0.01)
        await soon
        assert not late.done()
        other.send(b"x")
        assert await reading == b"x"
        await late

    with one, other:
        hosted(main)


def test_both_loops_go_on_side_by_side(hosted):
    turns = []

    def count():
        for _ in range(5):
            sleep(0.005)
            turns.append("greenlet")

    async def main(guest):
        future = future_of(guest, count)
        while not future.done():
            await asyncio.sleep(0.005)
            turns.append("task")

    hosted(main)
    assert turns.count("greenlet") == 5
    assert turns.count("task") > 2


def test_a_call_may_spawn_and_a_failed_one_stops_nobody(hosted):
    seen, errors = [], []
    get_hub().exception_handler = lambda who, error: errors.append((who, error))

    async def main(guest):
        def again():
            seen.append("call")
            spawn(seen.append, "greenlet")
            guest.run()  # from inside of a call: at once, and nothing has run yet
            assert seen == ["call"]

        def begin():
            guest.call(again)
            guest.call(lambda: 1 / 0)
            guest.call(seen.append, "after")

        spawn(begin)
        guest.run()

    hosted(main)
    assert seen == ["call", "after", "greenlet"]
    [(who, error)] = errors
    assert who is None
    assert isinstance(error, ZeroDivisionError)


def test_deadlines_that_move_away_cost_the_host_no_timer_each(hosted):
    asked = []

    async def main(guest):
        real = guest._call_later
        guest._call_later = lambda seconds, function: (asked.append(seconds), real(seconds, function))
        for _ in range(50):
            greenlet = spawn_later(10, sleep)
            guest.run()
            greenlet.kill(block=False)
            guest.run()
        await future_of(guest, sleep, 0.01)

    hosted(main)
    assert len(asked) <= 3


def test_a_closed_guest_is_not_called(hosted):
    event = Event()

    async def main(guest):
        waiting = spawn(event.wait, 0.01)
        guest.run()
        guest.close()
        await asyncio.sleep(0.05)
        assert not waiting.dead
        return waiting

    waiting = hosted(main)
    waiting.join(5)
    assert waiting.dead


def test_a_poller_without_an_fd(monkeypatch):
    monkeypatch.setattr(get_hub(), "poller", PollPoller())
    with pytest.raises(RuntimeError, match="cannot be watched"):
        Guest(lambda *_: None)


def test_a_host_that_waits_by_the_hub_itself_is_told_so():
    with select.epoll() as host:
        guest = Guest(lambda *_: None)
        host.register(guest.fileno())
        with pytest.raises(OSError, match="the host of this Guest") as caught:
            wait_readable(host.fileno(), 1)
        assert caught.value.errno == errno.ELOOP


@pytest.mark.parametrize("joins_first", [True, False])
def test_beside_a_join_of_the_same_loop(hosted, joins_first):
    """A library's resolver may be a guest in the loop that the program has joined."""
    one, other = socket.socketpair()

    def read():
        wait_readable(one.fileno())
        return one.recv(10)

    async def main(guest):
        with joined() if joins_first else nullcontext():
            early = future_of(guest, lambda: (sleep(0.005), "early")[1])
            assert await run_green(lambda: (sleep(0.001), 1)[1]) == 1
            reading = future_of(guest, read)
            green = asyncio.create_task(run_green(lambda: (sleep(0.01), other.send(b"x"))))
            assert await reading == b"x"
            await green
            assert await early == "early"
            assert await future_of(guest, lambda: "at once") == "at once"
        return await future_of(guest, lambda: (sleep(0.001), "after")[1])

    with one, other:
        assert hosted(main) == "after"
    found = joined_of(get_hub())
    if found is not None:
        found.end()
