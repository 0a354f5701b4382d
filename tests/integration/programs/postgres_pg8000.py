"""pg8000, all Python: names, TLS, transactions, errors."""

import ssl

import pg8000.dbapi

from . import MANY, arguments, at_once, raised

given = arguments()
where = {"host": "db.test", "port": int(given["postgres"]), "user": "celadon", "password": "sesame",
         "database": "postgres", "ssl_context": None}  # fmt: skip


# Its SCRAM is some tens of milliseconds of Python for each connection, so they are made beforehand.
connections = [pg8000.dbapi.connect(**where) for _ in range(MANY)]


def query(n):
    cursor = connections[n].cursor()
    cursor.execute("select pg_sleep(0.2), cast(%s as int)", (n,))
    return cursor.fetchone()[1]


assert at_once(query) == list(range(MANY))
for one in connections:
    one.close()

context = ssl.create_default_context(cafile=given["ca"])
connection = pg8000.dbapi.connect(**{**where, "ssl_context": context})
cursor = connection.cursor()
cursor.execute("create temp table thing (id int, body text)")
cursor.executemany("insert into thing values (%s, %s)", [(n, "x" * 100) for n in range(100)])
cursor.execute("select count(*), sum(length(body)) from thing")
assert list(cursor.fetchone()) == [100, 10_000]
connection.rollback()
raised(pg8000.dbapi.DatabaseError, cursor.execute, "select * from thing")
connection.close()
