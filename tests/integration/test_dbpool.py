"""Our pool while the server is restarted, in a program that is not patched: each connection in a thread of its own."""

import importlib

import pytest

from celadon.green.dbpool import Pool, PoolError
from celadon.hub import get_hub, joinall, sleep, spawn, to_thread

from . import servers

WHERE = {"user": "celadon", "password": servers.PASSWORD, "host": "127.0.0.1"}
CASES = {
    "psycopg": ("postgres", {"dbname": "postgres"}, "select pg_sleep(0.01)"),
    "psycopg2": ("postgres", {"dbname": "postgres"}, "select pg_sleep(0.01)"),
    "pymysql": ("mariadb", {"database": "celadon", "ssl_disabled": True}, "select sleep(0.01)"),
}


@pytest.fixture(autouse=True)
def leaves_nothing():
    """Not looked for in this process."""


@pytest.mark.timeout(150)
@pytest.mark.parametrize("driver", CASES)
def test_the_server_is_restarted(driver):
    module = pytest.importorskip(driver)
    kind, more, slowly = CASES[driver]
    try:
        server = getattr(servers, kind)()
        with server as running:
            restarted(module, slowly, running, {**WHERE, **more, "port": running.port})
    except LookupError as error:
        pytest.skip(str(error))


def restarted(module, slowly, server, where):
    importlib.import_module(module.__name__)
    pool = Pool(module, kwargs=where, backend="thread", min_size=3, max_size=5, acquire_timeout=60)
    pool.wait(20)
    going, done, lost = True, [], []

    def work():
        while going:
            try:
                with pool.connection() as connection:
                    cursor = connection.cursor()
                    cursor.execute(slowly)
                    cursor.fetchall()
                done.append(get_hub().now())
            except (module.Error, PoolError) as error:
                lost.append(error)

    working = [spawn(work) for _ in range(20)]
    sleep(0.5)
    to_thread(server.restart)
    back = get_hub().now()
    while not any(when > back for when in done):
        assert get_hub().now() - back < 30, "no work is done though the server is back"
        sleep(0.05)
    sleep(0.5)
    going = False
    joinall(working, raise_error=True)
    deadline = get_hub().now() + 20
    while pool.stats().size < 3 or pool.stats().lent or pool.stats().opening:
        assert get_hub().now() < deadline, pool.stats()
        sleep(0.05)
    stats = pool.stats()
    print(stats, len(done), lost)
    assert 0 < len(lost) <= 10, "those who were in the midst of it"
    assert stats.waiting == 0
    assert pool.close(10)
