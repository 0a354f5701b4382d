"""psycopg2: names, TLS, transactions, NOTIFY, and the deadline of a connect."""

import select
import threading

import psycopg2
import psycopg2.extras
import psycopg2.pool

from . import MANY, arguments, at_once, raised

given = arguments()
where = {"host": "db.test", "port": given["postgres"], "user": "celadon", "password": "sesame", "dbname": "postgres"}


def query(n):
    connection = psycopg2.connect(**where)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("select pg_sleep(0.2), %s", (n,))
            return cursor.fetchone()[1]
    finally:
        connection.close()


assert at_once(query) == list(range(MANY))

pool = psycopg2.pool.ThreadedConnectionPool(0, MANY, **where)


def pooled(n):
    connection = pool.getconn()
    with connection.cursor() as cursor:
        cursor.execute("select pg_sleep(0.2), %s", (n,))
        value = cursor.fetchone()[1]
    pool.putconn(connection)
    return value


assert at_once(pooled) == list(range(MANY))
pool.closeall()

connection = psycopg2.connect(sslmode="verify-full", sslrootcert=given["ca"], **where)
assert connection.info.ssl_in_use
assert connection.info.host == "db.test"
with connection, connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
    cursor.execute("create table thing (id int primary key, body text)")
    psycopg2.extras.execute_values(cursor, "insert into thing values %s", [(n, "x" * 100) for n in range(1000)])
    cursor.execute("select count(*) as many, sum(length(body)) as size from thing")
    assert cursor.fetchone() == {"many": 1000, "size": 100_000}
try:
    with connection, connection.cursor() as cursor:
        cursor.execute("insert into thing values (1, 'again')")
except psycopg2.errors.UniqueViolation:
    pass
with connection, connection.cursor("part") as cursor:
    cursor.itersize = 100
    cursor.execute("select id from thing")
    assert sum(1 for _ in cursor) == 1000
with connection, connection.cursor() as cursor:
    cursor.execute("drop table thing")

# As its documentation has it: select on the connection, then poll.
connection.autocommit = True
connection.cursor().execute("listen news")
other = psycopg2.connect(**where)
other.autocommit = True
timer = threading.Timer(0.1, lambda: other.cursor().execute("notify news, 'hello'"))
timer.start()
assert select.select([connection], [], [], 5)[0] == [connection]
connection.poll()
assert [one.payload for one in connection.notifies] == ["hello"]
timer.join()
stop = threading.Timer(0.1, connection.cancel)
stop.start()
raised(psycopg2.errors.QueryCanceled, connection.cursor().execute, "select pg_sleep(20)")
stop.join()
connection.close()
other.close()

for wrong in ({"host": "nowhere.test"}, {"host": "db.test", "port": 1}):
    error = raised(psycopg2.OperationalError, psycopg2.connect, **{**where, **wrong})
    assert "nowhere.test" in str(error) or "refused" in str(error), error
