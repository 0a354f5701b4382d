# ruff: noqa: PT012, RUF061  (what is raised comes out of a block, or in a greenlet)
"""A stock of things that are made on demand and lent."""

import pytest

from celadon.hub import NotReady, ResourcePool, TokenPool, joinall, kill, sleep, spawn
from celadon.hub.testing import wait_all_parked

pytestmark = pytest.mark.usefixtures("clock")


class Numbers(ResourcePool):
    made = 0

    def create(self):
        sleep(1)
        self.made += 1
        return self.made


def test_made_on_demand_lent_and_waited_for():
    pool = Numbers(min_size=1, max_size=2)
    assert (pool.current_size, pool.free()) == (1, 2)
    one, two = pool.get(), pool.get()
    assert (one, two, pool.free()) == (1, 2, 0)
    order = []
    waiting = []
    for n in range(2):
        waiting.append(spawn(lambda n=n: order.append((n, pool.get()))))
        wait_all_parked()
    assert pool.waiting() == 2
    pool.put(two)
    pool.put(one)
    joinall(waiting)
    assert sorted(order) == [(0, 2), (1, 1)]
    with pytest.raises(NotReady):
        pool.get(timeout=3)
    assert pool.waiting() == 0


def test_round_robin_or_last_first():
    for stack, second in ((False, 2), (True, 1)):
        pool = Numbers(min_size=2, max_size=2, order_as_stack=stack)
        pool.put(pool.get())
        assert pool.get() == second


def test_item_gives_back_also_after_a_failure():
    pool = TokenPool(max_size=1)
    with pytest.raises(ValueError, match="x"), pool.item():
        assert pool.free() == 0
        raise ValueError("x")
    assert pool.free() == 1


def test_whoever_fails_to_make_one_leaves_the_place_to_the_next():
    fail = [True]

    def create():
        sleep(1)
        if fail.pop():
            raise OSError("no connection")
        return "made"

    pool = ResourcePool(max_size=1, create=create)
    first = spawn(lambda: pytest.raises(OSError, pool.get))
    sleep(0)
    fail.insert(0, False)
    second = spawn(pool.get)
    assert first.get()
    assert second.get() == "made"
    assert pool.current_size == 1


def test_a_killed_waiter_takes_nothing_with_it():
    pool = TokenPool(max_size=1)
    token = pool.get()
    one, two = spawn(pool.get), spawn(pool.get)
    wait_all_parked()
    kill(one)
    pool.put(token)
    assert two.get() is token


def test_resize():
    pool = TokenPool(max_size=2)
    tokens = [pool.get(), pool.get()]
    waiter = spawn(pool.get)
    wait_all_parked()
    pool.resize(3)
    assert waiter.get() is not None
    pool.resize(1)
    for one in (*tokens, waiter.value):
        pool.put(one)
    assert (pool.current_size, pool.free()) == (1, 1)
    with pytest.raises(ValueError, match="min_size"):
        TokenPool(min_size=2, max_size=1)
    with pytest.raises(NotImplementedError):
        ResourcePool().get()
