"""PostgreSQL drivers in C that accept a function to wait with: psycopg2 and psycopg 3.

Both look up names in libpq's own way, which the resolver never sees (psycopg2), or wait in C (psycopg 3); what is
given to them here does both on the hub. See psycopg2's "Support for coroutine libraries" and psycopg's ``waiting``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import chain, zip_longest
from types import ModuleType
from typing import Any

from ...hub import Timeout, wait_readable, wait_writable
from ..patching.hook import Hook
from ..socket import getaddrinfo

# -- psycopg2 --------------------------------------------------------------------------------------------------


def _patience(module: ModuleType) -> Callable[[Any], None]:
    std: Any = module
    done, read, write = std.POLL_OK, std.POLL_READ, std.POLL_WRITE

    def wait(connection: Any) -> None:
        # psycopg2 closes the connection after any error raised here, as its state is unknown then.
        while (state := connection.poll()) != done:
            if state == read:
                wait_readable(connection.fileno())
            elif state == write:
                wait_writable(connection.fileno())
            else:
                raise std.OperationalError(f"psycopg2 reports an unknown state, {state}")

    return wait


def _install(module: ModuleType) -> None:
    std: Any = module
    if std.get_wait_callback() is None:  # else the user's own
        std.set_wait_callback(_patience(module))


def _remove(module: ModuleType) -> None:
    std: Any = module
    if getattr(std.get_wait_callback(), "__module__", None) == __name__:
        std.set_wait_callback(None)


def _split(value: Any) -> list[str]:
    return str(value or "").split(",")


def _addresses(host: str, port: str) -> Iterator[str]:
    """The addresses of a name, none for a socket's path; the resolver's error if there is no such name."""
    if host and not host.startswith(("/", "@")):
        for one in getaddrinfo(host, int(port or 5432), 0, 1):
            yield one[4][0]
    else:
        yield ""


def _attempts(given: dict[str, Any]) -> Iterator[dict[str, Any] | str]:
    """The parameters of each connection that libpq would try: every host, every address of it. A text: what failed."""
    hosts = _split(given.get("host") or os.environ.get("PGHOST"))
    ports = _split(given.get("port") or os.environ.get("PGPORT"))
    ports = ports * len(hosts) if len(ports) == 1 else ports
    for host, port in zip_longest(hosts, ports, fillvalue=""):
        try:
            for address in _addresses(host, port):
                made = {**given, "host": host, "port": port, "hostaddr": address}
                yield {name: value for name, value in made.items() if value != ""}
        except OSError as error:
            yield f"could not translate host name {host!r} to address: {error}"


def _preferred(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """For ``prefer-standby`` all hosts are tried twice."""
    if given.get("target_session_attrs") == "prefer-standby":
        yield {**given, "target_session_attrs": "standby"}
        yield {name: value for name, value in given.items() if name != "target_session_attrs"}
    else:
        yield given


def connecting(module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``psycopg2``: names are looked up by the resolver, ``connect_timeout`` holds.

    In the mode with a callback libpq leaves the deadline to its caller, for each address anew.
    """
    std: Any = module
    original = std._connect

    def _connect(dsn: str, *args: Any, **kwargs: Any) -> Any:
        given = std.extensions.parse_dsn(dsn)
        if given.get("hostaddr") or given.get("service") or kwargs.get("async") or kwargs.get("async_"):
            return original(dsn, *args, **kwargs)
        limit = int(given.get("connect_timeout") or os.environ.get("PGCONNECT_TIMEOUT") or 0)
        errors: list[str] = []
        for one in chain.from_iterable(map(_attempts, _preferred(given))):
            if isinstance(one, str):
                errors.append(one)
                continue
            expired = std.OperationalError(f"connection to server at {one.get('hostaddr')!r} failed: timeout expired")
            try:
                with Timeout(max(limit, 2) if limit > 0 else None, expired):
                    return original(std.extensions.make_dsn(**one), *args, **kwargs)
            except std.OperationalError as error:
                errors.append(str(error).strip())
        raise std.OperationalError("\n".join(errors) + "\n")

    return {"_connect": _connect}


#: In ``psycopg2.extensions``.
PATIENT = Hook(_install, _remove)

# -- psycopg 3 -------------------------------------------------------------------------------------------------


def waiting(module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``psycopg.waiting``: the wait in C by that on ``select.poll``, which is patched."""
    std: Any = module
    if std.wait is not getattr(std, "wait_c", None):
        return {}  # it is on Python's own modules already
    return {"wait": std.wait_poll, "_ready": getattr(std, "_ready_poll", None)}


def interruptions(module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``psycopg.connection``: at what error a running query is cancelled at the server.

    Otherwise a connection whose greenlet was killed, or ran into a deadline, could not be used any more.
    """
    return {"_INTERRUPTED": tuple(one for one in BaseException.__subclasses__() if one is not Exception)}


__all__ = ["PATIENT", "Hook", "connecting", "interruptions", "waiting"]
