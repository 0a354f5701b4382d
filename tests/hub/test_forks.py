"""Fork: from the main and from another thread, with parked greenlets, pending timers, a running pool; both go on."""

import _thread
import os
import time

import pytest

from celadon.hub import (
    Event,
    Lock,
    Queue,
    ThreadPool,
    Timeout,
    get_hub,
    joinall,
    move_on_after,
    sleep,
    spawn,
    spawn_later,
    to_thread,
    wait_readable,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


class Parked:
    """Greenlets that wait for an event, a queue, a lock, an fd, each other."""

    def __init__(self):
        self.event, self.queue, self.lock = Event(), Queue(), Lock()
        self.read, self.write = os.pipe()
        self.lock.acquire()
        waits = (self.event.wait, self.queue.get, self.lock.acquire, lambda: wait_readable(self.read))
        self.waiters = [spawn(wait) for wait in waits]
        self.waiters.append(spawn(self.waiters[0].join))
        sleep(0)

    def goes_on(self):
        self.event.set()
        self.queue.put(1)
        self.lock.release()
        os.write(self.write, b"x")
        joinall(self.waiters, 10, raise_error=True)
        assert all(one.ready() for one in self.waiters)
        os.close(self.read)
        os.close(self.write)


class Timers:
    """Sleepers, a deadline around a block, and a callback."""

    def __init__(self):
        self.called = Event()
        get_hub().call_later(0.05, self.called.set)
        self.sleepers = [spawn(sleep, 0.05) for _ in range(10)]
        self.late = spawn(self.deadline)
        sleep(0)

    def deadline(self):
        with pytest.raises(Timeout), Timeout(0.05):
            sleep(60)

    def goes_on(self):
        assert self.called.wait(10)
        joinall([*self.sleepers, self.late], 10, raise_error=True)
        assert self.late.successful()


class Running:
    """A thread pool that is at work, with more waiting than it has threads."""

    def __init__(self):
        self.gate = _thread.allocate_lock()
        self.gate.acquire()
        self.pool = ThreadPool(2, idle_timeout=0.05)
        self.results = [self.pool.spawn(self.work) for _ in range(4)]

    def work(self):
        with self.gate:
            return "done"

    def goes_on(self):
        self.gate.release()
        assert [one.get(timeout=10) for one in self.results] == ["done"] * 4
        self.pool.close()
        while self.pool.size:
            sleep(0.005)


def child_goes_on(states):
    """All that a hub does, in the child."""
    hub = get_hub()
    assert (len(hub.parked), len(hub.timers), len(hub.ready), hub.holds, hub.io_waiters) == (0, 0, 0, 0, 0)
    assert [spawn(lambda n=n: n * 2).get() for n in range(3)] == [0, 2, 4]
    assert to_thread(int, "7") == 7
    for state in states:
        if isinstance(state, Running):  # the parent's pool serves the child as well, with new threads
            assert state.pool.apply(int, ("8",)) == 8
        if isinstance(state, Parked):
            assert all(not one.ready() for one in state.waiters)
            state.event.set()  # nobody of this process waits there
    new = Parked()
    sleep(0.01)
    new.goes_on()
    Timers().goes_on()


def fork_and_go_on(*kinds):
    states = [kind() for kind in kinds]
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = b"failed"
        try:
            child_goes_on(states)
            said = b"went on"
        except BaseException as error:
            said = repr(error).encode()
        finally:
            os.write(write, said)
            os._exit(0)
    os.close(write)
    wait_readable(read, 20)
    said = os.read(read, 1000)
    os.close(read)
    os.waitpid(child, 0)
    for state in states:
        state.goes_on()
    return said


@pytest.mark.parametrize("kinds", [(Parked,), (Timers,), (Running,), (Parked, Timers, Running)], ids=str)
@pytest.mark.parametrize("where", ["main", "other thread"])
def test_parent_and_child_go_on(where, kinds):
    if where == "main":
        assert fork_and_go_on(*kinds) == b"went on"
        return
    said = []
    _thread.start_new_thread(lambda: said.append(fork_and_go_on(*kinds)), ())
    with move_on_after(20):
        while not said:
            sleep(0.005)
    assert said == [b"went on"]


def test_from_a_greenlet_beside_others():
    with_others = [spawn(sleep, 0.02) for _ in range(5)]
    assert spawn(fork_and_go_on, Parked, Timers).get() == b"went on"
    joinall(with_others)


def test_a_greenlet_that_a_timer_starts_forks_before_the_next_timer_fires():
    """The loop has taken out all that are due, and is firing them: in the child the rest must not fire."""

    def fork():
        child = os.fork()
        if child == 0:
            fired.clear()
            sleep(0.01)
            os._exit(len(fired))
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    fired, statuses = [], []
    spawn_later(0.001, fork)
    spawn_later(0.001, fired.append, "a greenlet")
    get_hub().call_later(0.001, fired.append, "a callback")
    time.sleep(0.002)  # all are due at once
    sleep(0.01)
    assert sorted(fired) == ["a callback", "a greenlet"]
    assert statuses == [0]


def test_a_child_of_a_child():
    def fork(depth):
        sleeper = spawn(sleep, 60)
        sleep(0)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                assert not get_hub().parked
                status = fork(depth - 1) if depth else spawn(lambda: 42).get()
            finally:
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sleeper.kill()
        return status

    assert fork(2) == 42


def test_the_parent_gets_no_events_of_the_child_nor_the_reverse():
    """An epoll object shared by both would report to one what the other registered."""
    read, write = os.pipe()
    reader = spawn(wait_readable, read)
    sleep(0)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with pytest.raises(TimeoutError):
                wait_readable(read, 0.02)
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    sleep(0.01)
    assert not reader.ready()
    os.write(write, b"x")
    reader.join(10)
    assert reader.successful()
    os.close(read)
    os.close(write)


def test_twenty_threads_with_a_hub_come_and_go():
    def fds():
        return len(os.listdir("/proc/self/fd"))

    def tasks():
        return len(os.listdir("/proc/self/task"))

    shared = Queue()

    def with_hub(n):
        assert spawn(lambda: n).get() == n
        read, write = os.pipe()
        spawn(lambda: (sleep(0.001), os.write(write, b"x")))
        wait_readable(read)
        os.close(read)
        os.close(write)
        spawn(sleep, 60)  # left behind
        sleep(0)
        assert to_thread(int, "3") == 3
        shared.put(n)

    before = fds(), tasks()
    for _ in range(3):
        for n in range(20):
            _thread.start_new_thread(with_hub, (n,))
        assert sorted(shared.get(timeout=20) for _ in range(20)) == list(range(20))
    end = time.monotonic() + 20
    while (fds(), tasks()) != before and time.monotonic() < end:
        sleep(0.01)
    assert (fds(), tasks()) == before
