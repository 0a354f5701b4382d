"""Queues, groups and pools."""

import pytest
from greenlet import greenlet

from celadon.hub import (
    Channel,
    Empty,
    Full,
    Group,
    LifoQueue,
    Pool,
    PriorityQueue,
    Queue,
    joinall,
    sleep,
    spawn,
)
from celadon.hub.testing import MockClock, wait_all_parked


def test_order_bounds_and_timeouts():
    with MockClock():
        queue = Queue(2)
        queue.put(1)
        queue.put_nowait(2)
        assert queue.full()
        with pytest.raises(Full):
            queue.put_nowait(3)
        with pytest.raises(Full):
            queue.put(3, timeout=1)
        assert queue.peek() == 1
        assert [queue.get(), queue.get()] == [1, 2]
        with pytest.raises(Empty):
            queue.get_nowait()
        with pytest.raises(Empty):
            queue.get(timeout=1)


def test_putters_are_let_in_in_order():
    queue = Queue(1)
    putters = []
    for n in range(4):
        putters.append(spawn(queue.put, n))
        wait_all_parked()
    putters[2].kill()
    assert [queue.get() for _ in range(3)] == [0, 1, 3]
    joinall(putters)


def test_a_killed_getter_loses_no_item():
    queue = Queue()
    getter = spawn(queue.get)
    wait_all_parked()
    getter.kill()
    queue.put("kept")
    assert queue.get_nowait() == "kept"


def test_kinds_and_iteration():
    lifo = LifoQueue(items=[1, 2, 3])
    assert [lifo.get() for _ in range(3)] == [3, 2, 1]
    priority = PriorityQueue(items=[3, 1])
    priority.put(2)
    assert priority.peek() == 1
    assert [priority.get() for _ in range(3)] == [1, 2, 3]
    queue = Queue(items=[1, 2, StopIteration])
    assert list(queue) == [1, 2]


def test_pool_bounds_how_many_run():
    running, most = [], []

    def work(n):
        running.append(n)
        most.append(len(running))
        sleep(0)
        running.remove(n)
        return n

    pool = Pool(3)
    assert pool.map(work, range(20)) == list(range(20))
    assert max(most) == 3
    assert pool.join()
    assert pool.free_count() == 3


def test_imap_keeps_order_and_survives_a_failure(reported):
    def work(n):
        if n == 2:
            raise KeyError(n)
        sleep(0.001 * (5 - n))
        return n

    results, iterator = [], Pool(3).imap(work, range(5))
    while True:
        try:
            results.append(next(iterator))
        except KeyError:
            results.append("failed")
        except StopIteration:
            break
    assert results == [0, 1, "failed", 3, 4]


def test_imap_unordered_is_bounded():
    started = []

    def work(n):
        started.append(n)
        return n

    iterator = Pool(2).imap_unordered(work, range(100), maxsize=3)
    wait_all_parked()
    assert len(started) == 3
    assert sorted(iterator) == list(range(100))


def test_an_input_that_fails_ends_imap_with_its_failure(reported):
    def inputs():
        yield 1
        raise LookupError("input")

    iterator = Pool(2).imap(lambda n: n, inputs())
    assert next(iterator) == 1
    with pytest.raises(LookupError):
        next(iterator)
    with pytest.raises(StopIteration):
        next(iterator)


def test_group_kill_and_join(reported):
    group = Group()
    for _ in range(3):
        group.spawn(sleep, 1000)
    sleep(0)
    assert len(group) == 3
    group.kill()
    assert len(group) == 0
    group.spawn(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        group.join(raise_error=True)
    assert group.apply(lambda a, b: a + b, (1,), {"b": 2}) == 3
    assert group.apply_async(lambda: 4).get() == 4
    assert group.map_async(lambda n: n, [1]).get() == [1]


@pytest.mark.parametrize("kind", [Channel, lambda: Queue(1)], ids=["channel", "queue"])
def test_an_item_is_not_given_to_a_getter_whose_thread_has_ended(kind):
    # Its thread ends between the getter's leaving the line and the hand-over: the line still names it, its hub is gone.
    queue = kind()
    if isinstance(queue, Queue):
        queue.put("in the way")
    putter = spawn(queue.put, "item")
    wait_all_parked()
    gone = type("Hub", (), {"closed": True, "deliver": lambda self, waiter, value: False})()
    queue._line()[greenlet(sleep)] = gone
    queue.settle()
    taken = [queue.get(timeout=1) for _ in range(1 if isinstance(queue, Channel) else 2)]
    assert taken[-1] == "item"
    putter.join()
