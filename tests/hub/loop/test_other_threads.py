"""Everything to wait for, between greenlets of several OS threads."""

import _thread
import os
import random
import subprocess
import sys
import time
from collections import deque

import pytest

from celadon.hub import (
    AsyncResult,
    Barrier,
    BoundedSemaphore,
    Channel,
    Condition,
    Event,
    HubClosedError,
    JoinableQueue,
    LifoQueue,
    Lock,
    PriorityQueue,
    Queue,
    RLock,
    Semaphore,
    get_hub,
    joinall,
    move_on_after,
    sleep,
    spawn,
)
from celadon.hub.loop.wakeup import Wakeup


@pytest.fixture(autouse=True)
def many_switches():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def in_threads(*functions):
    """Run each in a thread with a hub of its own; their results, or the first failure. Waits without a hub's help."""
    results, errors = [None] * len(functions), []
    ends = [_thread.allocate_lock() for _ in functions]

    def body(n, function):
        try:
            results[n] = function()
        except BaseException as error:
            errors.append(error)
        finally:
            ends[n].release()

    for n, function in enumerate(functions):
        ends[n].acquire()
        _thread.start_new_thread(body, (n, function))
    for n, end in enumerate(ends):
        assert end.acquire(timeout=30), f"{functions[n]} hangs: {results} {errors}"
    if errors:
        raise errors[0]
    return results


@pytest.mark.parametrize("maxsize", [None, 3])
def test_what_one_thread_puts_comes_out_in_order_and_once(maxsize):
    queue, count = Queue(maxsize), 2000

    def producer(name):
        def produce():
            for n in range(count):
                queue.put((name, n))

        return produce

    def consumer():
        mine = []

        def consume():
            while (item := queue.get()) is not None:
                mine.append(item)

        joinall([spawn(consume)])
        return mine

    def feed():
        in_threads(producer("a"), producer("b"))
        for _ in range(2):
            queue.put(None)

    one, two, _ = in_threads(consumer, consumer, feed)
    assert sorted(one + two) == [(name, n) for name in "ab" for n in range(count)]
    for mine in (one, two):
        for name in "ab":
            numbers = [n for who, n in mine if who == name]
            assert numbers == sorted(numbers)


@pytest.mark.parametrize("kind", [LifoQueue, PriorityQueue, Channel, Queue])
def test_every_kind_loses_and_doubles_nothing(kind):
    queue, count = kind(), 1000

    def producer():
        for n in range(count):
            queue.put(n)
            if n % 50 == 0:
                sleep(0)

    def consumer():
        return [queue.get() for _ in range(count)]

    results = in_threads(producer, consumer, producer, consumer)
    assert sorted(results[1] + results[3]) == sorted([*range(count), *range(count)])


@pytest.mark.parametrize("make", [Lock, RLock, lambda: Semaphore(1), lambda: BoundedSemaphore(1)])
def test_one_holder_at_a_time(make):
    lock, inside, total = make(), [], [0]

    def worker():
        def body():
            for n in range(150):
                with lock:
                    inside.append(1)
                    assert len(inside) == 1
                    if n % 10 == 0:
                        sleep(0)
                    total[0] += 1
                    inside.pop()

        joinall([spawn(body) for _ in range(3)], raise_error=True)

    in_threads(worker, worker, worker)
    assert total[0] == 3 * 3 * 150
    assert lock.acquire(blocking=False)


def test_a_unit_is_never_lost_though_waiters_are_late_or_killed():
    semaphore, seed = Semaphore(2), random.randrange(1 << 30)

    def worker(number):
        dice = random.Random(seed + number)

        def body():
            for _ in range(100):
                if semaphore.acquire(timeout=dice.choice([0.00001, 0.0001, 0.01])):
                    try:
                        if dice.random() < 0.3:
                            sleep(0)
                    finally:
                        semaphore.release()

        def run():
            some = [spawn(body) for _ in range(5)]
            sleep(0.001)
            some[0].kill()
            joinall(some)

        return run

    in_threads(worker(1), worker(2), worker(3))
    assert semaphore.counter == 2, f"seed {seed}"


def test_event_result_and_join_from_afar():
    event, result = Event(), AsyncResult()

    def giver():
        sleep(0.002)
        event.set()
        result.set(7)
        time.sleep(0.001)
        mine = spawn(sleep, 0.002)
        given.put(mine)
        mine.join()
        return mine.dead

    given = Queue()

    def taker():
        assert event.wait(10)
        value = result.get()
        theirs = given.get()
        theirs.join()
        return value, theirs.dead

    first, second = in_threads(giver, taker)
    assert first is True
    assert second == (7, True)


def test_kill_from_afar_waits_for_the_end():
    given = Queue()

    def victim():
        one = spawn(sleep, 1000)
        sleep(0)
        given.put(one)
        one.join()
        return one.dead

    def killer():
        one = given.get()
        one.kill()
        return one.dead

    assert in_threads(victim, killer) == [True, True]


def test_condition_and_barrier():
    condition, box = Condition(), []
    barrier = Barrier(3)

    def taker():
        with condition:
            assert condition.wait_for(lambda: box, 10)
            box.pop()
        return barrier.wait(10)

    def giver():
        for _ in range(2):
            with condition:
                box.append(1)
                condition.notify()
            sleep(0.001)
        with condition:
            condition.notify_all()
        return barrier.wait(10)

    assert sorted(in_threads(taker, taker, giver)) == [0, 1, 2]
    assert box == []


