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
