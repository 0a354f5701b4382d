"""Blocking calls in threads."""

import _thread
import os
import time

import pytest

from celadon.hub import ThreadPool, Timeout, get_hub, joinall, move_on_after, sleep, spawn, to_thread


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
