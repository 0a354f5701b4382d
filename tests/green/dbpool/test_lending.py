"""How a pool lends: in order, in bounded time, and no slot is lost whatever ends a greenlet."""

import contextlib
import random

import pytest

from celadon.green.dbpool import (
    ConnectionBroken,
    ConnectionReturned,
    PoolTimeout,
    TooManyWaiting,
)
from celadon.hub import Timeout, fail_after, get_hub, joinall, sleep, spawn
from celadon.hub.testing import wait_all_parked

from .driver import OperationalError, hold

pytestmark = pytest.mark.usefixtures("clock")


# -- lending ---------------------------------------------------------------------------------------------------


def test_a_block_commits_and_gives_back(make, server):
    pool = make(max_size=2)
    with pool.connection() as c:
        assert c.execute("insert") == "insert"
        assert pool.stats().lent == 1
    assert server.made[0].said == ["insert", "commit"]
    assert pool.stats().free == 1
    with contextlib.suppress(ZeroDivisionError), pool.connection() as c:
        c.execute("insert")
        _ = 1 / 0
    assert server.made[0].said[2:] == ["insert", "rollback"]
    with pool.connection():
        pass
    assert len(server.made[0].said) == 4, "who did nothing needs no commit and no rollback"


def test_getconn_rolls_back_what_was_not_committed(make, server):
    pool = make()
    c = pool.getconn()
    c.execute("insert")
    pool.putconn(c)
    assert server.made[0].said == ["insert", "rollback"]
    with pytest.raises(ConnectionReturned, match="given back"):
        c.execute("more")
    c.close()
    c = pool.getconn()
    c.close()
    assert pool.stats().free == 1
    other = make()
    taken = other.getconn()
    with pytest.raises(ValueError, match="is not a connection of"):
        pool.putconn(taken)
    other.putconn(taken)


def test_the_pool_is_bounded_and_serves_in_order(make, server):
    pool = make(max_size=2)
    order = []

    def work(n):
        with pool.connection() as c:
            order.append(n)
            c.execute("work")

    joinall([spawn(work, n) for n in range(20)], raise_error=True)
    assert order == list(range(20))
    assert server.most == 2
    assert pool.stats().taken == 20


def test_who_comes_later_does_not_overtake(make):
    pool = make(max_size=1)
    first = spawn(hold, pool)
    sleep(0.1)
    second = spawn(hold, pool)
    sleep(0)
    order = []
    second.rawlink(lambda _: order.append("second"))
    first.join()
    # A free one may be there for a moment, but it is the second's.
    third = spawn(hold, pool)
    third.rawlink(lambda _: order.append("third"))
    joinall([second, third])
    assert order == ["second", "third"]


def test_overflow_is_closed_when_it_comes_back(make, server):
    pool = make(max_size=1, max_overflow=2)
    joinall([spawn(hold, pool) for _ in range(3)], raise_error=True)
    wait_all_parked()
    assert len(server.made) == 3
    assert pool.stats().size == len(server.open) == 1


@pytest.mark.parametrize("lifo", [True, False])
def test_which_is_lent_next(make, lifo):
    pool = make(max_size=2, lifo=lifo)
    a, b = pool.getconn(), pool.getconn()
    numbers = [a.number, b.number]
    pool.putconn(a)
    pool.putconn(b)
    with pool.connection() as c:
        assert c.number == numbers[1 if lifo else 0]


def test_errors_of_the_driver_leave_the_connection_in_use(make, server):
    pool = make(max_size=1)
    for _ in range(3):
        with pytest.raises(OperationalError), pool.connection() as c:
            c.execute("wrong")
    assert len(server.made) == 1


# -- how long one waits ------------------------------------------------------------------------------------------


def test_time_is_limited_and_the_slot_is_not_lost(make):
    pool = make(max_size=1, acquire_timeout=0.5)
    holder = spawn(hold, pool, 2)
    sleep(0.1)
    begin = get_hub().now()
    with pytest.raises(PoolTimeout, match=r"no connection within 0\.5 s"):
        pool.getconn()
    assert get_hub().now() - begin == pytest.approx(0.5, abs=0.01)
    with pytest.raises(PoolTimeout):
        pool.getconn(timeout=0)
    holder.join()
    with pool.connection(timeout=0) as c:
        c.execute("free again")
    assert pool.stats().timeouts == 2