def test_joinable_queue():
    queue = JoinableQueue(2)

    def worker():
        for _ in range(200):
            queue.get()
            queue.task_done()

    def feeder():
        for n in range(400):
            queue.put(n)
        return queue.join(10)

    assert in_threads(worker, worker, feeder)[2] is True
    assert queue.unfinished_tasks == 0


def test_ping_pong_of_two_hubs():
    there, back = Queue(), Queue()

    def ping():
        for n in range(2000):
            there.put(n)
            assert back.get() == n

    def pong():
        for _ in range(2000):
            back.put(there.get())

    in_threads(ping, pong)


def test_a_hub_waits_while_another_thread_may_wake_it_and_no_longer():
    code = """
import _thread, time
from celadon.hub import Event, LoopExit
event = Event()
_thread.start_new_thread(lambda: (time.sleep(0.05), event.set(), time.sleep(0.05)), ())
assert event.wait()
try:
    Event().wait()
except LoopExit:
    print("nobody is left")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False)
    assert (done.stdout, done.stderr) == ("nobody is left\n", "")


def test_a_waiter_of_a_thread_that_ended_is_passed_over():
    lock = Lock()
    lock.acquire()

    def leaves_a_waiter():
        spawn(lock.acquire)
        sleep(0)

    in_threads(leaves_a_waiter)
    with move_on_after(5):
        while len(lock._waiters):  # the thread's storage goes after its last line
            sleep(0.001)
    lock.release()
    assert lock.acquire(blocking=False)


def test_links_are_called_in_the_linkers_own_thread():
    result, where = AsyncResult(), []

    def linker():
        result.rawlink(lambda _: where.append(_thread.get_ident()))
        while not where:
            sleep(0.001)
        return _thread.get_ident()

    def setter():
        sleep(0.002)
        result.set(1)

    ident, _ = in_threads(linker, setter)
    assert where == [ident]
    assert get_hub().holds == 0


def test_a_call_that_comes_while_the_hub_closes_is_an_error_not_a_loss():
    """The hub's thread ends between the caller's look at ``closed`` and its append."""
    gate, ready = _thread.allocate_lock(), _thread.allocate_lock()
    gate.acquire()
    ready.acquire()
    hubs, ended = [], _thread.allocate_lock()
    ended.acquire()

    def body():
        hubs.append(get_hub())
        ready.release()
        gate.acquire()

    class Late(deque):
        def append(self, item):
            gate.release()
            deadline = time.monotonic() + 10
            while not hub.closed and time.monotonic() < deadline:
                time.sleep(0.001)
            super().append(item)

    _thread.start_new_thread(body, ())
    ready.acquire()
    (hub,) = hubs
    hub.ready = Late()
    hub.asleep = True  # as the caller may have seen it
    with pytest.raises(HubClosedError):
        hub.call_soon_threadsafe(pytest.fail, "nobody runs it")
    assert not hub.ready
    with pytest.raises(HubClosedError):
        hub.call_soon_threadsafe(int)
    hub.rouse()  # too late for that as well, and no error


def test_a_closed_wake_up_does_not_write_into_somebody_elses_file():
    wakeups = []
    in_threads(lambda: wakeups.append(Wakeup()))
    wakeups[0].send()
    number = wakeups[0].fileno()
    wakeups[0].close()
    read, write = os.pipe2(os.O_NONBLOCK)
    assert number in (read, write), "the test needs the number to be used again"
    wakeups[0].send()
    wakeups[0].close()
    with pytest.raises(BlockingIOError):
        os.read(read, 1)
    os.close(read)
    os.close(write)


def test_threads_call_a_hub_that_comes_and_goes():
    """Every call is made, or refused: whatever the moment in which the hub's thread ends."""
    rounds, made, refused = 30, [], []

    def one_round():
        hubs, over = [], []

        def owner():
            hub = get_hub()
            hubs.append(hub)
            for _ in range(random.randrange(4)):
                sleep(0.0002)
            del hub

        def caller():
            while not hubs:
                time.sleep(0)
            try:
                while True:
                    hubs[0].call_soon_threadsafe(made.append, 1)
                    time.sleep(0)
            except HubClosedError:
                refused.append(1)
            over.append(1)

        in_threads(owner, caller, caller)
        assert len(over) == 2
        assert hubs[0].closed
        assert not hubs[0].ready

    for _ in range(rounds):
        one_round()
    assert len(refused) == 2 * rounds


BUSY = """
import _thread, os, time
from celadon.hub import sleep, spawn

steps = []

def steps_on():
    while True:
        time.sleep(0.001)
        steps.append(1)

_thread.start_new_thread(steps_on, ())
end = time.monotonic() + 4
while len(steps) < 20 and time.monotonic() < end:
    {}
print(len(steps), flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("busy", ["sleep(0)", "spawn(sleep, 0).join()"])
def test_a_busy_loop_lets_other_threads_run(busy):
    """Each look at the kernel began their wait for the interpreter anew: they had it once a second."""
    done = subprocess.run([sys.executable, "-c", BUSY.format(busy)], capture_output=True, timeout=30, check=False)
    assert int(done.stdout) >= 20, done.stderr
