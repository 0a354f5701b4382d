"""Looking at a program that hangs, or that lets nobody else run."""

import gc
import os
import re
import subprocess
import sys
import time

import pytest

from celadon.hub import Event, debug, get_hub, joinall, sleep, spawn, spawn_raw, to_thread
from celadon.hub.debug import RunTimes, Watchdog, assert_switches, instrument, ps, report, statistics, tree, where
from celadon.hub.lowlevel import WaitQueue
from celadon.hub.testing import MockClock, wait_all_parked


def block(seconds):
    time.sleep(seconds)  # what must not be called


@pytest.fixture
def blocks():
    """A watchdog of 50 ms; the list of what it reports. Somebody waits, who could run."""
    found = []
    other = spawn(sleep, 60)
    sleep(0)
    with Watchdog(0.05, found.append):
        yield found
    other.kill()


def test_a_block_is_reported_once_with_who_where_and_how_long(blocks):
    one = spawn(block, 0.4)
    one.name = "the culprit"
    one.join()
    sleep(0.1)
    [found] = [one for one in blocks if "the culprit" in one.who]
    assert found.ended
    assert 0.3 < found.seconds < 5
    assert re.search(r"test_debug.py:\d+ in block$", found.place)
    assert "time.sleep(seconds)  # what must not be called" in found.stack
    assert "greenlets.py" not in found.stack


def test_callbacks_of_the_hub_and_the_main_greenlet_as_well(blocks):
    get_hub().call_soon(block, 0.15)
    sleep(0.1)
    block(0.15)
    sleep(0.1)
    found = [one.who for one in blocks if one.place.endswith(" in block")]
    assert found == ["a callback of the hub", "the main greenlet"]


def test_short_blocks_are_reported_each(blocks):
    for _ in range(20):
        spawn(block, 0.06).join()
        sleep(0.001)
    sleep(0.1)
    # 20 where the watchdog's thread gets a processor in time; which looks find what is tested by the clock below.
    assert len(blocks) >= 10


def test_waiting_is_no_block(blocks):
    gc.collect()
    gc.disable()  # to walk all that a long run of tests left takes 0.3 s, and that is a block
    try:
        sleep(0.2)
        to_thread(time.sleep, 0.2)
        joinall([spawn(sleep, 0.1) for _ in range(100)])
    finally:
        gc.enable()
    assert [one for one in blocks if one.seconds > 0.15] == []  # shorter ones: the machine had no time for us


def test_nobody_else_there_is_no_block():
    found = []
    with Watchdog(0.02, found.append):
        time.sleep(0.1)
        sleep(0.05)
    assert [one for one in found if one.seconds > 0.09] == []


def test_what_keeps_the_interpreter_to_itself_is_found_at_its_place():
    found = []
    other = spawn(sleep, 60)
    sleep(0)

    def crunch():
        begin = time.monotonic()
        while time.monotonic() - begin < 0.15:
            sum(range(20_000_000))  # in C, without letting go of the interpreter

    with Watchdog(0.05, found.append):
        sleep(0.02)
        spawn(crunch).join()
        sleep(0.1)
    other.kill()
    assert any(one.place.endswith("in crunch") for one in found)


class Clock:
    """Looks by hand: a watchdog that is not started, and what it would see at these times."""

    def __init__(self, **kwargs):
        self.now = 100.0
        self.found = []
        self.dog = Watchdog(1.0, self.found.append, clock=lambda: self.now, **kwargs)

    def look(self, seconds):
        self.now += seconds
        self.dog.look()


def test_the_policy_by_a_clock_in_hand():
    """The hub of this thread does not move while we look: it is blocked by the test."""
    other = spawn(sleep, 60)
    sleep(0)
    clock = Clock(hang=3.0)
    clock.look(0)
    for _ in range(6):
        clock.look(0.125)
    assert clock.found == []
    assert clock.dog._seen[get_hub()].found is None
    clock.look(0.125)  # 7/8 of the limit: noted, not told before it ends
    assert clock.dog._seen[get_hub()].found is not None
    assert clock.found == []
    sleep(0)
    clock.look(0.125)
    assert [(one.seconds, one.ended) for one in clock.found] == [(1.0, True)]
    for _ in range(40):
        clock.look(0.125)
    assert [(one.seconds, one.ended) for one in clock.found[1:]] == [(3.0, False)]
    sleep(0)
    clock.look(0.125)
    assert len(clock.found) == 2, "told once, though it ended later"
    assert sum(clock.dog.places.values()) == 2
    other.kill()


def test_a_report_that_fails_does_not_end_the_watch(capsys):
    other = spawn(sleep, 60)
    sleep(0)
    clock = Clock()

    def report(block):
        raise ValueError(block.who)

    clock.dog.report = report
    for _ in range(2):
        for _ in range(9):
            clock.look(0.125)
        sleep(0)
        clock.look(0.125)
    other.kill()
    assert capsys.readouterr().err.count("ValueError: the main greenlet") == 2


