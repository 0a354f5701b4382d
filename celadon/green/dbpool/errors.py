"""What a pool raises itself. Errors of the driver come through as they are."""

from __future__ import annotations


class PoolError(Exception):
    """The base of what a pool raises itself."""


class PoolTimeout(PoolError, TimeoutError):
    """No connection came within the time given. ``__cause__`` is why the last one could not be opened, if so."""


class TooManyWaiting(PoolError):
    """``max_waiting`` greenlets wait for a connection already."""


class PoolClosed(PoolError):
    """The pool was closed."""


class ConnectTimeout(PoolError, TimeoutError):
    """A connection was not open within ``connect_timeout``."""


class ConnectionReturned(PoolError):
    """The connection was given back to its pool, or belongs to the process that forked this one."""


class ConnectionBroken(PoolError):
    """An earlier call on the connection was broken off: its next answer could be that of the earlier call."""


__all__ = [
    "ConnectTimeout",
    "ConnectionBroken",
    "ConnectionReturned",
    "PoolClosed",
    "PoolError",
    "PoolTimeout",
    "TooManyWaiting",
]
