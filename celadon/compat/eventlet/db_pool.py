"""``eventlet.db_pool``: a bounded number of database connections, lent and given back.

Unlike eventlet's, a time-out or a kill while a connection is cleaned up loses no place, a connection that is dropped is
closed, and a wrapper has all of its connection's attributes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from celadon.hub import ResourcePool

from . import tpool
from .greenthread import spawn_after
from .timeout import Timeout

_UNSET: Any = object()


class ConnectTimeout(Exception):
    """The database did not answer a connect in time."""


def cleanup_rollback(conn: Any) -> None:
    """What is done with a connection that comes back, by default."""
    conn.rollback()


class _Kept(tuple[float, float, Any]):
    """A free connection: when it was last used, when it was made, and itself; seconds since the epoch."""

    __slots__ = ()


class BaseConnectionPool(ResourcePool[Any]):
    """At most ``max_size`` connections, ``min_size`` of them made at once; further arguments are ``connect``'s.

    A free one is closed after ``max_idle`` seconds, or when it is ``max_age`` seconds old; with 0 none is kept. A
    connect that takes more than ``connect_timeout`` seconds raises ConnectTimeout. ``cleanup(connection)`` is called
    when one comes back (None: nothing); if that fails, it is closed.
    """

    def __init__(
        self,
        db_module: Any,
        min_size: int = 0,
        max_size: int = 4,
        max_idle: float = 10,
        max_age: float = 30,
        connect_timeout: float = 5,
        cleanup: Callable[[Any], object] | None = cleanup_rollback,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        self._db_module = db_module
        self._args, self._kwargs = args, kwargs
        self.max_idle, self.max_age = max_idle, max_age
        self.connect_timeout = connect_timeout
        self.cleanup = cleanup
        self._expiry: Any = None
        super().__init__(min_size=min_size, max_size=max_size, order_as_stack=True)

    @classmethod
    def connect(cls, db_module: Any, connect_timeout: float, *args: Any, **kw: Any) -> Any:
        """Make a connection; ConnectTimeout after so many seconds."""
        raise NotImplementedError

    def create(self) -> _Kept:
        """See ``ResourcePool``."""
        now = time.time()
        made = self.connect(self._db_module, self.connect_timeout, *self._args, **self._kwargs)
        return _Kept((now, now, made))

    def get(self, timeout: float | None = None) -> Any:
        """A connection, made or waited for."""
        _, made_at, conn = super().get(timeout)
        wrapped = PooledConnectionWrapper(conn, self)
        wrapped.__dict__["_db_pool_created_at"] = made_at
        return wrapped

    def put(self, item: Any, cleanup: Any = _UNSET) -> None:
        """Give a connection back."""
        made_at = getattr(item, "_db_pool_created_at", 0)
        conn = item._release() if isinstance(item, PooledConnectionWrapper) else item
        now = time.time()
        keep = False
        try:
            if conn is not None and not self._is_expired(now, now, made_at):
                self._clean(conn, self.cleanup if cleanup is _UNSET else cleanup)
                keep = True
        except Exception as error:  # noqa: BLE001  (the program's, or the database's)
            print(f"WARNING: cleanup {cleanup} raised: {error}")
        finally:  # whatever ends the clean-up, a kill as well: the place is free again
            if keep and self.current_size <= self.max_size:
                super().put(_Kept((now, made_at, conn)))
            else:
                self._forget_one()
                _close(conn)
        self._schedule_expiration()

    def _clean(self, conn: Any, cleanup: Callable[[Any], object] | None) -> None:
        if cleanup is not None:
            cleanup(conn)

    @contextmanager
    def item(self, cleanup: Any = _UNSET) -> Iterator[Any]:
        """``with pool.item() as connection:`` takes one and gives it back."""
        conn = self.get()
        try:
            yield conn
        finally:
            self.put(conn, cleanup=cleanup)

    def clear(self) -> None:
        """Close the connections that are free."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        while self.free_items:
            kept = self.free_items.popleft()
            self.current_size -= 1
            _close(kept[2])

    # -- old connections

    def _is_expired(self, now: float, used_at: float, made_at: float) -> bool:
        if self.max_idle <= 0 or self.max_age <= 0:
            return True
        return now - used_at > self.max_idle or now - made_at > self.max_age

    def _expire_old_connections(self, now: float) -> None:
        for kept in [kept for kept in self.free_items if self._is_expired(now, kept[0], kept[1])]:
            self.free_items.remove(kept)
            self._forget_one()
            _close(kept[2])

    def _schedule_expiration(self) -> None:
        if self._expiry is not None and not self._expiry.ready():
            return
        now = time.time()
        self._expire_old_connections(now)
        if self.free_items and self.max_idle > 0 and self.max_age > 0:
            ends = [min(used + self.max_idle, made + self.max_age) for used, made, _ in self.free_items]
            self._expiry = spawn_after(max(min(ends) - now, 0) + 0.001, self._expired)

    def _expired(self) -> None:
        self._expiry = None
        self._schedule_expiration()


