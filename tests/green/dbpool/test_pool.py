"""The invariants of a pool, over a driver that only takes time. Each kind of fault of eventlet's db_pool is a test."""

import contextlib
import gc
import os
import random
import threading
import time
from unittest import mock

import pytest

from celadon.green.dbpool import (
    ConnectionBroken,
    ConnectionReturned,
    ConnectTimeout,
    Pool,
    PoolClosed,
    PoolTimeout,
    TooManyWaiting,
    pools,
    unwrap,
)
from celadon.hub import Timeout, fail_after, get_hub, joinall, kill, sleep, spawn
from celadon.hub.testing import MockClock, wait_all_parked

from .driver import Connection, OperationalError, Server


@pytest.fixture(autouse=True)
def clock():
    with MockClock() as made:
        yield made


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def make(server):
    """Makes pools, and closes them; then each connection is closed, and no slot was lost."""
    made = []

    def make(**options):
        options.setdefault("connect_timeout", 1.0)
        made.append(Pool(server.connect, **options))
        return made[-1]

    yield make
    for pool in made:
        assert pool.close()
        stats = pool.stats()
        assert (stats.size, stats.opening, stats.waiting) == (0, 0, 0)
        assert stats.opened == stats.closed - stats.failed or stats.opened <= stats.closed
    assert not server.open


def hold(pool, seconds=1.0, what="work"):
    with pool.connection() as c:
        c.execute(what)
        sleep(seconds)


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


# -- (b) interrupted ---------------------------------------------------------------------------------------------


def test_b_who_is_killed_in_a_call_talks_no_more_and_the_connection_is_closed(make, server):
    pool = make(max_size=1)
    victim = spawn(hold, pool)
    sleep(0.015)  # within the execute
    assert server.made[0].inside == "work"
    begin = get_hub().now()
    victim.kill()
    assert get_hub().now() == begin, "the victim did not wait for anything"
    wait_all_parked()
    assert server.made[0].closed
    assert server.made[0].said == []
    assert pool.stats().interrupted == 1
    with pool.connection() as c:
        assert c.number == 1


def test_b_who_is_killed_between_calls_talks_no_more_and_the_connection_is_rolled_back(make, server):
    pool = make(max_size=1)
    victim = spawn(hold, pool)
    sleep(0.1)
    begin = get_hub().now()
    victim.kill()
    assert get_hub().now() == begin
    sleep(0.1)
    assert server.made[0].said == ["work", "rollback"]
    assert pool.stats().free == 1


@pytest.mark.parametrize("kind", [None, False, "late", ValueError, OperationalError])
def test_b_a_deadline_that_the_program_caught_is_remembered(make, server, kind):
    pool = make(max_size=1)

    def ends_well():
        """It must not look as if it was committed."""
        with pool.connection() as c, contextlib.suppress(Timeout, ValueError, OperationalError), Timeout(0.005, kind):
            c.cursor().execute("slowly")

    def goes_on():
        with pool.connection() as c:
            with contextlib.suppress(TimeoutError), fail_after(0.005):
                c.execute("slowly")
            c.execute("more")

    for work in (ends_well, goes_on):
        with pytest.raises(ConnectionBroken, match="take another connection"):
            work()
    wait_all_parked()
    assert [one.said for one in server.made] == [[], []]
    assert pool.stats().interrupted == 2


def test_b_cleaning_up_does_not_hide_the_deadline(make, server):
    pool = make(max_size=1)

    def work():
        with pool.connection() as c, c.cursor() as cursor:
            try:
                cursor.execute("slowly")
            except BaseException:
                c.rollback()
                raise
            finally:
                cursor.close()

    with pytest.raises(Timeout), Timeout(0.015):
        work()
    wait_all_parked()
    assert server.made[0].said == []


def test_b_an_error_that_the_driver_wraps(make, server):
    pool = make(max_size=1)

    def wrapped(connection, what):
        try:
            sleep(1)
        except Timeout as error:
            raise OperationalError("lost") from error

    with (
        mock.patch.object(Connection, "execute", wrapped),
        pytest.raises(OperationalError),
        pool.connection() as c,
        Timeout(0.1),
    ):
        c.execute("slowly")
    wait_all_parked()
    assert server.made[0].closed


def test_b_a_rollback_that_is_interrupted(make, server):
    pool = make(max_size=1)

    def work():
        c = pool.getconn()
        c.execute("work")
        with Timeout(0.005):
            c.close()

    working = spawn(work)
    working.join()
    assert isinstance(working.exception, Timeout)
    with pool.connection() as c:
        assert c.number == 1


def test_b_a_rollback_that_takes_for_ever(make, server):
    pool = make(max_size=1)
    c = pool.getconn()
    c.execute("work")
    server.slow = 100
    c.close()
    server.slow = 0.01
    with pool.connection() as c:
        assert c.number == 1


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


# -- (f) who holds it ---------------------------------------------------------------------------------------------


def test_f_a_dropped_connection_comes_back(make, server, caplog):
    pool = make(max_size=1)
    pool.getconn().execute("work")
    with pool.connection() as c:
        assert c.number == 0
    assert server.made[0].said == ["work", "rollback"]
    assert pool.stats().reclaimed == 1
    assert "it was taken at" in caplog.text
    assert f"{__name__.rpartition('.')[2]}.py" in caplog.text


def test_f_a_connection_that_a_dead_greenlet_held_comes_back(make, server, caplog):
    pool = make(max_size=1)
    kept = []
    spawn(lambda: kept.append(pool.getconn())).join()
    with pool.connection() as c:
        assert c.number == 1
    assert "was not given back" in caplog.text
    assert server.made[0].closed


