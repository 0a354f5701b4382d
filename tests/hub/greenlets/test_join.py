# ruff: noqa: PT012  (what is raised comes out of a block)
"""Waiting for many, for the end of everything, and for a quiet moment; greenlets as blocks; what a family shares."""

import _thread
import os
import time

import pytest

from celadon.hub import (
    Event,
    Greenlet,
    GreenletExit,
    Group,
    LoopExit,
    Semaphore,
    Timeout,
    get_hub,
    idle,
    kill,
    sleep,
    spawn,
    spawn_later,
    wait,
    wait_readable,
)
from celadon.hub.loop import other_threads
from celadon.hub.testing import MockClock


def test_wait_without_objects_is_for_all_there_is_to_do(monkeypatch):
    monkeypatch.setattr(other_threads, "_count_others", lambda: 0)  # another test's idle thread could wake us
    with MockClock() as clock:
        log = []
        spawn_later(3, log.append, "late")
        spawn(lambda: (sleep(5), log.append("later")))
        assert wait() is True
        assert log == ["late", "later"]
        begin = clock.now()
        assert wait(timeout=7) is True  # its own timer is nothing to wait for
        assert clock.now() == begin
        stuck = spawn(Event().wait)
        assert wait() is True
        stuck.kill()
        spawn_later(10, log.append, "much later")
        assert wait(timeout=4) is False
        assert clock.now() == begin + 4
        assert wait() is True


def test_wait_without_objects_in_two_greenlets():
    with MockClock():
        others = [spawn(wait) for _ in range(2)]
        spawn(sleep, 3)
        assert wait() is True
        assert [one.get() for one in others] == [True, True]


def test_wait_without_objects_counts_fds_and_threads():
    read, write = os.pipe()
    got = []

    def reader():
        wait_readable(read)
        got.append(os.read(read, 10))

    def writer():
        time.sleep(0.01)
        os.write(write, b"x")

    spawn(reader)
    _thread.start_new_thread(writer, ())
    assert wait() is True
    assert got == [b"x"]
    os.close(read)
    os.close(write)


def test_a_killed_waiter_for_the_end_leaves_nothing():
    one = spawn(wait)
    two = spawn(idle)
    sleep(0)
    kill(one)
    kill(two)
    assert not get_hub().on_drained
    assert not get_hub().on_idle


def test_idle_comes_when_nobody_is_ready():
    log = []

    def busy():
        for n in range(5):
            sleep(0)
            log.append(n)

    def idler(name):
        idle()
        log.append(name)

    for name in ("one", "two"):
        spawn(idler, name)
        sleep(0)
    spawn(busy)
    idle()
    assert log[:5] == [0, 1, 2, 3, 4]
    while "two" not in log:
        idle()
    assert log[5:] == ["one", "two"]


def test_a_greenlet_as_a_block():
    with MockClock():
        with spawn(sleep, 5) as one:
            assert not one.ready()
        assert one.ready()
        with pytest.raises(ValueError, match="body"), spawn(sleep, 5) as one:
            sleep(0)
            raise ValueError("body")
        assert isinstance(one.value, GreenletExit)


def test_links_can_be_counted_and_forgotten():
    called = []
    one = Greenlet(int)
    assert not one.has_links()
    one.link(called.append)
    one.rawlink(called.append)
    assert one.has_links()
    one.unlink_all()
    one.start()
    one.join()
    sleep(0)
    assert called == []


def test_a_family_shares_its_locals():
    seen = {}

    def child(name):
        me = spawn_me[name]
        seen[name] = me.spawn_tree_locals.setdefault("ancestor", name)

    spawn_me = {}

    def root(name):
        spawn_me[name].spawn_tree_locals["ancestor"] = name
        spawn_me[f"{name}/child"] = made = spawn(child, f"{name}/child")
        assert made.spawning_greenlet() is spawn_me[name]
        made.join()
        assert made.spawning_greenlet() is None

    for name in ("a", "b"):
        spawn_me[name] = spawn(root, name)
    for name in ("a", "b"):
        spawn_me[name].get()
    assert seen == {"a/child": "a", "b/child": "b"}


@pytest.mark.parametrize("block", [True, False])
def test_killall_of_who_calls_it_too(block):
    """A member that kills its whole group ends as well, and last."""
    log = []

    def other():
        try:
            sleep(10)
        finally:
            log.append("other")

    def member():
        group.kill(block=block)
        sleep(0)
        log.append("went on")

    group = Group()
    group.spawn(other)
    sleep(0)
    one = group.spawn(member)
    group.join(timeout=1)
    assert log == ["other"]
    assert isinstance(one.value, GreenletExit)
    assert not group


def test_what_does_not_hold_the_loop(monkeypatch):
    """A sleep or a Timeout with ``ref=False`` is nothing that the end of the loop waits for."""
    monkeypatch.setattr(other_threads, "_count_others", lambda: 0)
    with MockClock() as clock:
        sleeper = spawn(sleep, 50, ref=False)
        sleep(0)
        begin = clock.now()
        assert wait() is True
        assert clock.now() == begin
        with Timeout(60, ref=False), pytest.raises(LoopExit):
            Event().wait()
        sleep(50)  # while something else holds it, they come
        sleep(0)
        assert sleeper.dead
        with pytest.raises(Timeout), Timeout(1, ref=False):
            sleep(2)


def test_objects_that_are_ready_come_in_the_order_given():
    first, second = Semaphore(), Semaphore()
    assert wait([first, second]) == [first, second]


def test_a_block_whose_wait_fails_kills_its_greenlet():
    with pytest.raises(Timeout), Timeout(0.001), spawn(sleep, 10) as one:
        pass
    assert one.dead
