# ruff: noqa: PT012  (what is raised comes out of a block)
"""Groups and pools: the map family, bounds, members that spawn."""

import gc
import itertools

import pytest

from celadon.hub import (
    Event,
    Greenlet,
    GreenPile,
    GreenPool,
    Group,
    Pool,
    PoolFull,
    Timeout,
    get_hub,
    getcurrent,
    joinall,
    move_on_after,
    sleep,
    spawn,
)
from celadon.hub.testing import wait_all_parked

pytestmark = pytest.mark.usefixtures("clock")


def slow_square(n):
    sleep(1 / (n + 1))
    return n * n


def test_map_imap_and_unordered(clock):
    for pool in (Group(), Pool(3), GreenPool(3)):
        assert pool.map(slow_square, range(6)) == [n * n for n in range(6)]
        assert list(pool.imap(slow_square, range(6))) == [n * n for n in range(6)]
        assert sorted(pool.imap_unordered(slow_square, range(6))) == [n * n for n in range(6)]
        assert pool.map(pow, [2, 3], [4, 5]) == [16, 243]
    assert list(Group().imap_unordered(slow_square, range(3))) == [4, 1, 0]
    assert Group().map_async(slow_square, [3]).get() == [9]


def test_callbacks_get_what_came_of_it(reported):
    got = []
    pool = Pool(2)
    pool.apply_async(slow_square, (3,), callback=got.append).get()
    assert pool.apply_cb(slow_square, (4,), callback=got.append) == 16
    assert pool.map_cb(slow_square, [5], callback=got.append) == [25]
    pool.map_async(slow_square, [6], callback=got.append).get()
    with pytest.raises(ZeroDivisionError):
        pool.apply_async(divmod, (1, 0), callback=got.append).get()
    wait_all_parked()
    assert got == [9, 16, [25], [36]]


@pytest.mark.parametrize("name", ["imap", "imap_unordered"])
def test_a_failure_comes_in_its_place_and_the_rest_after_it(name, reported):
    def body(n):
        if n == 1:
            raise ValueError(n)
        return n

    results = getattr(Pool(2), name)(body, range(4))
    seen = []
    for _ in range(4):
        try:
            seen.append(next(results))
        except ValueError as error:
            seen.append(int(str(error)))
    assert (seen if name == "imap" else sorted(seen)) == [0, 1, 2, 3]
    with pytest.raises(StopIteration):
        next(results)


@pytest.mark.parametrize("name", ["imap", "imap_unordered"])
def test_the_inputs_own_failure_is_the_last_result(name, reported):
    def inputs():
        yield 1
        raise KeyError("inputs")

    results = getattr(Pool(2), name)(slow_square, inputs())
    got = []
    with pytest.raises(KeyError):
        while True:
            got.append(next(results))
    assert got in ([1], [])
    assert list(results) in ([], [1])


@pytest.mark.parametrize("name", ["imap", "imap_unordered"])
def test_an_interrupted_next_loses_nothing(name):
    results = getattr(Pool(2), name)(lambda n: (sleep(5), n)[1], [7, 8])
    with pytest.raises(Timeout), Timeout(1):
        next(results)
    assert sorted(results) == [7, 8]


def test_an_imap_by_hand():
    results = Group().imap(abs, [-1])
    assert results.next() == 1
    with pytest.raises(StopIteration):
        results.next()


@pytest.mark.parametrize("name", ["imap", "imap_unordered"])
def test_bounded_imap_over_endless_inputs(name):
    begun = []
    pool = Pool(2)
    results = getattr(pool, name)(lambda n: begun.append(n) or n, itertools.count(), maxsize=5)
    for _ in range(20):
        wait_all_parked()
        assert len(begun) == 5  # however long nobody takes them
    assert sorted(next(results) for _ in range(5)) == [0, 1, 2, 3, 4]
    wait_all_parked()
    assert len(begun) == 10
    del results
    gc.collect()
    sleep(0)
    assert not get_hub().parked, "the feeder is left"


def test_a_pool_is_bounded_and_first_come_first_served():
    pool, now, most, order = Pool(2), [0], [0], []

    def work(n):
        order.append(n)
        now[0] += 1
        most[0] = max(most[0], now[0])
        sleep(1)
        now[0] -= 1

    spawners = []
    for n in range(6):
        spawners.append(spawn(pool.spawn, work, n))
        wait_all_parked()
    joinall(spawners)
    pool.join()
    assert most == [2]
    assert [sorted(order[n : n + 2]) for n in (0, 2, 4)] == [[0, 1], [2, 3], [4, 5]]