def test_f_one_that_another_greenlet_took_over_stays_lent(make):
    pool = make(max_size=1, acquire_timeout=3)
    taken = spawn(pool.getconn).get()
    taken.execute("mine now")
    with pytest.raises(PoolTimeout):
        pool.getconn()
    taken.close()


def test_j_a_finalizer_in_the_hub_waits_for_nothing(make, server, caplog):
    pool = make(max_size=1)
    cycle = [pool.getconn()]
    cycle[0].execute("work")
    cycle.append(cycle)

    def collect():
        nonlocal cycle
        cycle = None
        gc.collect()

    get_hub().call_soon(collect)
    sleep(0.1)
    assert server.made[0].said == ["work", "rollback"]
    assert pool.stats().free == 1


def test_j_giving_back_in_the_hub(make, server):
    pool = make(max_size=1)
    c = pool.getconn()
    c.execute("work")
    get_hub().call_soon(c.close)
    sleep(0.1)
    assert server.made[0].said == ["work", "rollback"]
    assert pool.stats().free == 1


# -- (g) fork, (h) threads -----------------------------------------------------------------------------------------


def test_g_a_forked_child_closes_nothing_and_has_its_own(make, server):
    pool = make(min_size=2, max_size=2)
    pool.wait()
    inside = pool.getconn()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            get_hub().now = time.monotonic  # its poller is a real one
            with contextlib.suppress(ConnectionReturned):
                inside.execute("in the child")
                os._exit(3)
            inside.close()
            with pool.connection() as c:
                c.execute("in the child")
                code = 0 if c.number == 2 and not any(one.closed for one in server.made) else 4
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    inside.execute("in the parent")
    inside.close()
    assert pool.stats().free == 2


def test_h_threads_share_a_pool(server, clock):
    clock.__exit__(None, None, None)  # each thread has a hub with the real time
    try:
        server.slow = 0.0005
        pool = Pool(server.connect, min_size=1, max_size=3)
        errors, done = [], []

        def work(n):
            for _ in range(20):
                with pool.connection() as c:
                    assert c.execute(n) == n
            done.append(n)

        def thread(n):
            try:
                joinall([spawn(work, (n, m)) for m in range(5)], raise_error=True)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=thread, args=(n,)) for n in range(4)]
        for one in threads:
            one.start()
        while any(one.is_alive() for one in threads):
            sleep(0.001)
        assert not errors
        assert len(done) == 20
        assert server.most <= 3
        wait = time.monotonic() + 5
        while pool.stats().opening or len(server.open) != pool.stats().size:
            assert time.monotonic() < wait
            sleep(0.001)
        with pool.connection() as c:
            c.execute("the main thread, after all of them")
        assert pool.close()
    finally:
        clock.__enter__()


def test_h_a_thread_that_ended_in_the_midst(make, server, caplog):
    pool = make(max_size=1)
    held, hubs = [], []
    thread = threading.Thread(target=lambda: (hubs.append(get_hub()), held.append(pool.getconn())))
    thread.start()
    thread.join()
    ends = time.monotonic() + 5
    while not hubs[0].closed and time.monotonic() < ends:  # a moment after the join
        time.sleep(0.001)
    with pool.connection() as c:
        assert c.number == 1


# -- (i) the connection itself -------------------------------------------------------------------------------------


def test_i_a_lent_connection_is_the_drivers_own(make, server):
    pool = make()
    with pool.connection() as c:
        raw = unwrap(c)
        assert raw is server.made[0]
        assert isinstance(c, Connection)
        assert c.number == 0
        assert c.Error is Connection.Error
        c.isolation = "serializable"
        assert raw.isolation == "serializable"
        del c.isolation
        assert not hasattr(raw, "isolation")
        with pytest.raises(AttributeError):
            c.nothing  # noqa: B018
        assert "cursor" in dir(c)
        assert repr(c) == "<pooled <connection 0>>"
        cursor = c.cursor()
        assert cursor.execute("a") is cursor
        assert cursor.connection is c
        assert list(cursor) == [("a",)]
        with c.cursor() as other:
            assert other.execute("b").fetchone() == ("b",)
        assert unwrap(cursor).connection is raw
        assert unwrap(5) == 5
    with pytest.raises(ConnectionReturned):
        cursor.execute("later")


def test_i_a_cursor_keeps_the_connection_lent(make):
    pool = make(max_size=1)
    cursor = pool.getconn().cursor()
    gc.collect()
    assert cursor.execute("work").fetchone() == ("work",)
    assert pool.stats().lent == 1
    assert pool.stats().reclaimed == 0
    cursor.connection.close()


def test_with_on_a_connection_that_was_taken(make, server):
    """In eventlet this gives the raw connection, which never comes back."""
    pool = make(max_size=1)
    with pool.getconn() as c:
        c.execute("work")
    assert server.made[0].said == ["work", "commit"]
    assert pool.stats().free == 1


def test_arguments():
    with pytest.raises(TypeError, match="DB-API module"):
        Pool("dbname=x")
    with pytest.raises(ValueError, match="green, thread"):
        Pool(Server().connect, backend="quick")


def test_what_is_waited_for_has_a_name(make):
    pool = make(max_size=1, name="orders")
    holder = spawn(hold, pool)
    sleep(0.1)
    waiter = spawn(hold, pool)
    sleep(0)
    waits = str(get_hub().parked[waiter])
    assert waits.startswith("a connection of <Pool orders at")
    kill(waiter)
    holder.join()


def test_a_pool_that_nobody_has_any_more(server):
    pool = Pool(server.connect, min_size=1, max_idle=5)
    pool.wait()
    del pool
    gc.collect()
    sleep(0.001)
    assert not len(get_hub().timers)
