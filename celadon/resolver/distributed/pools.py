"""Pools by what a program has: a Dask client, the module ``ray``, or a pool. Their modules are imported late."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..cli.bulk.stop import Stop
from ..cli.bulk.tally import Tally
from ..errors import ResolverUnavailable
from .driver import Outcome, Pool, drive
from .layout import Plan

#: The first word of a client's module -> the module of its pool, and the class; each needs the extra of its name.
POOLS = {"distributed": "dask_pool", "ray": "ray_pool"}
_EXTRAS = {"distributed": "dask", "ray": "ray"}


def run(
    client: Any,
    plan: Plan,
    *,
    stop: Stop | None = None,
    tell: Callable[[Tally, int, int], object] = lambda *_: None,
    patience: float = 300.0,
) -> Outcome:
    """Have all shards of a plan done that are not yet, and return when they are.

    ``client`` is a ``dask.distributed.Client``, the module ``ray`` after ``ray.init``, or a ``Pool``, which stays open.
    ``tell(tally, bytes, shards)`` is called every half second with what is done and how many shards are out. FileError
    or UsageError when no attempt can succeed; WorkerLost when a shard failed four times, or no worker was there for
    ``patience`` seconds. Blocks the calling thread.
    """
    return drive(pool_of(client), plan, stop=stop, tell=tell, patience=patience)


def pool_of(client: Any) -> Pool:
    """The pool for a client. TypeError for anything else."""
    if all(callable(getattr(client, name, None)) for name in ("slots", "submit", "finished", "close")):
        pool: Pool = client
        return pool
    module = getattr(client, "__name__", None) or type(client).__module__
    kind = str(module).partition(".")[0]
    if kind not in POOLS:
        raise TypeError(f"run() takes a Dask client, the module ray, or a pool, not {client!r}")
    made: Pool = module_of(kind).RayPool() if kind == "ray" else module_of(kind).DaskPool(client)
    return made


def module_of(kind: str) -> Any:
    """The module of a kind of pools. ResolverUnavailable without its library."""
    try:
        return import_module(f"{__package__}.{POOLS[kind]}")
    except ImportError as error:
        extra = _EXTRAS[kind]
        raise ResolverUnavailable(f"--{extra} needs an extra: pip install 'celadon[{extra}]' ({error})") from None
