"""Shards on a Dask cluster: one that is there, by its scheduler's address, or one of processes here (``local:N``).

Needs the extra ``celadon[dask]``; only ``pools`` imports it. Every worker must have the same Celadon installed, and see
the input and the directory of parts under the same paths.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import dask
from distributed import Client, LocalCluster, Security, as_completed
from distributed.comm.addressing import parse_address, parse_host_port
from distributed.comm.registry import get_backend

from ..cli.bulk.pieces import WorkerLost
from ..cli.exits import UsageError
from .driver import Lost
from .layout import Spec
from .shard_work import shard

_LOOK = 1.0  # seconds after which the workers are counted again
_SHORT = 5.0  # seconds that the scheduler has for an answer
_PAUSE = 0.05
#: For workers of our own. A profiler that samples 100 times a second, and a tick 50 times, stop the shard's thread.
#: Together that is 7 % of a worker's time; nobody sees their results here.
_QUIET = {"distributed.worker.profile.enabled": False, "distributed.admin.tick.interval": "1s"}
_TROUBLE = (OSError, RuntimeError, TimeoutError, ValueError)  # what a client raises that has lost its scheduler


class DaskPool:
    """``Pool`` of a Dask cluster's worker threads. ``own``: what is closed with it."""

    def __init__(self, client: Any, own: Iterable[Any] = ()) -> None:
        self._client = client
        self._address = client.scheduler.address
        self._own = [*own]
        self._specs: dict[Any, Spec] = {}  # by future
        self._completed = as_completed(loop=client.loop)
        self._threads: dict[str, int] = {}  # by worker
        self._next_look = 0.0
        self._submitted = 0

    def slots(self) -> int:
        """See ``Pool.slots``."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK
            self._look()
        return sum(self._threads.values())

    def _look(self) -> None:
        client = self._client
        self._threads = {}
        with suppress(*_TROUBLE):
            if client.status == "closed":
                self._reconnect()
            elif client.status == "running":
                self._threads = dict(client.sync(client.scheduler.ncores, callback_timeout=_SHORT))

    def _reconnect(self) -> None:
        """A client gives up a scheduler after half a minute; this one does not."""
        made = Client(self._address, security=self._client.security, timeout=_SHORT, set_as_default=False)
        if self._client in self._own:
            self._own.remove(self._client)
        self._own.insert(0, made)
        self._client = made
        self._completed = as_completed(loop=made.loop)

    def submit(self, spec: Spec) -> None:
        """See ``Pool.submit``. Names of one group go to the same worker, if that is free."""
        self._submitted += 1
        near = {}
        if spec.shard.group >= 0 and self._threads:
            workers = sorted(self._threads)
            near = {"workers": [workers[spec.shard.group % len(workers)]], "allow_other_workers": True}
        key = f"celadon-shard-{spec.run}-{spec.shard.number}-{self._submitted}"
        future = self._client.submit(shard, spec, key=key, pure=False, retries=0, **near)
        self._specs[future] = spec
        self._completed.add(future)

    def finished(self, wait: float) -> Iterable[tuple[int, dict[str, Any] | BaseException]]:
        """See ``Pool.finished``. The result is not fetched: the note in the directory says it, or nothing does."""
        until = time.monotonic() + wait
        while not self._completed.has_ready() and time.monotonic() < until:
            time.sleep(_PAUSE)
        found: list[tuple[int, dict[str, Any] | BaseException]] = []
        for future in self._completed.next_batch(block=False):
            spec = self._specs.pop(future, None)
            if spec is None:
                continue
            if future.status == "finished":
                found.append((spec.shard.number, {"worker": f"a worker of {self._address}"}))
            elif future.status == "error":
                found.append((spec.shard.number, future.exception(timeout=_SHORT)))
            else:
                found.append((spec.shard.number, Lost(future.status)))
        old = [one for one in self._specs if one.client is not self._client]
        found += [(self._specs.pop(one).shard.number, Lost("the scheduler was lost")) for one in old]
        return found

    def close(self) -> None:
        """See ``Pool.close``. A shard under way ends by itself; a cluster of our own ends now."""
        with suppress(*_TROUBLE):
            if self._specs and self._client.status == "running":
                self._client.cancel([*self._specs], force=True)
        self._specs.clear()
        for one in self._own:
            with suppress(*_TROUBLE):
                one.close(timeout=_SHORT)
        self._own.clear()


def connect(where: str, ca_file: str | None = None, cert: str | None = None, key: str | None = None) -> DaskPool:
    """The pool at a scheduler's address, or ``local:N``. UsageError for no address, WorkerLost if nobody is there."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what it tells of lost workers, the run tells
    if where.startswith("local:"):
        count = where.removeprefix("local:")
        if not count.isascii() or not count.isdigit() or not 1 <= int(count) <= 64:
            raise UsageError(f"--dask local:N: N is a number from 1 to 64, not {count!r}")
        cluster = local_cluster(int(count))
        return DaskPool(client := Client(cluster, set_as_default=False), (client, cluster))
    security = _security(where, ca_file, cert, key)
    try:
        client = Client(where, security=security, timeout=30, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise WorkerLost(f"no Dask scheduler answers at {where}: {error}") from None
    return DaskPool(client, (client,))


def local_cluster(count: int) -> LocalCluster:
    """So many worker processes of one thread each, and their scheduler, on this machine."""
    with dask.config.set(_QUIET):
        return LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        )


def _security(where: str, ca_file: str | None, cert: str | None, key: str | None) -> Security | None:
    """What a client needs to connect there. UsageError for an address or files that cannot be.

    A Client that is made with them fails half way, and then hangs when the interpreter ends.
    """
    try:
        scheme, place = parse_address(where)
        get_backend(scheme)
        parse_host_port(place)
    except ValueError as error:
        raise UsageError(f"--dask {where}: {error}; it is tls://HOST:PORT, tcp://HOST:PORT or local:N") from None
    given = {"tls_ca_file": ca_file, "tls_client_cert": cert, "tls_client_key": key}
    if scheme != "tls":
        if any(given.values()):
            raise UsageError("--tls-ca-file, --tls-cert and --tls-key belong to a tls:// address")
        return None
    security = Security(require_encryption=True, **{name: one for name, one in given.items() if one})
    for option, path in (("--tls-ca-file", ca_file), ("--tls-cert", cert), ("--tls-key", key)):
        if path is not None and not os.path.isfile(path):
            raise UsageError(f"option {option}: {path}: no such file")
    try:
        context = security.get_connection_args("client")["ssl_context"]
    except (OSError, ValueError) as error:
        raise UsageError(f"--dask {where}: the TLS files do not fit: {error}") from None
    if context is None:
        raise UsageError(f"--dask {where}: tls:// needs --tls-ca-file, --tls-cert and --tls-key")
    return security
