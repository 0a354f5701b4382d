"""Signals while the hub waits, while it runs others, and between."""

import _thread
import os
import signal
import time

import pytest

from celadon.hub import Event, get_hub, signal_handler, sleep, spawn
from celadon.hub.testing import wait_all_parked


class Interrupted(Exception):
    pass


def interrupt(number, frame):
    raise Interrupted


@pytest.fixture
def on_alarm():
    before = signal.signal(signal.SIGALRM, interrupt)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_what_a_handler_raises_while_the_hub_waits_goes_to_the_main_greenlet(on_alarm, reported):
    other = spawn(sleep, 60)
    wait_all_parked()
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    with pytest.raises(Interrupted):
        sleep(60)
    assert reported == []
    assert not other.ready()
    other.kill()


def test_what_a_callback_raises_is_reported_and_does_not_go_there():
    reported = []
    hub = get_hub()
    hub.exception_handler = lambda who, error: reported.append((who, error))
    error = Interrupted()

    def fail():
        raise error

    hub.call_soon(fail)
    sleep(0)
    timer = hub.call_later(0, fail)
    sleep(0.01)
    assert reported == [(None, error), (None, error)]
    assert not timer.active


def test_a_handler_that_uses_the_library_and_a_handler_that_is_a_greenlet():
    event, seen = Event(), []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: event.set())
    handler = signal_handler(signal.SIGUSR2, lambda: (sleep(0.001), seen.append("slept")))
    try:
        me = os.getpid()
        _thread.start_new_thread(lambda: (time.sleep(0.01), os.kill(me, signal.SIGUSR1)), ())
        assert event.wait(5)
        os.kill(me, signal.SIGUSR2)
        for _ in range(100):
            sleep(0.005)
            if seen:
                break
        assert seen == ["slept"]
    finally:
        handler.cancel()
        signal.signal(signal.SIGUSR1, before)


def test_a_storm_of_signals_loses_no_wake_up(on_alarm):
    """Every 0.2 ms a handler runs, and each 20th raises, wherever the code is just then, while greenlets hand on."""
    count = [0]

    def handler(number, frame):
        count[0] += 1
        if count[0] % 20 == 0:
            raise Interrupted

    signal.signal(signal.SIGALRM, handler)
    hub = get_hub()
    hub.exception_handler = lambda who, error: None
    stop, rounds = [], [0]

    def again_and_again(seconds):
        while not stop:
            try:
                while not stop:
                    sleep(seconds)
                    rounds[0] += 1
            except Interrupted:
                continue  # the next that raises is far

    workers = [spawn(again_and_again, 0.0005) for _ in range(20)]
    workers.append(spawn(again_and_again, 0))
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    deadline = hub.now() + 0.7
    while True:
        try:
            while hub.now() < deadline:
                sleep(0.01)
            signal.setitimer(signal.ITIMER_REAL, 0)
            break
        except Interrupted:
            continue
    stop.append(1)
    for one in workers:
        one.join(5)
        assert one.ready(), "a wake-up was lost"
    assert count[0] > 40
    assert rounds[0] > 100


def test_a_handler_that_raises_as_a_sleep_ends_does_not_lose_it():
    """At the very place: the timer has left the heap, and the sleeper is not awake yet."""
    came = []

    class Interrupting(tuple):
        __slots__ = ()

        def __getitem__(self, index):  # a handler, once
            if not came:
                came.append(1)
                raise Interrupted
            return super().__getitem__(index)

    sleeper = spawn(sleep, 0.02)
    sleep(0)
    timer = get_hub().parked[sleeper]
    timer.args = Interrupting(timer.args)
    with pytest.raises(Interrupted):
        sleep(60)
    sleeper.join(5)
    assert sleeper.successful()
    assert came


def test_what_came_due_with_it_is_not_left_until_the_next_deadline():
    """A handler raises while one of two sleeps that end together is woken; nothing else is due for a long time."""
    came = []

    class Interrupting(tuple):
        __slots__ = ()

        def __getitem__(self, index):  # a handler, once
            if not came:
                came.append(1)
                raise Interrupted
            return super().__getitem__(index)

    hub = get_hub()
    sleepers = [spawn(sleep, 0.02) for _ in range(2)]
    sleep(0)
    first = hub.parked[sleepers[0]]
    first.args = Interrupting(first.args)
    with pytest.raises(Interrupted):
        sleep(60)
    begin = time.monotonic()
    for one in sleepers:
        one.join(20)
        assert one.ready()
    assert came
    assert time.monotonic() - begin < 15, "they waited for the join's own deadline"
