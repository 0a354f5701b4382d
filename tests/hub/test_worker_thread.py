"""Calls that are all made in one OS thread."""

import _thread
import os
import time
from contextvars import ContextVar

import pytest

from celadon.hub import Timeout, WorkerThread, get_hub, joinall, spawn
from celadon.hub.loop import current
from celadon.hub.loop.other_threads import resting


@pytest.fixture
def worker():
    made = WorkerThread()
    yield made
    made.close()


def until(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_every_call_in_one_thread_in_order(worker):
    seen = []

    def work(n):
        time.sleep(0.001)
        seen.append(n)
        return _thread.get_ident()

    made = [spawn(worker.call, work, n) for n in range(10)]
    joinall(made, raise_error=True)
    assert seen == list(range(10))
    assert len({one.value for one in made}) == 1
    assert made[0].value != _thread.get_ident()
    assert get_hub().holds == 0


def test_errors_are_the_callers_and_make_no_hub_in_the_thread(worker):
    def fail():
        raise SystemExit("enough")

    with pytest.raises(SystemExit, match="enough"):
        worker.call(fail)
    with pytest.raises(ZeroDivisionError):
        worker.call(divmod, 1, 0)
    assert worker.call(current.hub_if_any) is None


def test_the_callers_context(worker):
    variable = ContextVar("variable", default=0)
    variable.set(5)
    assert worker.call(variable.get) == 5


def test_who_gives_up_is_let_go_and_the_call_finishes_alone(worker):
    gate = _thread.allocate_lock()
    gate.acquire()
    done = []

    def work():
        gate.acquire()
        done.append(True)

    with pytest.raises(Timeout), Timeout(0.01):
        worker.call(work)
    assert get_hub().holds == 0
    assert not done
    gate.release()
    assert worker.call(done.copy) == [True]


def test_calls_from_two_threads(worker):
    found = []

    def other():
        found.append(worker.call(_thread.get_ident))

    ended = _thread.allocate_lock()
    ended.acquire()
    _thread.start_new_thread(lambda: (other(), ended.release()), ())
    mine = worker.call(_thread.get_ident)
    ended.acquire()
    assert found == [mine]


def test_closed_and_dropped():
    one = WorkerThread()
    assert one.call(int, "3") == 3
    done = []
    one.post(time.sleep, 0.01)
    one.post(done.append, 4)
    assert one.busy
    one.close()
    one.close()
    until(lambda: not one.busy)
    assert done == [4], "what came before is still called"
    with pytest.raises(RuntimeError, match="no more calls"):
        one.call(int)
    dropped = WorkerThread()
    ident = dropped.call(_thread.get_ident)
    del dropped
    until(lambda: ident not in resting)


def test_a_forked_child_has_no_thread(worker):
    worker.call(int)
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if worker.closed else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert worker.call(int) == 0
