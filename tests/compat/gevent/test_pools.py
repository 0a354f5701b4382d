"""Groups, and pools of threads, with gevent's manners."""

import os
import time

import pytest

from celadon.compat import gevent
from celadon.compat.gevent import pool, selectors, socket, threadpool


def test_a_group_kills_a_member_once(hub):
    """Who was killed and cleans up is not killed again, whatever the group is asked."""
    caught = []

    def undead():
        while len(caught) < 4:
            try:
                gevent.sleep(10)
            except gevent.GreenletExit:
                caught.append(gevent.getcurrent())

    group = pool.Group()
    one, other = group.spawn(undead), group.spawn(undead)
    gevent.sleep(0)
    group.killone(one, block=False)
    group.killone(one)
    gevent.sleep(0)
    assert caught == [one]
    group.kill(block=False)
    assert len(group) == 2
    group.kill(timeout=0.01)
    assert caught == [one, other]
    assert set(group.dying) == {one, other}
    gevent.killall([one, other], block=False)
    group.join()
    assert not group.dying


def test_kill_without_block_kills_in_the_next_turn():
    group = pool.Group()
    group.spawn(gevent.sleep, 10)
    group.kill(block=False)
    assert len(group) == 1
    assert group.join(1)


def test_a_member_may_kill_its_group():
    group, others = pool.Group(), []

    def kill():
        gevent.sleep(0)
        group.kill()

    killer = group.spawn(kill)
    others.append(group.spawn(gevent.sleep, 10))
    killer.join(1)
    assert isinstance(killer.value, gevent.GreenletExit)
    assert all(one.dead for one in others)
    assert len(group) == 0


def test_a_pool_of_threads(hub):
    """One call waits for a thread, the next ``spawn`` itself does; ``kill`` is not for ever.

    ``apply`` in a thread of the pool is made at once.
    """
    threads = threadpool.ThreadPool(1)
    begin = time.monotonic()
    first = threads.spawn(time.sleep, 0.05)
    assert not threads.full()
    second = threads.spawn(abs, -1)
    assert threads.full()
    third = threads.spawn(threads.apply, abs, (-2,))
    assert time.monotonic() - begin > 0.04
    assert (first.get(), second.get(), third.get()) == (None, 1, 2)
    threads.kill()
    assert threads.size == 0
    assert threads.apply(abs, (-3,)) == 3
    threads.kill()


def test_how_many_threads_may_be_set(hub):
    """With none nothing runs; with one again what has waited runs."""
    threads, done = threadpool.ThreadPool(0), []
    gevent.spawn(threads.spawn, done.append, 1)
    gevent.spawn(threads.spawn, done.append, 2)
    gevent.sleep(0.001)
    assert (done, threads.size, threads.maxsize) == ([], 0, 0)
    threads.maxsize = 1
    with gevent.Timeout(5):
        while done != [1, 2]:
            gevent.sleep(0.001)
    threads.maxsize = 0
    with gevent.Timeout(5):
        while threads.size:
            gevent.sleep(0.001)
    for wrong, error in ((-1, ValueError), ("1", TypeError)):
        with pytest.raises(error):
            threads.maxsize = wrong


def test_how_many_threads_there_are_may_be_set(hub):
    threads = threadpool.ThreadPool(2)
    for size in (1, 2, 1, 0):
        threads.size = size
        assert threads.size == size
    for wrong in (-1, 3):
        with pytest.raises(ValueError, match="from 0 to 2"):
            threads.size = wrong
    running = threads.spawn(time.sleep, 0.02)
    threads.size = 0
    assert running.ready()
    assert threads.apply(abs, (-1,)) == 1
    threads.kill()


def test_a_forked_child_has_all_places(hub):
    threads = threadpool.ThreadPool(1)
    calls = [threads.spawn(time.sleep, 0.05) for _ in range(2)]
    pid = os.fork()
    if not pid:
        with gevent.Timeout(5):
            os._exit(threads.apply(abs, (-7,)))
        os._exit(1)
    assert os.waitpid(pid, 0)[1] == 7 << 8
    gevent.joinall(calls)
    threads.kill()


def test_a_selector_refuses_a_number_that_was_closed():
    one = socket.socket()
    number = one.detach()
    os.close(number)
    with selectors.DefaultSelector() as selector, pytest.raises(ValueError, match="Invalid file"):
        selector.register(number, selectors.EVENT_READ)
    assert selectors.DefaultSelector is selectors.GeventSelector