def _close(conn: Any) -> None:
    with suppress(Exception):  # what is closed has failed already, or is nothing
        conn.close()


class TpooledConnectionPool(BaseConnectionPool):
    """A pool whose connections are used in threads: for drivers that block in C."""

    @classmethod
    def connect(cls, db_module: Any, connect_timeout: float, *args: Any, **kw: Any) -> Any:
        """See ``BaseConnectionPool``."""
        timeout = Timeout(connect_timeout, ConnectTimeout())
        try:
            made = tpool.execute(db_module.connect, *args, **kw)
            return tpool.Proxy(made, autowrap_names=("cursor",))
        finally:
            timeout.cancel()


class RawConnectionPool(BaseConnectionPool):
    """A pool whose connections are used as they are: for drivers that are cooperative."""

    @classmethod
    def connect(cls, db_module: Any, connect_timeout: float, *args: Any, **kw: Any) -> Any:
        """See ``BaseConnectionPool``."""
        timeout = Timeout(connect_timeout, ConnectTimeout())
        try:
            return db_module.connect(*args, **kw)
        finally:
            timeout.cancel()


ConnectionPool = TpooledConnectionPool


class GenericConnectionWrapper:
    """A connection by its own attributes."""

    def __init__(self, baseconn: Any) -> None:
        self.__dict__["_base"] = baseconn

    def __getattr__(self, name: str) -> Any:
        base = self.__dict__.get("_base")
        if base is None:
            raise AttributeError(f"the connection was given back; {name} is not to be had")
        return getattr(base, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._base, name, value)

    def __enter__(self) -> Any:
        return self._base.__enter__()

    def __exit__(self, *args: Any) -> Any:
        return self._base.__exit__(*args)

    def __repr__(self) -> str:
        return repr(self.__dict__.get("_base"))


class PooledConnectionWrapper(GenericConnectionWrapper):
    """A connection that was lent: ``close`` gives it back; false after that."""

    def __init__(self, baseconn: Any, pool: BaseConnectionPool) -> None:
        super().__init__(baseconn)
        self.__dict__["_pool"] = pool

    def __bool__(self) -> bool:
        return self.__dict__.get("_base") is not None

    def _release(self) -> Any:
        self.__dict__["_pool"] = None
        return self.__dict__.pop("_base", None)

    def close(self) -> None:
        """Give it back; nothing happens the second time."""
        pool = self.__dict__.get("_pool")
        if self and pool is not None:
            pool.put(self)


class DatabaseConnector:
    """A pool for each (host, database); ``credentials`` gives the arguments of ``connect`` by host, or by "default"."""

    def __init__(
        self,
        module: Any,
        credentials: Mapping[str, Mapping[str, Any]],
        conn_pool: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        self._module = module
        self._credentials = credentials
        self._conn_pool_class = ConnectionPool if conn_pool is None else conn_pool
        self._args, self._kwargs = args, kwargs
        self._databases: dict[tuple[str, str], Any] = {}

    def credentials_for(self, host: str) -> Any:
        """The arguments for a host."""
        return self._credentials.get(host, self._credentials.get("default"))

    def get(self, host: str, dbname: str) -> Any:
        """The pool of a database."""
        key = (host, dbname)
        if key not in self._databases:
            options = {**self._kwargs, "db": dbname, "host": host, **(self.credentials_for(host) or {})}
            self._databases[key] = self._conn_pool_class(self._module, *self._args, **options)
        return self._databases[key]


__all__ = [
    "BaseConnectionPool",
    "ConnectTimeout",
    "ConnectionPool",
    "DatabaseConnector",
    "GenericConnectionWrapper",
    "PooledConnectionWrapper",
    "RawConnectionPool",
    "TpooledConnectionPool",
    "cleanup_rollback",
]