def test_too_many_waiting(make):
    pool = make(max_size=1, max_waiting=2)
    working = [spawn(hold, pool) for _ in range(3)]
    sleep(0.1)
    with pytest.raises(TooManyWaiting, match="2 wait"):
        pool.getconn()
    joinall(working, raise_error=True)
    assert pool.stats().refused == 1


def test_c_who_is_killed_in_the_line_takes_nothing(make):
    pool = make(max_size=1)
    working = [spawn(hold, pool) for _ in range(4)]
    sleep(0.1)
    working[1].kill()
    working[2].kill(block=False)
    with pytest.raises(Timeout), Timeout(0.1):
        pool.getconn()
    joinall(working)
    assert pool.stats().taken == 2
    assert pool.stats().waiting == 0


def test_c_killed_at_the_hand_over(make):
    """What was handed to somebody who is killed in the same moment goes to the next."""
    pool = make(max_size=1)
    first = spawn(hold, pool)
    second, third = spawn(hold, pool), spawn(hold, pool)
    first.rawlink(lambda _: second.kill(block=False))
    joinall([first, second, third])
    assert third.successful()
    wait_all_parked()
    assert pool.stats().free == 1


# -- (a) accounting ----------------------------------------------------------------------------------------------


class Mine(Exception):
    pass


def ended_early(pool, how, when, work):
    """Has ``work`` ended after ``when`` seconds while another greenlet does it as well."""

    def limited():
        with contextlib.suppress(Timeout, TimeoutError, Mine, ConnectionBroken):
            if how == "kill":
                work()
            elif how == "fail_after":
                with fail_after(when):
                    work()
            else:
                with Timeout(when, Mine if how == "error" else None):
                    work()

    victim, other = spawn(limited), spawn(work)
    sleep(when)
    if how == "kill":
        victim.kill()
    joinall([victim, other])
    assert other.successful(), other.exception


@pytest.mark.parametrize("how", ["kill", "timeout", "error", "fail_after"])
def test_a_no_slot_is_lost_whenever_it_ends(make, how):
    """In the line, while opening, checking, working, committing, rolling back: by a kill or a deadline of any class."""
    for step in range(28):
        pool = make(max_size=1, check=lambda c: c.execute("check"))

        def work(pool=pool):
            with pool.connection() as c:
                c.execute("one")
                with c.cursor() as cursor:
                    cursor.execute("two")

        ended_early(pool, how, step * 0.0025, work)
        for _ in range(2):
            with pool.connection(timeout=1) as c:
                assert c.execute("three") == "three"
        sleep(0.1)
        stats = pool.stats()
        assert (stats.size, stats.lent, stats.free, stats.waiting) == (1, 0, 1, 0), step


def test_a_at_random(make, server):
    chance = random.Random(3)
    pool = make(max_size=5, min_size=2, max_overflow=1, check=lambda c: c.execute("check"))
    done = []

    def work(n):
        with pool.connection() as c:
            for _ in range(3):
                assert c.execute(n) == n
                if chance.random() < 0.1:
                    sleep(chance.random() * 0.1)
        done.append(n)

    def hurried(n):
        with contextlib.suppress(Timeout), Timeout(chance.random() * 0.4):
            work(n)

    working = [spawn(chance.choice((work, hurried)), n) for n in range(200)]
    for one in working:
        sleep(chance.random() * 0.01)
        if chance.random() < 0.3:
            one.kill(block=False)
    joinall(working)
    assert not [one.exception for one in working if one.exception]
    wait_all_parked()
    assert len(done) > 20
    stats = pool.stats()
    assert stats.lent == stats.waiting == stats.opening == 0
    assert 2 <= stats.size == len(server.open) <= 5
    assert server.most <= 6 + stats.interrupted
