"""Bulk on more than one machine: an input in shards, each done exactly once, by Dask, by Ray, or by processes here."""

from .driver import Lost, Outcome, Pool, drive
from .estimating import Estimate, estimate
from .fork_pool import ForkPool
from .layout import Note, Plan, Shard, Spec
from .merging import merge
from .planning import plan
from .pools import run
from .shard_work import ShardStopped, shard

__all__ = [
    "Estimate",
    "ForkPool",
    "Lost",
    "Note",
    "Outcome",
    "Plan",
    "Pool",
    "Shard",
    "ShardStopped",
    "Spec",
    "drive",
    "estimate",
    "merge",
    "plan",
    "run",
    "shard",
]
