"""A pool for each host, database and user; connections that spread over a host's addresses."""

from types import SimpleNamespace

import pytest

from celadon import resolver
from celadon.green.dbpool import MultiPool, PoolTimeout
from celadon.hub import joinall, sleep, spawn
from celadon.resolver.testing import NameServer

from .driver import Connection, OperationalError, Server


@pytest.fixture
def driver():
    """A driver that is told addresses as libpq is."""
    server = Server(0)
    dialled = []

    def connect(**kwargs):
        dialled.append(kwargs)
        if kwargs.get("hostaddr") in module.down:
            raise OperationalError("refused")
        made = Connection(server, len(dialled))
        server.open.add(made)
        return made

    module = SimpleNamespace(
        __name__="psycopg",
        connect=connect,
        OperationalError=OperationalError,
        dialled=dialled,
        down=set(),
        server=server,
    )
    return module


def many(pool, count):
    def hold():
        with pool.connection():
            sleep(0.01)

    joinall([spawn(hold) for _ in range(count)], raise_error=True)


def test_a_pool_for_each(driver):
    with MultiPool(driver, {"default": {"user": "u"}, "127.0.0.2": {"user": "v", "port": 5}}, max_size=2) as pools:
        first = pools.get("127.0.0.1", "a")
        assert pools.get("127.0.0.1", "a") is first
        for other in (pools.get("127.0.0.1", "b"), pools.get("127.0.0.2", "a"), pools.get("127.0.0.1", "a", user="w")):
            assert other is not first
            many(other, 1)
        assert [(one["host"], one["dbname"], one["user"]) for one in driver.dialled] == [
            ("127.0.0.1", "b", "u"), ("127.0.0.2", "a", "v"), ("127.0.0.1", "a", "w")
        ]  # fmt: skip
        assert [one.name for one in pools.stats()][:2] == ["a at 127.0.0.1", "b at 127.0.0.1"]
    assert not driver.server.open
    with pytest.raises(KeyError):
        MultiPool(driver, {}).get("127.0.0.1", "a")


def test_spread_over_addresses_and_followed_when_they_change(driver):
    with NameServer() as names, MultiPool(driver, {"default": {}}, max_size=6) as pools:
        resolver.use("python", servers=names.servers, search=(), cache=False)
        for address in ("127.0.0.2", "127.0.0.3", "127.0.0.4"):
            names.add("db.test", "A", address)
        pool = pools.get("db.test", "a")
        many(pool, 6)
        used = [one["hostaddr"] for one in driver.dialled]
        assert sorted(used) == sorted(["127.0.0.2", "127.0.0.3", "127.0.0.4"] * 2)
        driver.down = {"127.0.0.2", "127.0.0.3"}
        pool.drain()
        many(pool, 6)
        assert pool.stats().failed == 0, "the others are tried"


def test_nobody_is_there(driver):
    driver.down = {"127.0.0.1"}
    with (
        MultiPool(driver, {"default": {}}, acquire_timeout=0.05) as pools,
        pytest.raises(PoolTimeout, match="no connection"),
    ):
        pools.get("127.0.0.1", "a").getconn()
