"""Greenlets, deadlines and kills over psycopg2 and psycopg 3: what was broken off leaves no connection in the midst."""

import psycopg
import psycopg2
import psycopg2.extensions

from celadon import Timeout, spawn
from celadon.hub import fail_after, get_hub, sleep

from . import arguments, raised

given = arguments()
where = {"host": "db.test", "port": given["postgres"], "user": "celadon", "password": "sesame", "dbname": "postgres"}
now = get_hub().now


def slowly(cursor):
    cursor.execute("select pg_sleep(20)")


def in_time(seconds, call, *args):
    with fail_after(seconds):
        call(*args)


# psycopg 3: the query is cancelled at the server, and the connection goes on.
connection = psycopg.connect(autocommit=True, **where)
begin = now()
for kind, call in {
    Timeout: lambda: Timeout.start_new(0.1) and slowly(connection.cursor()),
    TimeoutError: lambda: in_time(0.1, slowly, connection.cursor()),
}.items():
    raised(kind, call)
    assert connection.execute("select 1").fetchone() == (1,)
victim = spawn(slowly, connection.cursor())
sleep(0.1)
victim.kill()
assert connection.execute("select 1").fetchone() == (1,)
connection.close()

# psycopg2: nobody knows what state libpq is in, so it closes the connection.
for kind, call in {
    Timeout: lambda cursor: Timeout.start_new(0.1) and slowly(cursor),
    TimeoutError: lambda cursor: in_time(0.1, slowly, cursor),
}.items():
    connection = psycopg2.connect(**where)
    raised(kind, call, connection.cursor())
    assert connection.closed
connection = psycopg2.connect(**where)
victim = spawn(slowly, connection.cursor())
sleep(0.1)
victim.kill()
assert connection.closed

# A server that never answers: the next one is tried after the deadline.
begin = now()
connection = psycopg2.connect(**{**where, "host": "127.0.0.2,db.test", "connect_timeout": 2})
assert connection.info.host == "db.test"
assert 1.5 < now() - begin < 15
connection.close()
