"""Pools of database connections, over green sockets or in threads. See docs/database-pool.md."""

from .connection_pool import Pool, pools, rollback
from .errors import (
    ConnectionBroken,
    ConnectionReturned,
    ConnectTimeout,
    PoolClosed,
    PoolError,
    PoolTimeout,
    TooManyWaiting,
)
from .lent import unwrap
from .multi_pool import MultiPool
from .pool_stats import PoolStats

__all__ = [
    "ConnectTimeout",
    "ConnectionBroken",
    "ConnectionReturned",
    "MultiPool",
    "Pool",
    "PoolClosed",
    "PoolError",
    "PoolStats",
    "PoolTimeout",
    "TooManyWaiting",
    "pools",
    "rollback",
    "unwrap",
]
