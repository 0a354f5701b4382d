"""A pool for each server, database and user: what eventlet's DatabaseConnector was.

Each new connection looks its host up again, and takes the next of its addresses: so connections spread over all
servers behind a name, and follow it when it moves.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from ..connections import create_connection
from ..socket import getaddrinfo
from .connection_pool import Pool
from .pool_stats import PoolStats

#: What a driver calls the database, unless it is "database".
_DATABASE = {"psycopg": "dbname", "psycopg2": "dbname", "MySQLdb": "db"}


def _by_hostaddr(module: Any, address: str, kwargs: dict[str, Any]) -> Any:
    # libpq connects to `hostaddr`, and checks certificates against `host`.
    return module.connect(**{**kwargs, "hostaddr": address})


def _by_socket(module: Any, address: str, kwargs: dict[str, Any]) -> Any:
    # PyMySQL takes a connected socket, and checks certificates against `host`.
    connection = module.connect(**{**kwargs, "defer_connect": True})
    made = create_connection((address, int(kwargs.get("port") or 3306)), kwargs.get("connect_timeout", 10))
    try:
        made.settimeout(None)
        connection.connect(made)
    except BaseException:
        made.close()
        raise
    return connection


#: How a driver is told the address of the host's that it shall connect to. Others look the name up themselves.
_DIALERS: dict[str, Callable[[Any, str, dict[str, Any]], Any]] = {
    "psycopg": _by_hostaddr, "psycopg2": _by_hostaddr, "pymysql": _by_socket
}  # fmt: skip


def addresses(host: str, port: Any) -> list[str]:
    """Those of a host, each once, in the resolver's order; the path of a Unix socket has none."""
    if not host or host.startswith("/"):
        return []
    return list(dict.fromkeys(str(one[4][0]) for one in getaddrinfo(host, int(port or 0), 0, 1)))


class _Dial:
    """Connects to one host, each time to the next of its addresses, and to the others if that one fails."""

    def __init__(self, module: Any, kwargs: dict[str, Any]) -> None:
        self.__name__ = str(kwargs.get("host", "pool"))
        self.__module__ = module.__name__
        self._connect, self._kwargs = module, kwargs
        self._dial = _DIALERS.get(module.__name__)
        self._turn = itertools.count()

    def __call__(self) -> Any:
        found = addresses(self._kwargs.get("host", ""), self._kwargs.get("port")) if self._dial is not None else []
        if not found:
            return self._connect.connect(**self._kwargs)
        assert self._dial is not None
        first = next(self._turn) % len(found)
        *before, last = (*found[first:], *found[:first])
        for address in before:
            with suppress(OSError, self._connect.OperationalError):
                return self._dial(self._connect, address, self._kwargs)
        return self._dial(self._connect, last, self._kwargs)


class MultiPool:
    """Pools of the DB-API module ``module``, each made at the first ``get`` of its host, database and user.

    ``credentials`` maps a host to the arguments of ``connect`` for it, ``"default"`` to those of all others. The other
    arguments are Pool's, for each pool. For greenlets of any thread.
    """

    def __init__(self, module: Any, credentials: Mapping[str, Mapping[str, Any]], **options: Any) -> None:
        self._module, self._credentials, self._options = module, credentials, options
        self._pools: dict[tuple[str, str, str | None], Pool] = {}

    def get(self, host: str, dbname: str, user: str | None = None) -> Pool:
        """The pool for a database on a host, as ``user`` if that is given. KeyError if there are no credentials."""
        key = (host, dbname, user)
        pool = self._pools.get(key)
        if pool is None:
            known = self._credentials[host if host in self._credentials else "default"]
            kwargs = {**known, "host": host, _DATABASE.get(self._module.__name__, "database"): dbname}
            if user is not None:
                kwargs["user"] = user
            made = Pool(_Dial(self._module, kwargs), **{"name": f"{dbname} at {host}", **self._options})
            pool = self._pools.setdefault(key, made)  # one operation: another thread may make one at the same time
            if pool is not made:
                made.close(0)
        return pool

    def __iter__(self) -> Iterator[Pool]:
        return iter(list(self._pools.values()))

    def stats(self) -> list[PoolStats]:
        """Of each pool."""
        return [pool.stats() for pool in self]

    def close(self, timeout: float | None = 5.0) -> bool:
        """Close all; False if not all were closed in time."""
        closed = [pool.close(timeout) for pool in self]
        return all(closed)

    def __enter__(self) -> MultiPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


__all__ = ["MultiPool", "addresses"]
