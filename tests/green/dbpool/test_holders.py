"""Who holds a connection: dropped ones, dead greenlets, forked children, threads; the lent object itself."""

import contextlib
import gc
import os
import threading
import time

import pytest

from celadon.green.dbpool import (
    ConnectionReturned,
    Pool,
    PoolTimeout,
    unwrap,
)
from celadon.hub import get_hub, joinall, kill, sleep, spawn

from .driver import Connection, Server, hold

pytestmark = pytest.mark.usefixtures("clock")


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
