"""When a pool opens, checks, renews and closes its connections."""

import contextlib
from unittest import mock

import pytest

from celadon.green.dbpool import (
    ConnectTimeout,
    Pool,
    PoolClosed,
    PoolTimeout,
    pools,
    unwrap,
)
from celadon.hub import get_hub, joinall, sleep, spawn
from celadon.hub.testing import wait_all_parked

from .driver import Connection, OperationalError, hold

pytestmark = pytest.mark.usefixtures("clock")


# -- (d) opening -------------------------------------------------------------------------------------------------


def test_d_min_size_is_there_and_stays(make, server):
    pool = make(min_size=3, max_size=5, max_idle=10, max_lifetime=100)
    pool.wait(1)
    assert pool.stats().free == 3
    sleep(50)
    assert pool.stats().free == 3, "idle ones stay as long as they are needed"
    assert len(server.made) == 3
    joinall([spawn(hold, pool, 0) for _ in range(5)], raise_error=True)
    assert pool.stats().size == 5
    sleep(20)
    assert pool.stats().size == len(server.open) == 3
    sleep(200)
    assert pool.stats().size == len(server.open) == 3
    assert len(server.made) >= 8, "each one was replaced when it was old"
    assert pool.stats().expired == len(server.made) - 3


def test_d_min_size_is_kept_when_connections_are_lost(make, server):
    pool = make(min_size=2, max_size=2)
    pool.wait()
    victims = [spawn(hold, pool) for _ in range(2)]
    sleep(0.005)
    for one in victims:
        one.kill()
    sleep(0.1)
    assert pool.stats().free == 2


def test_d_an_opening_that_nobody_waits_for_any_more_is_not_lost(make, server):
    pool = make(max_size=1)
    victim = spawn(hold, pool)
    sleep(0.005)
    victim.kill()
    sleep(0.1)
    assert pool.stats().free == 1
    with pool.connection(timeout=0) as c:
        assert c.number == 0


def test_d_the_server_is_away_for_a_while(make, server):
    pool = make(max_size=3, acquire_timeout=30)
    server.errors = [OperationalError("refused")] * 5
    begin = get_hub().now()
    joinall([spawn(hold, pool, 0) for _ in range(10)], raise_error=True)
    assert 2 < get_hub().now() - begin < 5, "the pauses between tries grow"
    assert pool.stats().failed == 5, "one try at a time"
    assert pool.stats().last_error is None


def test_d_the_server_stays_away(make, server):
    pool = make(acquire_timeout=1)
    server.errors = [OperationalError("refused")] * 50
    with pytest.raises(PoolTimeout) as caught:
        pool.getconn()
    assert isinstance(caught.value.__cause__, OperationalError)
    assert "refused" in pool.stats().last_error
    sleep(100)
    assert pool.stats().failed < 10, "nobody wants one, so nobody tries"
    server.errors = []


def test_d_a_mistake_of_the_program_is_raised_at_once(make, server):
    pool = make()
    server.errors = [TypeError("connect() got an unexpected keyword")]
    begin = get_hub().now()
    with pytest.raises(TypeError, match="unexpected keyword"):
        pool.getconn()
    assert get_hub().now() - begin < 0.1


def test_d_a_connect_that_takes_too_long(make, server):
    pool = make(max_size=1, connect_timeout=0.5, acquire_timeout=0.9)
    server.slow = 10
    with pytest.raises(PoolTimeout) as caught:
        pool.getconn()
    assert isinstance(caught.value.__cause__, ConnectTimeout)
    server.slow = 0.01
    sleep(2)
    with pool.connection() as c:
        c.execute("work")


def test_d_configure_and_reset(make, server):
    def configure(connection):
        connection.execute("set")

    pool = make(max_size=1, configure=configure, reset=lambda connection: connection.execute("reset"))
    for _ in range(2):
        with pool.connection() as c:
            c.execute("work")
    assert server.made[0].said == ["set", "work", "commit", "reset", "work", "commit", "reset"]


def test_d_a_configure_that_fails_closes_the_connection(make, server):
    pool = make(acquire_timeout=0.05, configure=lambda connection: connection.execute("wrong"))
    with pytest.raises(PoolTimeout):
        pool.getconn()
    sleep(1)
    assert server.made
    assert not server.open


# -- checks, age, size -------------------------------------------------------------------------------------------


def test_a_check_before_it_is_lent(make, server):
    pool = make(max_size=2, check="idle>30")
    with pool.connection() as c:
        c.execute("work")
    sleep(10)
    with pool.connection() as c:
        c.execute("work")
    assert "SELECT 1" not in server.made[0].said
    sleep(31)
    with pool.connection() as c:
        c.execute("work")
    assert server.made[0].said.count("SELECT 1") == 1
    sleep(31)
    with mock.patch.object(Connection, "rollback", side_effect=OperationalError("gone")), pool.connection() as c:
        assert c.number == 1
    with pytest.raises(ValueError, match="'idle>30'"):
        make(check="often")


def test_what_the_driver_closed_is_not_lent_again(make, server):
    pool = make(max_size=1)
    with contextlib.suppress(AssertionError), pool.connection() as c:
        unwrap(c).close()
    with pool.connection() as c:
        assert c.number == 1


def test_resize_closes_what_is_too_much(make, server):
    pool = make(max_size=3)
    joinall([spawn(hold, pool, 0.1) for _ in range(3)], raise_error=True)
    held = pool.getconn()
    pool.resize(1)
    wait_all_parked()
    assert len(server.open) == 1
    held.close()
    assert pool.stats().size == 1
    pool.resize(4, min_size=4)
    pool.wait(1)
    assert len(server.open) == 4
    with pytest.raises(ValueError, match="min_size <= max_size"):
        pool.resize(1, min_size=2)


def test_drain_replaces_all(make, server):
    pool = make(min_size=2, max_size=2)
    pool.wait()
    held = pool.getconn()
    pool.drain()
    sleep(0.1)
    assert {one.number for one in server.open} == {held.number, 2}
    held.close()
    sleep(0.1)
    assert {one.number for one in server.open} == {2, 3}


def test_close(server):
    pool = Pool(server.connect, max_size=1)
    assert pool in pools()
    holder = spawn(hold, pool)
    sleep(0.1)
    waiter = spawn(pool.getconn)
    sleep(0.1)
    assert pool.close(0.1) is False
    assert isinstance(waiter.exception, PoolClosed)
    with pytest.raises(PoolClosed):
        pool.getconn()
    holder.join()
    assert pool.close() is True
    assert pool not in pools()
    assert not server.open
