"""One way to wait, one way to wake."""

import os

import pytest

from celadon.hub import (
    BlockingInHubError,
    GreenletExit,
    InvalidSwitchError,
    LoopExit,
    Timeout,
    WokenTwiceError,
    fail_after,
    get_hub,
    getcurrent,
    joinall,
    move_on_after,
    sleep,
    spawn,
    spawn_later,
    wait_readable,
    with_timeout,
)
from celadon.hub.lowlevel import TIMED_OUT, WaitQueue, Wake, park, park_for, unpark, unpark_error
from celadon.hub.testing import MockClock, wait_all_parked


def test_unpark_gives_the_value():
    waiter = spawn(lambda: park(lambda: None))
    sleep(0)
    unpark(waiter, 7)
    assert waiter.get() == 7


def test_unpark_error_raises_and_does_not_call_abort(reported):
    aborted = []
    waiter = spawn(lambda: park(lambda: aborted.append(1)))
    sleep(0)
    unpark_error(waiter, KeyError("x"))
    with pytest.raises(KeyError):
        waiter.get()
    assert aborted == []


def test_waking_twice_is_an_error_at_once():
    waiter = spawn(lambda: park(lambda: None))
    sleep(0)
    unpark(waiter)
    with pytest.raises(WokenTwiceError):
        unpark(waiter)
    waiter.join()


def test_waking_who_is_not_parked_is_an_error():
    with pytest.raises(WokenTwiceError):
        unpark(getcurrent())


def test_kill_undoes_the_wait_once_and_leaves_nothing():
    aborted = []
    waiter = spawn(lambda: park(lambda: aborted.append(1)))
    sleep(0)
    waiter.kill()
    assert aborted == [1]
    assert waiter not in get_hub().parked


def test_a_killed_sleep_does_not_hold_the_hub():
    with MockClock() as clock:
        begin = clock.now()
        sleeper = spawn(sleep, 5000)
        sleep(0)
        sleeper.kill()
        sleep(1)
        assert clock.now() - begin == 1
        assert len(get_hub().timers) == 0


def test_park_for_times_out_and_aborts():
    aborted = []
    with MockClock() as clock:
        begin = clock.now()
        assert park_for(lambda: aborted.append(1), 3) is TIMED_OUT
        assert clock.now() - begin == 3
    assert aborted == [1]


def test_park_for_leaves_no_timer_when_woken():
    me = getcurrent()
    spawn_later(0.001, lambda: unpark(me, "x"))
    assert park_for(lambda: None, 1000) == "x"
    assert len(get_hub().timers) == 0


def test_a_hub_callback_may_not_wait():
    seen = []

    def callback():
        try:
            sleep(1)
        except BlockingInHubError as error:
            seen.append(error)

    get_hub().call_soon(callback)
    sleep(0)
    assert len(seen) == 1
    assert "spawn a greenlet" in str(seen[0])


def test_loop_exit_names_who_waits_on_what():
    class Mine(WaitQueue):
        shared = False  # no other thread of this test run is going to wake us

    queue = Mine("the end of the world")
    with pytest.raises(LoopExit, match="the end of the world"):
        queue.wait()
    assert len(queue) == 0


def test_wait_queue_is_first_come_first_served():
    queue, got = WaitQueue("turns"), {}

    def take(name):
        got[name] = queue.wait()

    waiters = []
    for name in "abcd":
        waiters.append(spawn(take, name))
        wait_all_parked()
    waiters[1].kill()
    queue.wake("first")
    queue.wake("second")
    queue.wake_all("all")
    joinall(waiters)
    assert got == {"a": "first", "c": "second", "d": "all"}


def test_ready_work_that_renews_itself_starves_no_timer():
    stop = []

    def busy():
        while not stop:
            sleep(0)

    spin = spawn(busy)
    sleep(0.005)
    stop.append(1)
    spin.join()


def test_timeout_is_raised_in_the_block_and_is_dead_after():
    with MockClock():
        with pytest.raises(Timeout) as caught, Timeout(2) as timeout:
            sleep(100)
        assert caught.value is timeout
        with Timeout(1):
            pass
        assert len(get_hub().timers) == 0


def test_timeouts_nest():
    with MockClock() as clock:
        begin = clock.now()
        with pytest.raises(Timeout) as caught, Timeout(2) as outer, Timeout(5):
            sleep(100)
        assert caught.value is outer
        assert clock.now() - begin == 2


@pytest.mark.parametrize("seconds", [None, 10])
def test_timeout_that_is_not_reached(seconds):
    with MockClock(), Timeout(seconds):
        sleep(1)


