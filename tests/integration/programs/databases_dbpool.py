"""Celadon's own pool over real servers: kills, deadlines, lost connections, a fork; no slot lost, nothing mixed."""

import contextlib
import os
import random

import psycopg
import psycopg2
import pymysql
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from celadon import Timeout, joinall, sleep, spawn
from celadon.green.dbpool import Pool, PoolError
from celadon.hub import Event, fail_after, get_hub

from . import arguments

given = arguments()
where = {"user": "celadon", "password": "sesame", "host": "db.test"}
postgres = {**where, "port": given["postgres"], "dbname": "postgres"}
mariadb = {**where, "port": int(given["mariadb"]), "database": "celadon", "ssl_disabled": True}
SLEEP = {"postgres": "select pg_sleep(%s)", "mariadb": "select sleep(%s)"}
KILL = {
    "postgres": "select pg_terminate_backend(pid) from pg_stat_activity"
    " where pid <> pg_backend_pid() and usename = 'celadon'",
    "mariadb": "select id from information_schema.processlist where id <> connection_id() and user = 'celadon'",
}
COUNT = {
    "postgres": "select count(*) from pg_stat_activity where pid <> pg_backend_pid() and usename = 'celadon'"
    " and backend_type = 'client backend' and query not like '%%pg_sleep%%'",
    "mariadb": "select count(*) from information_schema.processlist where id <> connection_id() and user = 'celadon'",
}
chance = random.Random(1)


def run(connection, query, *args):
    with connection.cursor() as cursor:
        cursor.execute(query, args)
        return cursor.fetchall() if cursor.description else None


def transfer(pool, n):
    """Two changes that must be seen together or not at all."""
    with pool.connection() as connection:
        run(connection, "insert into pair values (%s, 1)", n)
        run(connection, SLEEP[pool.kind], 0.01)
        assert run(connection, "select %s", n)[0][0] in (n, str(n)), "the answer of another query"
        run(connection, "insert into pair values (%s, 2)", n)
    return n


def halves(pool):
    with pool.connection() as connection:
        return run(connection, "select n from pair group by n having count(*) <> 2")


def settled(pool, size):
    """All came back, and ``min_size`` is there again."""
    deadline = get_hub().now() + 10
    while True:
        stats = pool.stats()
        if not (stats.lent or stats.waiting or stats.opening) and stats.free == stats.size and stats.size >= size:
            return stats
        assert get_hub().now() < deadline, stats
        sleep(0.02)


def lost_connections(pool, admin):
    """As after a restart of the server: all connections are gone at once, in the midst of work."""

    def attempt(n):
        try:
            transfer(pool, n)
        except (psycopg.Error, psycopg2.Error, pymysql.Error, PoolError) as error:
            return error

    working = [spawn(attempt, n) for n in range(5000, 5040)]
    sleep(0.05)
    rows = run(admin, KILL[pool.kind])
    if pool.kind == "mariadb":
        for (one,) in rows:
            with contextlib.suppress(pymysql.Error):
                run(admin, f"kill {one}")
    admin.commit()
    joinall(working)
    assert not [one.exception for one in working if one.exception]
    failed = [one for one in working if one.value is not None]
    assert 0 < len(failed) <= pool.max_size, "those who were in the midst of it fail, the others get new connections"
    settled(pool, 2)


def forked(pool):
    with pool.connection() as connection:
        before = run(connection, "select 1")
        pid = os.fork()
        if pid == 0:
            code = 1
            with contextlib.suppress(BaseException):
                transfer(pool, 9000)
                code = 0
            os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0
        assert run(connection, "select 1") == before, "the child has not said goodbye for its parent"


def by_sqlalchemy(url, connect):
    """SQLAlchemy over our pool: it makes no pool of its own."""
    with Pool(connect, max_size=3) as pool:
        engine = create_engine(url, creator=pool.getconn, poolclass=NullPool)

        def work(n):
            with engine.begin() as connection:
                assert connection.execute(text(f"select {n}")).scalar() == n
                sleep(0.01)

        joinall([spawn(work, n) for n in range(20)], raise_error=True)
        stats = pool.stats()
        assert (stats.opened, stats.lent, stats.taken >= 20) == (3, 0, True), stats
        engine.dispose()


def prove(kind, connect, admin_connect, backend):
    pool = Pool(connect, min_size=2, max_size=5, acquire_timeout=30, backend=backend, name=f"{connect.__module__}")
    pool.kind = kind
    pool.wait(10)
    with pool.connection() as connection:
        run(connection, "drop table if exists pair")
        run(connection, "create table pair (n int, half int)")
    joinall([spawn(transfer, pool, n) for n in range(200)], raise_error=True)
    assert pool.stats().opened <= 5

    def hurried(n, kind_of_deadline):
        with contextlib.suppress(Timeout, TimeoutError):
            if kind_of_deadline:
                with Timeout(chance.random() * 0.3):
                    transfer(pool, n)
            else:
                with fail_after(chance.random() * 0.3):
                    transfer(pool, n)

    working = [spawn(hurried, n, n % 2) for n in range(1000, 1060)]
    killed = [spawn(transfer, pool, n) for n in range(2000, 2060)]
    for one in killed:
        sleep(chance.random() * 0.005)
        if chance.random() < 0.5:
            one.kill(block=False)
    joinall(working + killed)
    assert not [one.exception for one in working + killed if one.exception]
    before = settled(pool, 2).interrupted
    inside = [Event(), Event()]

    def slowly(begun):
        with pool.connection() as connection:
            begun.set()
            run(connection, SLEEP[kind], 2)

    victims = [spawn(slowly, one) for one in inside]
    for one in inside:
        one.wait()
    sleep(0.1)
    for one in victims:
        one.kill()
    assert settled(pool, 2).interrupted == before + 2
    admin = admin_connect()
    lost_connections(pool, admin)
    assert not halves(pool), "a transaction was committed in part"
    forked(pool)
    settled(pool, 2)
    stats = pool.stats()
    assert pool.close(10)
    admin.rollback()
    deadline = get_hub().now() + 10
    while run(admin, COUNT[kind])[0][0]:
        admin.rollback()
        assert get_hub().now() < deadline, "connections are left at the server"
        sleep(0.05)
    admin.close()
    print(backend, connect.__module__, stats)


for backend in ("green", "thread"):
    prove("postgres", lambda: psycopg.connect(**postgres), lambda: psycopg.connect(**postgres), backend)
    prove("postgres", lambda: psycopg2.connect(**postgres), lambda: psycopg2.connect(**postgres), backend)
    prove("mariadb", lambda: pymysql.connect(**mariadb), lambda: pymysql.connect(**mariadb), backend)

by_sqlalchemy("postgresql+psycopg://", lambda: psycopg.connect(**postgres))
by_sqlalchemy("mysql+pymysql://", lambda: pymysql.connect(**mariadb))
