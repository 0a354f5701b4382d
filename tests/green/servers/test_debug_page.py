"""The page with all parts: the resolver, servers, pools."""

import sqlite3

import pytest

from celadon import resolver
from celadon.green.dbpool import Pool
from celadon.green.servers import StreamServer
from celadon.green.servers.debug_page import ServerTimes, page
from celadon.resolver.testing import NameServer


def test_the_sections():
    times = ServerTimes()
    with (
        NameServer() as names,
        StreamServer(("127.0.0.1", 0), lambda *_: None) as server,
        Pool(sqlite3, ":memory:", name="orders") as pool,
    ):
        names.add("www.test", "A", "192.0.2.1")
        resolver.use("python", servers=names.servers, search=(), on_event=times)
        with pool.connection() as connection:
            connection.execute("select 1")
        resolver.getaddrinfo("www.test", 80)
        with pytest.raises(OSError, match="not known"):
            resolver.getaddrinfo("nowhere.test", 80)
        made = page([server], times, sections={"mine": lambda: 5})
        try:
            found = made.data()["sections"]
            assert found["resolver"]["lookups"] == 2
            assert sum(found["resolver"]["errors"].values()) == 1
            assert found["pools"][0]["name"] == "orders"
            assert str(server.server_port) in found["servers"][0]["address"]
            assert found["mine"] == 5
            (one,) = found["name_servers"]
            assert one["lookups"] == 1
            assert one["longest_seconds"] >= one["mean_seconds"] >= 0
            assert 'celadon_pools_taken{name="orders"} 1' in made.metrics()
            assert "by python" in str(made._explain("www.test"))
        finally:
            made.close()
