"""Faults that a hub must stand: one row each, with a test here, the tests elsewhere that cover it, or the reason.

The numbers are those of the project's list of faults. A test of this file is named after its row: ``test_14_…``.
"""

import errno
import gc
import re
import resource
import sys
import weakref
from pathlib import Path

import pytest

from celadon.hub import (
    BlockingInHubError,
    Event,
    Greenlet,
    GreenletExit,
    Hub,
    Lock,
    Timeout,
    get_hub,
    getcurrent,
    joinall,
    kill,
    sleep,
    spawn,
    spawn_raw,
)
from celadon.hub.testing import MockClock, wait_all_parked

ROOT = Path(__file__).parent.parent

# Row: where it is tested, as file and function; "" for tests of this file, "reason: …" for what is not tested.
ROWS = {
    1: ["green/servers/test_servers.py errors_of_accept_that_pass"],
    2: ["", "green/servers/test_servers.py no_descriptors_left"],
    3: ["green/servers/test_servers.py errors_of_accept_that_pass"],
    4: ["hub/test_signals.py a_storm_of_signals_loses_no_wake_up", "green/test_contracts_faults.py contract"],
    5: ["green/test_contracts.py contract"],
    6: ["green/test_contracts.py contract"],
    7: ["green/test_contracts.py contract"],
    8: ["green/test_contracts_faults.py contract", "hub/waiting/test_fds.py closing_a_registration_wakes_waiters"],
    9: ["hub/waiting/test_fds.py a_recycled_number_inherits_no_waiter", "green/test_contracts_faults.py contract"],
    10: ["hub/waiting/test_fds.py two_readers_and_a_writer_of_one_fd"],
    11: ["hub/test_forks.py parent_and_child_go_on", "hub/test_forks.py the_parent_gets_no_events_of_the_child"],
    12: ["hub/test_forks.py parent_and_child_go_on"],
    13: ["hub/test_signals.py what_a_handler_raises_while_the_hub_waits_goes_to_the_main_greenlet"],
    14: ["", "hub/test_signals.py what_a_callback_raises_is_reported_and_does_not_go_there"],
    15: ["", "hub/test_soak.py two_seconds_of_it"],
    16: ["", "hub/test_soak.py two_seconds_of_it"],
    17: [""],
    18: [""],
    19: ["", "hub/test_soak.py two_seconds_of_it"],
    20: [
        "hub/test_forks.py twenty_threads_with_a_hub_come_and_go",
        "hub/loop/test_other_threads.py ping_pong_of_two_hubs",
    ],
    21: ["hub/test_exits.py it_ends"],
    22: ["", "hub/loop/test_timers.py very_many_at_once_come_in_order_and_each_once"],
    23: ["reason: 100,000 greenlets take seconds; `make bench` measures their memory and the time to wake all"],
    38: [""],
    39: ["", "reason: huge names, ports and records are the resolver's: its wire, front and options tests"],
    40: [
        "hub/loop/test_shuffle.py the_seed_makes_the_order",
        "reason: the whole suite in a random order: make test-shuffle",
    ],
}


@pytest.mark.parametrize("row", [*range(1, 24), 38, 39, 40])
def test_each_row_is_covered(row):
    here = Path(__file__).read_text()
    for where in ROWS[row]:
        if where.startswith("reason: "):
            continue
        if not where:
            assert f"\ndef test_{row}_" in here
            continue
        file, name = where.split()
        assert re.search(rf"^def test_{name}", (ROOT / file).read_text(), re.MULTILINE), where


