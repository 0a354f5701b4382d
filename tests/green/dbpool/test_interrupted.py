"""A greenlet that is killed or late in the midst of a call: what becomes of the connection."""

import contextlib
from unittest import mock

import pytest

from celadon.green.dbpool import (
    ConnectionBroken,
)
from celadon.hub import Timeout, fail_after, get_hub, sleep, spawn
from celadon.hub.testing import wait_all_parked

from .driver import Connection, OperationalError, hold

pytestmark = pytest.mark.usefixtures("clock")


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