def test_the_default_report_has_the_stack_the_first_time_only(capsys):
    other = spawn(sleep, 60)
    sleep(0)
    with Watchdog(0.02):
        for _ in range(2):
            spawn(block, 0.06).join()
            sleep(0.02)
    other.kill()
    said = capsys.readouterr().err
    assert said.count("what must not be called") == 1
    assert re.search(r"in block \(time 2\)$", said, re.MULTILINE)


def test_the_environment_starts_one_and_a_forked_child_goes_on_with_it():
    code = """
import os, time, warnings
warnings.simplefilter("ignore")
from celadon.hub import sleep, spawn
def work():
    other = spawn(sleep, 60); sleep(0)
    time.sleep(0.2); sleep(0.05)
work()
child = os.fork()
work()
if child: os.waitpid(child, 0)
"""
    env = {**os.environ, "CELADON_WATCHDOG": "0.05"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True, timeout=20)
    assert done.stderr.count("the main greenlet blocks all others") == 3, done.stderr


def test_the_limit_must_be_a_time():
    with pytest.raises(ValueError, match="more than 0"):
        Watchdog(0)


def test_eventlets_name():
    debug.hub_blocking_detection(True, 0.5)
    assert "on" in repr(report._detection)
    debug.hub_blocking_detection(False)
    assert report._detection is None


# -- looking ----------------------------------------------------------------------------------------------------


def test_ps_and_where():
    queue = WaitQueue("the end of the queue")
    one = spawn(queue.wait)
    sleep(0)
    [found] = ps()
    assert (found.greenlet, found.waits_on) == (one, "the end of the queue")
    assert "in wait" in where(one)
    one.kill()
    assert where(one) == ""


def test_statistics():
    before = statistics()
    event = Event()
    waiters = [spawn(event.wait) for _ in range(3)]
    sleeper = spawn(sleep, 60)
    wait_all_parked()
    before_cancel = statistics().cancelled_timers
    get_hub().call_later(60, print).cancel()
    now = statistics()
    assert (now.parked, now.timers, now.ready, now.fds) == (4, 1, 0, 0)
    assert now.cancelled_timers == before_cancel + 1
    assert now.turns > before.turns
    event.set()
    assert statistics().ready == 3
    joinall(waiters)
    sleeper.kill()
    assert get_hub() in debug.all_hubs()


def test_the_tree():
    def parent():
        children.append(spawn(sleep, 60))
        sleep(60)

    children = []
    root = spawn(parent)
    root.name = "the parent"
    wait_all_parked()
    text = tree(stacks=True)
    lines = [line for line in text.splitlines() if "Greenlet" in line]
    [above] = [line for line in lines if "the parent" in line]
    [below] = [line for line in lines if f"{id(children[0]):#x}" in line]
    indent = [len(line) - len(line.lstrip()) for line in (above, below)]
    assert indent[1] == indent[0] + 2
    assert "waits on <Timer" in below
    assert "in parent" in text
    assert "runs" in text
    assert "the parent" in "\n".join(debug.format_run_info())
    assert "Timer" in debug.format_hub_timers()
    assert "Wakeup" in debug.format_hub_listeners()
    children[0].kill()
    root.kill()


def test_instruments():
    seen, event = [], Event()
    with instrument(lambda *what: seen.append(what)):
        with instrument(lambda *what: seen.append("inner")):
            one = spawn(event.wait)
            sleep(0)
        event.set()
        one.join()
    sleep(0)
    outer = [what for what in seen if what != "inner"]
    assert {what[0] for what in outer} <= {"switch", "throw"}
    assert any(what[2] is one for what in outer)
    assert 0 < seen.count("inner") < len(outer)


def test_run_times():
    def busy():
        for _ in range(3):
            clock._now += 2
            sleep(0)

    with MockClock() as clock, RunTimes(clock.now) as times:
        one = spawn(busy)
        one.name = "busy one"
        two = spawn(sleep, 50)
        joinall([one, two])
    (_, waited), (busiest, seconds) = times.longest(2)
    assert waited in (44, 46), "the hub's, in the kernel; it depends on who began first"
    assert busiest.startswith("busy one")
    assert seconds == 6
    assert [spent for who, spent in times.seconds.items() if f"{id(two):#x}" in who] == [0]


def test_assert_switches():
    with assert_switches():
        sleep(0)
    with pytest.raises(AssertionError, match="never gave others"), assert_switches():
        pass
    spawn_raw(lambda: None)
    with assert_switches(hub_only=True):
        sleep(0)

    def works_for(seconds):
        with assert_switches(max_blocking_time=1):
            sleep(50)
            clock._now += seconds
            sleep(0.1)

    with MockClock() as clock:
        works_for(0.5)
        with pytest.raises(AssertionError, match=r"2\.000 s without a switch"):
            works_for(2)
