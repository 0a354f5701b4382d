"""How the calls of one connection are made: in the greenlet that calls, or in an OS thread of the connection's own.

``GreenBackend`` is for drivers that wait through green sockets or through a function of ours: they let other greenlets
run by themselves. ``ThreadBackend`` is for drivers that block in C; one thread for each connection, because many of
them (sqlite3, mysqlclient) tie a connection to the thread that opened it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from ...hub import WorkerThread, fail_after, to_thread

T = TypeVar("T")
log: logging.Logger = logging.getLogger("celadon.dbpool")

#: Methods by which a driver breaks off a running call from another thread, the first that there is:
#: sqlite3; psycopg 3; psycopg2.
_CANCELS = ("interrupt", "cancel_safe", "cancel")


class Backend(Protocol):
    """One connection, and how it is called."""

    raw: Any

    def open(self, connect: Callable[[], Any]) -> None:
        """Set ``raw`` to ``connect()``."""

    def run(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """``function(*args, **kwargs)``, which calls the driver."""

    def interrupted(self, error: BaseException) -> bool:
        """Whether ``error``, which a ``run`` has just raised, left the driver in the midst of a call."""

    def close(self, limit: float) -> None:
        """Close ``raw``, and whatever else there is, within ``limit`` seconds. Errors do not matter any more."""


class GreenBackend:
    """Calls in the greenlet that calls."""

    def __init__(self) -> None:
        self.raw: Any = None

    def open(self, connect: Callable[[], Any]) -> None:
        """See Backend."""
        self.raw = connect()

    def run(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """See Backend."""
        return function(*args, **kwargs)

    def interrupted(self, error: BaseException) -> bool:
        """See Backend. Also what a driver has wrapped in an error of its own."""
        seen: set[int] = set()
        one: BaseException | None = error
        while one is not None and id(one) not in seen:
            seen.add(id(one))
            # A network's error, or something that came from outside while the driver waited: a kill, a deadline.
            if not isinstance(one, Exception) or isinstance(one, OSError) or _from_the_hub(one):
                return True
            one = one.__cause__ or one.__context__
        return False

    def close(self, limit: float) -> None:
        """See Backend."""
        raw, self.raw = self.raw, None
        if raw is not None:
            _quietly(limit, raw.close)


def _from_the_hub(error: BaseException) -> bool:
    """Whether it was raised where a greenlet waits, and so by whoever interrupted the wait."""
    trace = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    return str(trace.tb_frame.f_globals.get("__name__", "")).startswith("celadon.hub.")


def _quietly(limit: float, function: Callable[..., object], *args: object) -> None:
    try:
        with fail_after(limit):
            function(*args)
    except Exception as error:  # noqa: BLE001  (the driver's; the connection is given up anyway)
        log.debug("a connection is closed: %r", error)


class ThreadBackend:
    """Calls in an OS thread of the connection's own."""

    def __init__(self) -> None:
        self.raw: Any = None
        self._thread = WorkerThread()

    def _open(self, connect: Callable[[], Any]) -> None:
        self.raw = connect()

    def open(self, connect: Callable[[], Any]) -> None:
        """See Backend."""
        self._thread.call(self._open, connect)

    def run(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """See Backend."""
        return self._thread.call(function, *args, **kwargs)

    def interrupted(self, error: BaseException) -> bool:
        """See Backend. The thread goes on with the call that was given up."""
        return self._thread.busy

    def _close(self) -> None:
        raw, self.raw = self.raw, None
        if raw is not None:
            with suppress(Exception):
                raw.close()

    def close(self, limit: float) -> None:
        """See Backend. A call that still runs is cancelled, as far as the driver can."""
        raw = self.raw
        if raw is not None and self._thread.busy:
            for name in _CANCELS:
                if hasattr(type(raw), name):
                    _quietly(limit, to_thread, getattr(raw, name))
                    break
        with suppress(RuntimeError):  # in a forked child, which has no such thread
            self._thread.post(self._close)
        self._thread.close()


#: By the name that a pool is given.
BACKENDS: dict[str, Callable[[], Backend]] = {"green": GreenBackend, "thread": ThreadBackend}

#: Top packages of drivers that block in C and take no function to wait with.
_BLOCK = frozenset(("MySQLdb", "_mysql", "apsw", "cx_Oracle", "duckdb", "ibm_db", "pyodbc", "sqlite3", "_sqlite3"))


def backend_for(connect: Any) -> str:
    """The name of the back end for a DB-API module or one of its functions."""
    module = getattr(connect, "__module__", None) or getattr(connect, "__name__", "")
    return "thread" if str(module).partition(".")[0] in _BLOCK else "green"


__all__ = ["BACKENDS", "Backend", "GreenBackend", "ThreadBackend", "backend_for"]