def test_2_no_descriptors_for_a_hub():
    """Making one fails at each place where it needs a descriptor, and leaves none open."""
    import os

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = sorted(os.listdir("/proc/self/fd"))
    highest = max(int(fd) for fd in before) + 1
    taken = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 8, limits[1]))
        while True:
            try:
                taken.append(os.dup(0))
            except OSError:
                break
        # epoll needs one, and the wake-up another.
        for left in range(2 if type(get_hub().poller).__name__ == "EpollPoller" else 1):
            with pytest.raises(OSError) as caught:  # noqa: PT011
                Hub()
            assert caught.value.errno == errno.EMFILE
            del caught  # its frames hold the half-made hub
            gc.collect()
            os.close(taken.pop())
            assert left + 1 == free_places(os)
    finally:
        for fd in taken:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    gc.collect()
    assert sorted(os.listdir("/proc/self/fd")) == before


def free_places(os):
    got = []
    try:
        while True:
            got.append(os.dup(0))
    except OSError:
        return len(got)
    finally:
        for fd in got:
            os.close(fd)


class Bad(Exception):
    def __str__(self):
        raise ValueError("a str() that fails")

    __repr__ = __str__


class BadName(Greenlet):
    def __str__(self):
        raise ValueError("a str() that fails")

    __repr__ = __str__


def test_14_errors_everywhere_and_in_their_reports(capsys):
    hub = get_hub()

    def fail(*_):
        raise Bad

    hub.call_soon(fail)
    hub.call_later(0, fail)
    spawn_raw(fail)
    linked = spawn(lambda: None)
    linked.rawlink(fail)
    named = BadName(fail)
    named.start()
    wait_all_parked()
    sleep(0.005)
    assert named.ready()
    assert capsys.readouterr().err.count("Bad") >= 5
    assert spawn(lambda: 7).get() == 7, "the hub lives"


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_14_what_ends_the_program_goes_to_main(error, reported):
    def fail():
        raise error

    for begin in (get_hub().call_soon, spawn, spawn_raw, lambda fail: get_hub().call_later(0, fail)):
        begin(fail)
        with pytest.raises(error):
            sleep(10)
    assert reported == []


def test_15_kills_at_every_moment(reported):
    with MockClock() as clock:
        lock, log = Lock(), []

        def cleans_up():
            try:
                sleep(100)
            finally:
                sleep(5)  # a finally may wait, and a kill waits for it
                log.append("clean")

        one = spawn(cleans_up)
        sleep(0)
        begin = clock.now()
        one.kill()
        assert (clock.now() - begin, log) == (5, ["clean"])
        one.kill()  # the dead: nothing

        def holds():
            with lock:
                sleep(100)

        holder, waiter = spawn(holds), spawn(holds)
        sleep(0)
        waiter.kill()
        holder.kill()
        assert not lock.locked()

        second = spawn(cleans_up)
        sleep(0)
        second.kill(block=False)
        sleep(1)
        second.kill(KeyError("again"))
        assert log == ["clean"], "the second kill ended the clean-up"
        assert isinstance(second.exception, KeyError)

        never = spawn(log.append, "ran")
        never.kill()
        assert log == ["clean"]
        assert isinstance(never.value, GreenletExit)

        myself = spawn(lambda: kill(getcurrent()))
        myself.join()
        assert isinstance(myself.value, GreenletExit)

        victim = spawn(sleep, 100)
        killer = spawn(lambda: None)
        killer.link(lambda _: victim.kill())
        victim.join()
        assert victim.successful()


def test_16_a_deadline_and_the_data_in_the_same_tick():
    for data_first in (True, False):
        with MockClock():
            event, outcome = Event(), []
            set_it = get_hub().call_later(1, event.set) if data_first else None

            def waits(event=event, outcome=outcome):
                with Timeout(1, False):
                    event.wait()
                    outcome.append("data")
                    return
                outcome.append("late")

            one = spawn(waits)
            sleep(0)
            if set_it is None:
                set_it = get_hub().call_later(1, event.set)
            one.join()
            sleep(5)
            assert outcome == (["data"] if data_first else ["late"])
            assert not get_hub().pending
            assert not set_it.active


