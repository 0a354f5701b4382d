"""Events, results, semaphores, locks, conditions."""

import pytest

from celadon.hub import (
    AsyncResult,
    BoundedSemaphore,
    Condition,
    Event,
    Lock,
    NotReady,
    RLock,
    Semaphore,
    joinall,
    local,
    sleep,
    spawn,
    wait,
)
from celadon.hub.testing import MockClock, wait_all_parked


def test_event_wakes_all_and_who_waited_sees_it_though_cleared():
    event = Event()
    waiters = [spawn(event.wait) for _ in range(3)]
    wait_all_parked()
    event.set()
    event.clear()
    assert [one.get() for one in waiters] == [True] * 3
    with MockClock():
        assert event.wait(1) is False
    event.set()
    assert event.wait() is True


def test_wait_takes_events_results_and_greenlets():
    event, result = Event(), AsyncResult()
    event.set()
    result.set(1)
    one = spawn(int)
    assert set(map(id, wait([event, result, one]))) == {id(event), id(result), id(one)}


def test_async_result():
    result = AsyncResult()
    waiter = spawn(result.get)
    sleep(0)
    result.set(5)
    assert waiter.get() == 5
    assert result.get() == 5
    failed = AsyncResult()
    failed.set_exception(KeyError("x"))
    for _ in range(2):
        with pytest.raises(KeyError):
            failed.get()
    assert not failed.successful()
    with pytest.raises(NotReady):
        AsyncResult().get_nowait()
    linked = AsyncResult()
    spawn(lambda: 3).link(linked)
    assert linked.get() == 3


def test_semaphore_hands_over_in_order():
    semaphore, order = Semaphore(0), []

    def take(name):
        semaphore.acquire()
        order.append(name)

    waiters = []
    for name in "abc":
        waiters.append(spawn(take, name))
        wait_all_parked()
    for _ in range(3):
        semaphore.release()
        assert not semaphore.acquire(blocking=False)  # it is on its way to who waited longest
        wait_all_parked()
    joinall(waiters)
    assert order == ["a", "b", "c"]
    assert semaphore.counter == 0


def test_a_killed_or_late_waiter_takes_nothing():
    with MockClock():
        semaphore = Semaphore(0)
        dead, late = spawn(semaphore.acquire), spawn(semaphore.acquire, timeout=1)
        wait_all_parked()
        dead.kill()
        assert late.get() is False
        semaphore.release()
        assert semaphore.counter == 1


def test_one_killed_after_the_hand_over_owns_it_and_gives_it_back():
    semaphore = Semaphore(0)

    def body():
        with semaphore:
            sleep(1000)

    one = spawn(body)
    wait_all_parked()
    semaphore.release()
    one.kill()
    assert semaphore.counter == 1


def test_the_counter_of_a_semaphore_may_be_set():
    """gipc does so in a forked child, for what the parent held."""
    semaphore = Semaphore(1)
    semaphore.acquire()
    waiting = spawn(semaphore.acquire)
    wait_all_parked()
    semaphore.counter = 2
    assert waiting.get() is True
    assert semaphore.counter == 1
    semaphore.counter = 1000
    semaphore.counter = 3
    assert semaphore.counter == 3
    with pytest.raises(ValueError, match=">= 0"):
        semaphore.counter = -1


def test_bounded_semaphore_and_lock_know_too_much():
    with pytest.raises(ValueError, match="too many"):
        BoundedSemaphore(1).release()
    with pytest.raises(RuntimeError):
        Lock().release()
    with pytest.raises(ValueError, match=">= 0"):
        Semaphore(-1)


def test_rlock():
    lock = RLock()
    with lock, lock:
        other = spawn(lock.acquire, blocking=False)
        assert other.get() is False
    assert not lock.locked()
    with pytest.raises(RuntimeError):
        lock.release()


@pytest.mark.parametrize("lock", [RLock, Lock])
def test_condition(lock):
    condition, seen = Condition(lock()), []

    def waiter(name):
        with condition:
            seen.append((name, condition.wait()))

    waiters = []
    for name in "ab":
        waiters.append(spawn(waiter, name))
        wait_all_parked()
    with condition:
        condition.notify()
    waiters[0].join()
    assert seen == [("a", True)]
    with condition:
        condition.notify_all()
    waiters[1].join()
    with MockClock(), condition:
        assert condition.wait(1) is False
        assert condition.wait_for(lambda: False, 1) is False
    with pytest.raises(RuntimeError):
        condition.notify()


def test_a_killed_condition_waiter_holds_the_lock_until_its_block_ends():
    condition = Condition()

    def body():
        with condition:
            condition.wait()

    one = spawn(body)
    wait_all_parked()
    with condition:
        one.kill(block=False)
        sleep(0)
        assert not one.dead
    one.join()
    assert condition.acquire(blocking=False)
    condition.release()


def test_local_is_each_greenlets_own():
    class Mine(local):
        def __init__(self, start):
            self.n = start

    mine = Mine(5)
    mine.n = 6
    assert spawn(lambda: mine.n).get() == 5
    assert mine.n == 6
    del mine.n
    with pytest.raises(AttributeError):
        _ = mine.n


@pytest.mark.parametrize("make", [Event, AsyncResult])
def test_links_that_unlink_and_fail(make, capsys):
    one, log = make(), []

    def first(source):
        log.append("first")
        source.unlink(second)
        raise ValueError("of the first")

    def second(source):
        log.append("second")

    one.rawlink(first)
    one.rawlink(second)
    one.rawlink(lambda _: log.append("third"))
    assert one.linkcount() == 3
    one.set()
    sleep(0)
    assert log == ["first", "third"]
    assert one.linkcount() == 0
    assert "of the first" in capsys.readouterr().err
