"""PyMySQL: names, TLS, transactions, large rows, timeouts, a lost connection."""

import ssl

import pymysql
import pymysql.cursors

from . import MANY, arguments, at_once, raised

given = arguments()
where = {"host": "db.test", "port": int(given["mariadb"]), "user": "celadon", "password": "sesame",
         "database": "celadon"}  # fmt: skip


def query(n):
    # Without TLS: its context is some tens of milliseconds of computing for each connection.
    with pymysql.connect(ssl_disabled=True, **where) as connection, connection.cursor() as cursor:
        cursor.execute("select sleep(0.2), %s", (n,))
        return cursor.fetchone()[1]


assert at_once(query) == list(range(MANY))

context = ssl.create_default_context(cafile=given["ca"])
with pymysql.connect(ssl=context, **where) as connection:
    with connection.cursor() as cursor:
        cursor.execute("show status like 'Ssl_version'")
        assert cursor.fetchone()[1].startswith("TLS")
        cursor.execute("create or replace table thing (id int primary key, body longtext) engine=innodb")
        cursor.executemany("insert into thing values (%s, %s)", [(n, "x" * 1000) for n in range(200)])
        cursor.execute("insert into thing values (1000, %s)", ("y" * 3_000_000,))
    connection.commit()
    with connection.cursor(pymysql.cursors.SSCursor) as cursor:
        cursor.execute("select body from thing")
        assert sum(len(row[0]) for row in cursor) == 3_200_000
    with connection.cursor() as cursor:
        cursor.execute("delete from thing")
    connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from thing")
        assert cursor.fetchone() == (201,)
        cursor.execute("drop table thing")

with pymysql.connect(read_timeout=0.1, **where) as connection:
    error = raised(pymysql.err.OperationalError, connection.cursor().execute, "select sleep(5)")
    assert error.args[0] == 2013, error
for wrong in ({"host": "nowhere.test"}, {"port": 1}):
    error = raised(pymysql.err.OperationalError, pymysql.connect, **{**where, **wrong})
    assert error.args[0] == 2003, error