def test_16_strange_durations():
    with MockClock() as clock:
        begin = clock.now()
        for seconds in (0, -1, -1e300, 1e-12):
            with pytest.raises(Timeout), Timeout(seconds):
                sleep(1)
        assert clock.now() - begin < 0.001
        for seconds in (1e300, float("inf")):
            with Timeout(seconds):
                sleep(1)
        outer = Timeout(1)
        with pytest.raises(Timeout) as caught, outer, Timeout(1):
            sleep(2)
        assert caught.value is outer, "of two that are equal the first that was set"
    assert not get_hub().pending


def test_17_recursion_to_the_limit_fails_where_it_happens_and_nowhere_else(reported):
    def deep(n):
        return deep(n + 1)

    many = [spawn(deep, 0) for _ in range(20)]
    other = spawn(lambda: [sleep(0) for _ in range(30)])
    get_hub().call_soon(deep, 0)
    joinall([*many, other])
    assert [type(one.exception) for one in many] == [RecursionError] * 20
    assert other.successful()
    wait_all_parked()
    assert [type(one) for one in reported] == [RecursionError] * 21


def test_17_ten_thousand_greenlets_that_wait_for_each_other():
    first = before = spawn(sleep, 0)
    for _ in range(10_000):
        before = spawn(before.join)
    before.join()
    assert first.ready()


def test_18_a_greenlet_that_nobody_refers_to_is_woken_all_the_same():
    event, woken = Event(), []

    def waits():
        event.wait()
        woken.append(1)

    spawn(waits)
    sleep(0)
    gc.collect()
    event.set()
    sleep(0)
    assert woken == [1]


def test_19_no_cycles_and_no_growth(reported):
    """What has ended or was killed is freed by counting, what has failed by the collector."""

    def fails():
        something = Event()
        raise ValueError(something)

    def waits():
        with Timeout(5, False):
            sleep(0)

    def round_():
        made = []
        for body in (fails, waits, lambda: sleep(60)):
            one = spawn(body)
            sleep(0)
            one.kill()
            if body is not fails:  # its traceback holds its frame, and that all below it
                made.append(weakref.ref(one))
        reported.clear()
        return made

    for _ in range(50):
        round_()
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        alive = [one for _ in range(300) for one in round_()]
        sleep(0)
        assert sum(one() is not None for one in alive) <= 3, "freed by counting, but for the last"
        del alive
    finally:
        gc.enable()
    sizes = [before]
    for _ in range(3):  # cancelled timers leave their heap in batches: it is now fuller, now emptier
        for _ in range(300):
            round_()
        gc.collect()
        sizes.append(len(gc.get_objects()))
    assert min(sizes[2:]) - before < 100


def test_22_a_storm_of_timers_lets_io_and_others_through():
    hub, fired, turns = get_hub(), [], []
    for _ in range(20_000):
        hub.call_later(0, fired.append, 1)
    other = spawn(lambda: [(turns.append(len(fired)), sleep(0)) for _ in range(50)])
    other.join()
    sleep(0.01)
    assert len(fired) == 20_000
    assert len(hub.timers) == 0


def test_38_a_report_that_waits_is_told_so_and_locks_nothing(capsys):
    hub = get_hub()
    before = hub.exception_handler

    def handler(who, error):
        sleep(0.001)

    hub.exception_handler = handler
    try:
        hub.call_soon(lambda: 1 / 0)  # its report runs in the hub, where nobody may wait
        failing = spawn(lambda: 1 / 0)  # this one's in the greenlet that failed, which may
        failing.join()
        sleep(0.01)
    finally:
        hub.exception_handler = before
    assert BlockingInHubError.__name__ in capsys.readouterr().err
    assert spawn(lambda: 7).get() == 7


def test_39_huge_inputs_are_an_error_at_once():
    with MockClock():
        with Timeout(sys.float_info.max):
            sleep(1)
        sleep(1e-300)
    from celadon.hub import wait_readable

    for fd in (-1, 2**31, 2**63):
        with pytest.raises((OSError, OverflowError, ValueError)):
            wait_readable(fd)
