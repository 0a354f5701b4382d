# ruff: noqa: RUF061  (what is raised, is raised in a greenlet)
"""Blocking calls in threads."""

import _thread
import itertools
import os
import time

import pytest

from celadon.hub import (
    CancelledError,
    ThreadPool,
    Timeout,
    default_pool,
    get_hub,
    joinall,
    move_on_after,
    sleep,
    spawn,
    to_thread,
)


@pytest.fixture
def pool():
    made = ThreadPool(2, idle_timeout=0.05)
    yield made
    made.close()
    while made.size:
        sleep(0.005)


def test_value_error_and_thread(pool):
    assert pool.apply(_thread.get_ident) != _thread.get_ident()
    with pytest.raises(ZeroDivisionError):
        pool.apply(lambda: 1 / 0)
    assert to_thread(divmod, 7, 2) == (3, 1)
    assert get_hub().holds == 0


def test_calls_run_side_by_side_and_bounded(pool):
    lock = _thread.allocate_lock()
    now, most = [0], [0]

    def work():
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.005)
        with lock:
            now[0] -= 1

    joinall([spawn(pool.apply, work) for _ in range(6)])
    assert most[0] == 2
    assert len(pool) == 0


def test_queued_work_is_cancelled_and_never_made(pool):
    gate = _thread.allocate_lock()
    gate.acquire()
    ran = []
    blocked = [pool.spawn(gate.acquire) for _ in range(2)]
    queued = pool.spawn(ran.append, 1)
    assert queued.cancel() is True
    assert queued.cancel() is False
    gate.release()
    blocked[0].get() if blocked[0].ready() else None
    while not any(one.ready() for one in blocked):
        sleep(0.001)
    gate.release()
    joinall([spawn(one.get) for one in blocked])
    pool.apply(int)
    assert ran == []


def test_a_timeout_ends_the_wait_at_once_and_the_slot_comes_back(pool):
    gate = _thread.allocate_lock()
    gate.acquire()
    with pytest.raises(Timeout), Timeout(0.01):
        pool.apply(gate.acquire)
    assert get_hub().holds == 0
    gate.release()
    assert pool.apply(int) == 0
    with move_on_after(5):
        while len(pool):
            sleep(0.001)
    assert len(pool) == 0


def test_idle_threads_retire(pool):
    pool.apply(int)
    assert pool.size == 1
    with move_on_after(5):
        while pool.size:
            sleep(0.01)
    assert pool.size == 0
    assert pool.apply(int) == 0


def test_closed_and_wrong_thread(pool):
    other = ThreadPool(1)
    other.close()
    with pytest.raises(RuntimeError, match="closed"):
        other.spawn(int)

    def elsewhere():
        with pytest.raises(RuntimeError, match="another thread"):
            pool.spawn(int)
        return True

    assert pool.apply(elsewhere)


def test_a_forked_child_can_use_the_pool(pool):
    pool.apply(int)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = to_thread(int, "0") + pool.apply(int, ("0",))
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_hub_goes_with_its_thread_and_leaves_no_fd(pool):
    def fds():
        return len(os.listdir("/proc/self/fd"))

    pool.apply(int)
    before = fds()

    def with_hub():
        sleep(0.001)

    done = []
    for _ in range(3):
        _thread.start_new_thread(lambda: (with_hub(), done.append(1)), ())
    with move_on_after(5):
        while len(done) < 3 or fds() > before:
            sleep(0.002)
    assert fds() == before


def blocked_on(gate, pool, count):
    """As many calls that wait for ``gate``, all begun."""
    begun = []
    calls = [pool.spawn(lambda: (begun.append(1), gate.acquire(), gate.release())) for _ in range(count)]
    while len(begun) < count:
        sleep(0.001)
    return calls


def test_a_larger_maxsize_gives_waiting_calls_their_threads(pool):
    gate = _thread.allocate_lock()
    gate.acquire()
    blocked = blocked_on(gate, pool, 2)
    queued = [pool.spawn(int) for _ in range(3)]
    assert pool.size == 2
    pool.maxsize = 4
    assert pool.size == 4
    joinall([spawn(one.get) for one in queued])
    gate.release()
    joinall([spawn(one.get) for one in blocked])


def test_a_smaller_maxsize_ends_threads_idle_or_after_their_call(pool):
    pool.idle_timeout = None
    gate = _thread.allocate_lock()
    gate.acquire()
    blocked = blocked_on(gate, pool, 2)
    pool.maxsize = 1
    assert pool.size == 2
    gate.release()
    joinall([spawn(one.get) for one in blocked])
    with move_on_after(5):
        while pool.size > 1:
            sleep(0.001)
    assert pool.size == 1
    pool.maxsize = 3
    assert pool.map(abs, range(-5, 0)) == [5, 4, 3, 2, 1]
    pool.maxsize = 1
    with move_on_after(5):
        while pool.size > 1:
            sleep(0.001)
    assert pool.size == 1
    with pytest.raises(ValueError, match="room for one"):
        pool.maxsize = 0


def test_the_map_family(pool):
    assert pool.map(abs, [-1, -2]) == [1, 2]
    assert list(pool.imap(divmod, [7, 8], [2, 3])) == [(3, 1), (2, 2)]
    assert sorted(pool.imap_unordered(abs, range(-20, 0))) == list(range(1, 21))
    got = []
    pool.apply_async(abs, (-3,), callback=got.append).get()
    assert pool.map_async(abs, [-4]).get() == [4]
    sleep(0)
    assert got == [3]
    assert pool.join() is True


def test_imap_of_threads_is_bounded_over_endless_inputs(pool):
    begun = []
    results = pool.imap(begun.append, itertools.count())
    assert [next(results) for _ in range(10)] == [None] * 10
    assert len(begun) <= 10 + 2 * pool.maxsize
    del results
    assert pool.join() is True


def test_map_that_fails_takes_back_what_has_not_begun(pool):
    ran = []
    with pytest.raises(ZeroDivisionError):
        pool.map(lambda n: 1 / 0 if n == 0 else (time.sleep(0.01), ran.append(n)), range(50))
    pool.join()
    assert len(ran) < 49


def test_who_waits_for_a_cancelled_call_is_told(pool):
    gate = _thread.allocate_lock()
    gate.acquire()
    blocked = blocked_on(gate, pool, 2)
    queued = pool.spawn(int)
    waiting = [spawn(lambda one=one: pytest.raises(CancelledError, one.get)) for one in (queued, blocked[0])]
    sleep(0)
    assert queued.cancel() is True
    assert blocked[0].cancel() is False
    joinall(waiting, raise_error=True)
    assert queued.cancelled()
    assert pool.join(0.001) is False
    gate.release()
    assert pool.join() is True
    done = pool.spawn(int)
    assert done.get() == 0
    assert done.cancel() is False
    assert not done.cancelled()


def test_twenty_threads_with_hubs_come_and_go_and_leave_no_fd():
    def fds():
        return len(os.listdir("/proc/self/fd"))

    before = fds()
    done = []

    def with_hub():
        def body():
            joinall([spawn(sleep, 0.001), spawn(to_thread, int)])

        body()
        done.append(1)

    for _ in range(20):
        _thread.start_new_thread(with_hub, ())
    with move_on_after(20):
        while len(done) < 20 or fds() > before:
            sleep(0.005)
    assert len(done) == 20
    assert fds() == before


def test_a_closed_default_pool_is_replaced():
    first = default_pool()
    first.close()
    assert to_thread(int) == 0
    assert default_pool() is not first