def test_add_with_a_bound_on_the_wait(clock):
    pool = Pool(1)
    one = pool.spawn(sleep, 5)
    other = Greenlet(int)
    with pytest.raises(PoolFull):
        pool.add(other, blocking=False)
    begin = clock.now()
    with pytest.raises(PoolFull):
        pool.add(other, timeout=2)
    assert clock.now() == begin + 2
    one.kill()
    pool.start(other)
    pool.join()
    assert other.ready()
    assert pool.free_count() == 1


@pytest.mark.parametrize("kind", [Pool, GreenPool])
def test_a_member_of_a_full_pool_runs_what_it_spawns(kind):
    pool, log = kind(2), []

    def child(n):
        log.append(getcurrent())
        sleep(1)
        return n

    def member(n):
        return pool.spawn(child, n).get() + sum(pool.map(child, [1, 2])) + sum(pool.imap(child, [3, 4]))

    assert sorted(pool.map(member, [10, 20])) == [20, 30]
    pool.join()
    assert pool.free_count() == 2
    assert not pool._helpers


def test_what_runs_inside_of_a_member_fails_alone_but_orders_are_the_members(reported):
    pool, log = Pool(1), []

    def member():
        made = pool.spawn(divmod, 1, 0)
        log.append(type(made.exception))
        with move_on_after(3) as scope:
            pool.spawn(sleep, 100)
        log.append(scope.expired)
        pool.spawn(sleep, 100)
        log.append("never")

    one = pool.spawn(member)
    sleep(10)
    one.kill()
    assert log == [ZeroDivisionError, True]
    assert [type(error) for error in reported] == [ZeroDivisionError]


def test_resize_lets_more_in_and_fewer(clock):
    pool = GreenPool(2)
    for _ in range(2):
        pool.spawn(sleep, 2)
    waiting = [spawn(pool.spawn_n, sleep, 2) for _ in range(4)]
    wait_all_parked()
    assert (pool.running(), pool.free(), pool.waiting()) == (2, 0, 4)
    pool.resize(3)
    wait_all_parked()
    assert (pool.running(), pool.free(), pool.waiting()) == (3, 0, 3)
    pool.resize(1)
    assert pool.free() == -2
    sleep(2.5)  # three have ended, but only one has a place
    assert (pool.running(), pool.free(), pool.waiting()) == (1, 0, 2)
    joinall(waiting)
    pool.waitall()
    assert pool.free() == 1
    pool.resize(5)
    assert pool.free() == 5
    with pytest.raises(TypeError):
        Pool().resize(3)


def test_a_green_pool_does_not_wait_for_itself():
    pool = GreenPool(3)

    def member():
        with pytest.raises(RuntimeError, match="wait for itself"):
            pool.waitall()
        return True

    assert pool.spawn(member).get()


def test_starmap_of_a_green_pool_is_bounded_by_its_size():
    begun, pool = [], GreenPool(3)
    results = pool.starmap(lambda a, b: begun.append(a) or a + b, zip(itertools.count(), itertools.count(1)))
    wait_all_parked()
    assert len(begun) == 3
    assert list(itertools.islice(results, 4)) == [1, 3, 5, 7]


def test_a_pile_gives_results_in_order(reported):
    pile = GreenPile(2)
    assert list(pile) == []
    for n in (3, 1, 2):
        pile.spawn(slow_square, n)
    pile.spawn(divmod, 1, 0)
    assert [next(pile) for _ in range(3)] == [9, 1, 4]
    with pytest.raises(ZeroDivisionError):
        pile.next()
    assert list(pile) == []
    pool = GreenPool(1)
    for n in range(2):
        (shared := GreenPile(pool)).spawn(slow_square, n)
    assert list(shared) == [1]


def test_group_membership_and_kill(reported):
    group, gate = Group(), Event()
    some = [group.spawn(gate.wait) for _ in range(3)]
    assert len(group) == 3
    assert some[0] in group
    wait_all_parked()
    group.killone(some[0])
    assert len(group) == 2
    group.kill()
    assert not len(group)
    assert group.join() is True
    failing = Group()
    failing.spawn(divmod, 1, 0)
    with pytest.raises(ZeroDivisionError):
        failing.join(raise_error=True)
