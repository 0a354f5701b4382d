"""``python -m benchmarks.cluster``: two workers of a Dask cluster here beside ``-P 2``, and what a shard costs.

The same names, the same server (NSD, else Knot, else the responder), in turn, ``--rounds`` times; the best of each is
compared, from the plan to the merged output. The start of interpreters and of the cluster, which is seconds whatever
the input, is not in it. A shard's cost is what a run with many small shards takes more than one with few. Needs
``celadon[dask]``.
"""

import argparse
import os
import pathlib
import statistics
import tempfile
import time

from distributed import Client

from celadon.resolver.cli import main as resolve
from celadon.resolver.distributed import ForkPool, merge, plan, run
from celadon.resolver.distributed.dask_pool import local_cluster

from . import nameservers

SHARDS = 16  # of a whole run
MANY, FEW, SMALL = 200, 20, 100  # shards, and the lines of a small one


def plain(source, server, count):
    """Seconds of ``-P 2`` with one output, as the command does it."""
    began = time.monotonic()
    words = ["bulk", source, "-r", server, "-P", "2", "-c", "6", "-w", f"{source}.out", "-q"]
    assert resolve(words) == 0
    took = time.monotonic() - began
    with open(f"{source}.out", "rb") as records:
        assert sum(line.count(b'"NOERROR"') for line in records) == count
    os.unlink(f"{source}.out")
    return took


def in_shards(pool, source, server, count, lines):
    """Seconds of a run in shards, merged to one output."""
    began = time.monotonic()
    made = plan(source, f"{source}.parts", lines=lines, restart=True, resolvers=server, tries=6)
    outcome = run(pool, made)
    assert merge(made.directory, f"{source}.out") == count
    took = time.monotonic() - began
    assert outcome.tally().statuses == {"NOERROR": count}
    return took


def write_names(path, count):
    """A file of so many names."""
    path.write_text("".join(nameservers.name_of(number) + "\n" for number in range(count)))
    return str(path)


def main():
    """Print a line for each way."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--names", type=int, default=200_000)
    asked.add_argument("--rounds", type=int, default=3)
    given = asked.parse_args()
    began = time.monotonic()
    with (
        local_cluster(2) as cluster,
        Client(cluster, set_as_default=False) as client,
        tempfile.TemporaryDirectory() as made,
        nameservers.best(given.names) as served,
    ):
        print(f"a cluster of two workers, and the server: there after {time.monotonic() - began:.1f} s")
        folder = pathlib.Path(made)
        source, few = write_names(folder / "names", given.names), write_names(folder / "few", MANY * SMALL)
        pools = {"-P 2 --parts": lambda: ForkPool(2), "--dask local:2": lambda: client}
        times = {way: [] for way in ("-P 2", *pools)}
        costs = {way: [] for way in pools}
        for _ in range(given.rounds):
            times["-P 2"].append(plain(source, served.address, given.names))
            for way, pool in pools.items():
                words = source, served.address, given.names
                times[way].append(in_shards(pool(), *words, given.names // SHARDS))
                both = [in_shards(pool(), few, served.address, MANY * SMALL, MANY * SMALL // n) for n in (MANY, FEW)]
                costs[way].append((both[0] - both[1]) / (MANY - FEW))
        print(f"{given.names} names, {served.kind}, {SHARDS} shards, best of {given.rounds}")
        best = {way: min(found) for way, found in times.items()}
        for way, took in best.items():
            cost = f", {statistics.median(costs[way]) * 1000:.0f} ms for each shard more" if way in costs else ""
            print(f"{way:16} {given.names / took:8.0f} names/s ({best['-P 2'] / took:.0%} of -P 2){cost}")


if __name__ == "__main__":
    main()