def test_timeout_with_an_exception_of_ones_own_and_the_silent_form():
    with MockClock():
        with pytest.raises(KeyError), Timeout(1, KeyError("late")):
            sleep(2)
        with pytest.raises(ZeroDivisionError), Timeout(1, ZeroDivisionError):
            sleep(2)
        with Timeout(1, False) as silent:
            sleep(2)
        assert silent.expired


def test_with_timeout_and_scopes():
    with MockClock():
        assert with_timeout(1, sleep, 2, timeout_value="late") == "late"
        assert with_timeout(2, lambda: 5) == 5
        with move_on_after(1) as scope:
            sleep(2)
        assert scope.expired
        with pytest.raises(TimeoutError), fail_after(1):
            sleep(2)


def test_a_timeout_that_fires_while_its_greenlet_is_ready_is_taken_back_on_leaving():
    with MockClock() as clock:
        clock.autojump = False
        timeout = Timeout(1).start_new(1)
        clock._now += 2  # due, but we are running
        get_hub()._next_look = 0
        timeout.cancel()
        sleep(0)
        sleep(0)


def test_call_soon_threadsafe_wakes_a_sleeping_hub():
    import _thread

    hub, me = get_hub(), getcurrent()
    hub.holds += 1
    _thread.start_new_thread(lambda: hub.call_soon_threadsafe(hub.unpark, me, "from afar"), ())
    try:
        assert park(lambda: None) == "from afar"
    finally:
        hub.holds -= 1


def test_the_child_of_a_fork_has_a_clean_hub():
    ran = []
    other = spawn(lambda: ran.append(os.getpid()))
    parked = spawn(sleep, 1000)
    sleep(0)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            count = len(get_hub().parked)
            inner = spawn(lambda: 42)
            os.write(write, f"{count} {inner.get()} {len(ran)}".encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100) == b"0 42 1"
    os.close(read)
    os.close(write)
    other.join()
    parked.kill()


def awaiting(abort, seconds=None):
    """A greenlet that waits by a Wake, and that Wake."""
    made = []

    def run():
        made.append(Wake())
        return made[0].wait(abort, seconds)

    waiter = spawn(run)
    sleep(0)
    return waiter, made[0]


def test_a_wake_gives_the_value_once():
    aborted = []
    waiter, wake = awaiting(lambda: aborted.append(1))
    wake.up(7)
    with pytest.raises(WokenTwiceError):
        wake.up(8)
    assert waiter.get() == 7
    assert aborted == []


def test_a_wake_that_nobody_waits_for_is_an_error():
    with pytest.raises(WokenTwiceError):
        Wake().up(None)


@pytest.mark.parametrize("how", ["kill", "timeout", "seconds"])
def test_the_end_of_a_wake_undoes_it_once(how):
    aborted = []
    waiter, wake = awaiting(lambda: aborted.append(1), 0.001 if how == "seconds" else None)
    if how == "kill":
        waiter.kill()
    elif how == "timeout":
        waiter.throw(Timeout())
    waiter.join()
    assert aborted == [1]
    if how == "seconds":
        assert waiter.get() is TIMED_OUT
    with pytest.raises(WokenTwiceError):
        wake.up(None)


def test_a_kill_before_the_wait_undoes_what_was_begun():
    aborted = []

    def run():
        wake = Wake()
        get_hub().cancel(getcurrent(), GreenletExit())
        wake.wait(lambda: aborted.append(1))

    spawn(run).join()
    assert aborted == [1]


def test_no_wake_in_a_callback_of_the_hub(reported):
    aborted = []
    get_hub().call_soon(lambda: Wake().wait(lambda: aborted.append(1)))
    sleep(0)
    sleep(0)
    assert isinstance(reported[0], BlockingInHubError)
    assert aborted == [1]


@pytest.mark.parametrize("wait", [lambda: sleep(10), lambda: park(lambda: None), lambda: fetch(os.pipe())])
def test_a_switch_with_a_value_into_a_wait_is_its_error(wait, reported):
    """The wait is undone: neither its timer nor its fd wakes anyone later."""
    from_a_callback, from_a_greenlet = spawn(wait), spawn(wait)
    sleep(0)
    get_hub().call_soon(from_a_callback.switch, None)
    switcher = spawn(from_a_greenlet.switch, "value")
    sleep(0)
    for one in (from_a_callback, from_a_greenlet):
        with pytest.raises(InvalidSwitchError, match="Invalid switch into"):
            one.get(timeout=1)
    assert not get_hub().parked
    del switcher
    reported.clear()


def fetch(pipe):
    read, write = pipe
    try:
        wait_readable(read)
    finally:
        os.close(read)
        os.close(write)
