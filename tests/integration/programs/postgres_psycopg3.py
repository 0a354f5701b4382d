"""psycopg 3, in C or in Python (PSYCOPG_IMPL): names, TLS, transactions, COPY, pipelines, NOTIFY, cancelling."""

import threading

import psycopg
from psycopg import pq

from . import MANY, arguments, at_once, raised

given = arguments()
where = f"host=db.test port={given['postgres']} user=celadon password=sesame dbname=postgres"
assert pq.__impl__ == given.get("impl", pq.__impl__), pq.__impl__


def query(n):
    with psycopg.connect(where) as connection:
        return connection.execute("select pg_sleep(0.2), %s::int", (n,)).fetchone()[1]


assert at_once(query) == list(range(MANY))

with psycopg.connect(f"{where} sslmode=verify-full sslrootcert={given['ca']}", autocommit=True) as connection:
    assert connection.pgconn.ssl_in_use
    connection.execute("create table item (id int primary key, body text)")
    with connection.cursor().copy("copy item from stdin") as copy:
        for n in range(5000):
            copy.write_row((n, "x" * 200))
    assert connection.execute("select count(*), sum(length(body)) from item").fetchone() == (5000, 1_000_000)
    with connection.cursor().copy("copy item to stdout") as copy:
        assert sum(1 for _ in copy.rows()) == 5000
    with connection.cursor() as cursor:
        cursor.executemany("insert into item values (%s, %s)", [(n, "y") for n in range(5000, 5500)])
    with connection.pipeline():
        asked = [connection.execute("select %s::int", (n,)) for n in range(50)]
    assert [one.fetchone()[0] for one in asked] == list(range(50))
    with connection.transaction(), connection.cursor(name="part") as cursor:
        cursor.execute("select id from item order by id")
        assert [row[0] for row in cursor.fetchmany(3)] == [0, 1, 2]
    raised(psycopg.errors.UndefinedTable, connection.execute, "select * from nowhere")

    # A notification wakes whoever waits for it, and the wait has its end.
    connection.execute("listen news")
    with psycopg.connect(where, autocommit=True) as other:
        timer = threading.Timer(0.1, other.execute, ["notify news, 'hello'"])
        timer.start()
        assert [one.payload for one in connection.notifies(timeout=5, stop_after=1)] == ["hello"]
        timer.join()
    assert list(connection.notifies(timeout=0.05)) == []

    # The query of one thread is cancelled by another.
    stop = threading.Timer(0.1, connection.cancel_safe)
    stop.start()
    raised(psycopg.errors.QueryCanceled, connection.execute, "select pg_sleep(20)")
    stop.join()
    connection.execute("drop table item")

# One connection, many threads: it has a lock.
with psycopg.connect(where) as shared:
    found = at_once(lambda n: shared.execute("select pg_sleep(0.02), %s::int", (n,)).fetchone()[1], slow=0.2)
    assert found == list(range(MANY))

for wrong in ("host=nowhere.test", "host=db.test port=1"):
    error = raised(psycopg.OperationalError, psycopg.connect, f"{wrong} user=x connect_timeout=3")
    assert "nowhere.test" in str(error) or "refused" in str(error), error
