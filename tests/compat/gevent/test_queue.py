"""Queues by gevent's names, and what a subclass of them may replace."""

import pytest

from celadon.hub import sleep, spawn

gevent = pytest.importorskip("celadon.compat.gevent")
from celadon.compat.gevent import queue as gqueue  # noqa: E402


class Unique(gqueue.Queue):
    """As programs write it for the standard library: each item once."""

    def _init(self, maxsize):
        self.queue = set()

    def _put(self, item):
        if item is None:
            raise ValueError("planted")
        self.queue.add(item)

    def _get(self):
        return self.queue.pop()


@pytest.mark.parametrize("maxsize", [0, 3])
def test_a_queue_whose_methods_a_subclass_replaces(maxsize):
    items = Unique(maxsize)
    getters = [spawn(items.get) for _ in range(3)]
    sleep(0)
    for item in (1, 2, 2, 3):
        items.put(item)
    gevent.joinall(getters[:2], timeout=1, raise_error=True)
    sleep(0)
    items.put(4)
    assert {one.get(timeout=1) for one in getters} | items.queue == {1, 2, 3, 4}
    with pytest.raises(ValueError, match="planted"):
        items.put(None)
    assert Unique(items=[5, 5]).qsize() == 1


def test_who_puts_gets_what_its_put_raises():
    """Not the getter that makes the place for it."""
    items = Unique(1)
    items.put(1)
    putter = spawn(items.put, None)
    sleep(0)
    assert items.get() == 1
    with pytest.raises(ValueError, match="planted"):
        putter.get(timeout=1)
    assert items.empty()


@pytest.mark.parametrize(
    ("kind", "order"), [(gqueue.Queue, [2, 1, 3]), (gqueue.LifoQueue, [3, 1, 2]), (gqueue.PriorityQueue, [1, 2, 3])]
)
def test_a_subclass_calls_the_methods_that_it_replaces(kind, order):
    calls = []

    class Counting(kind):
        def _put(self, item):
            calls.append(item)
            super()._put(item)

        def _get(self):
            calls.append("get")
            return super()._get()

    items = Counting(items=[2])
    items.put(1)
    items.put(3)
    assert [items.get() for _ in range(3)] == order
    assert calls == [2, 1, 3, "get", "get", "get"]
    items.maxsize = 1
    items.put(4)
    assert items.full()
    assert items.queue


class Stored(gqueue.Queue):
    """Keeps items under a name of its own."""

    def _init(self, maxsize, items=()):
        self.store = list(items)

    def _qsize(self):
        return len(self.store)

    def _put(self, item):
        self.store.append(item)

    def _get(self):
        return self.store.pop()


@pytest.mark.parametrize("maxsize", [None, 2])
def test_a_subclass_may_keep_items_under_another_name(maxsize):
    queue = Stored(maxsize)
    queue.put(1)
    queue.put(2)
    assert (queue.qsize(), queue.full(), queue.empty()) == (2, maxsize == 2, False)
    putter = spawn(queue.put, 3)
    sleep(0)
    assert sorted(queue.get() for _ in range(3)) == [1, 2, 3]
    putter.get()
    with pytest.raises(gqueue.Empty):
        queue.get(timeout=0.001)
