"""What a run needs, on paper: shards, workers, hours, disk. Pure; tests hold it against a simulation of the run."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

#: Measured on a virtual machine of 2 cores that runs the server too; the notes of your first shards have your own.
NAMES_PER_S = 10_000.0  # of one worker process, without a rate
SHARD_S = 0.05  # that a shard takes besides its questions: start, hashes, fsync, note
_LINES = 100_000
_NAME, _RECORD, _NOTE = 20, 230, 1_500  # bytes, on average
_PLACE = 10  # bytes more for a line that is grouped by domain


class Estimate(NamedTuple):
    """What a run needs. ``rate`` is in names a second, of all workers together; ``disk`` has parts and merged output.

    ``lost`` is the part of the time that shards cost besides their questions.
    """

    names: int
    shards: int
    workers: int
    rate: float
    hours: float
    disk: int
    lost: float


def estimate(
    names: int,
    *,
    workers: int = 0,
    rate: float = 0.0,
    names_per_s: float = NAMES_PER_S,
    lines: int = _LINES,
    shard_s: float = SHARD_S,
    record_bytes: int = _RECORD,
    by_domain: bool = False,
) -> Estimate:
    """What so many names need of ``workers`` processes, at ``rate`` questions a second in all, 0: as fast as they can.

    ``workers`` 0: as many as the rate needs. ``names_per_s`` is what one worker does unhindered, ``lines`` the length
    of a shard, ``shard_s`` the seconds that it takes besides. A merge, which reads and writes all records once, comes
    after. ValueError for what cannot be.
    """
    if names < 1 or workers < 0 or lines < 1 or names_per_s <= 0 or rate < 0:
        raise ValueError("names and lines are at least 1, names_per_s is more than 0, workers and rate are at least 0")
    workers = workers or ceil(rate / names_per_s) or 1
    shards = ceil(names / lines)
    working = min(workers, shards)
    speed = min(names_per_s, rate / working) if rate else names_per_s
    rounds = ceil(shards / working)  # the last one may have less work than workers, and takes as long
    asking = max(names / (speed * working), min(names, rounds * lines) / speed if not rate else 0.0)
    seconds = asking + rounds * shard_s
    disk = 2 * names * record_bytes + shards * _NOTE + names * (_NAME + _PLACE if by_domain else 0)
    return Estimate(names, shards, workers, names / seconds, seconds / 3600, disk, rounds * shard_s / seconds)
