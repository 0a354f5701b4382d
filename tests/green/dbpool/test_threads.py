"""Drivers that block in C: each connection in a thread of its own. Over sqlite3, which checks the thread."""

import _thread
import contextlib
import sqlite3

import pytest

from celadon.green.dbpool import ConnectionBroken, Pool
from celadon.green.dbpool.backends import backend_for
from celadon.hub import Timeout, get_hub, joinall, sleep, spawn

FOR_EVER = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"


@pytest.fixture
def pool(tmp_path):
    with Pool(sqlite3, str(tmp_path / "data"), kwargs={"timeout": 5}, max_size=3) as made:
        with made.connection() as c:
            c.execute("create table item (n int)")
        yield made
    assert made.stats().lent == 0


def test_chosen_by_the_driver():
    assert backend_for(sqlite3) == backend_for(sqlite3.connect) == "thread"
    assert backend_for(print) == "green"


def test_a_connection_stays_in_its_thread(pool):
    def work(n):
        with pool.connection() as c:
            c.create_function("thread", 0, _thread.get_ident)
            cursor = c.execute("insert into item values (?)", (n,))
            found = {row[0] for row in c.execute("select thread()")}
            assert cursor.rowcount == 1
            sleep(0.001)
            assert {c.execute("select thread()").fetchone()[0]} == found
            assert c.in_transaction
            return found.pop()

    working = [spawn(work, n) for n in range(30)]
    joinall(working, raise_error=True)
    assert _thread.get_ident() not in {one.value for one in working}
    assert len({one.value for one in working}) <= 3
    with pool.connection() as c:
        assert c.execute("select count(*) from item").fetchone() == (30,)
        c.row_factory = sqlite3.Row
        assert c.execute("select 5 as five").fetchone()["five"] == 5
        with contextlib.suppress(sqlite3.OperationalError):
            c.execute("select nothing")


def test_others_run_meanwhile_and_a_deadline_ends_the_call(pool):
    with pytest.raises(Timeout), pool.connection() as c, Timeout(0.05):
        c.execute(FOR_EVER)
    with pytest.raises(ConnectionBroken), pool.connection() as c, contextlib.suppress(Timeout), Timeout(0.05):
        c.execute(FOR_EVER)
    victim = spawn(lambda: pool.getconn().execute(FOR_EVER))
    sleep(0.05)
    begin = get_hub().now()
    victim.kill()
    assert get_hub().now() - begin < 1
    for _ in range(3):
        with pool.connection(timeout=5) as c:
            c.execute("insert into item values (1)")
    assert pool.stats().interrupted == 3


def test_a_connect_that_fails():
    with Pool(sqlite3, "/nowhere/at/all", acquire_timeout=0.2) as pool, pytest.raises(TimeoutError) as caught:
        pool.getconn()
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
