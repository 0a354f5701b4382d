"""``python -m benchmarks.cluster``: two workers of a Dask cluster here beside ``-P 2``, and what a shard costs.

The same names, the same server (NSD, else Knot, else the responder), in turn, ``--rounds`` times; the best of each is
compared. From each time that of a run with one name is taken off: a cluster's start is seconds, whatever the input.
A shard's cost is what a run with many small shards takes more than one with few. Needs ``celadon[dask]``.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from . import nameservers

RESOLVE = [sys.executable, "-m", "celadon.resolver.cli", "bulk"]
WAYS = {
    "-P 2": ["-P", "2"],
    "-P 2 --parts": ["-P", "2", "--parts", "parts"],
    "--dask local:2": ["--dask", "local:2", "--parts", "parts"],
}
SHARDS = 16  # of a whole run
MANY = 200


def seconds_of(folder, source, server, words, lines):
    """How long the command takes; every name must have its record."""
    subprocess.run(["rm", "-rf", "parts", "out"], cwd=folder, check=True)
    cut = ["--shard-lines", str(lines)] if "--parts" in words else []
    command = [*RESOLVE, source, "-r", server, "-w", "out", "-q", "-c", "6", "--metadata-file", "meta", *words, *cut]
    env = {**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parent.parent)}
    began = time.monotonic()
    subprocess.run(command, cwd=folder, env=env, check=True)
    took = time.monotonic() - began
    meta = json.loads((folder / "meta").read_text())
    statuses = meta["statuses"]
    with open(source, encoding="ascii") as names:
        assert statuses == {"NOERROR": sum(1 for _ in names)}, statuses
    return took


def write_names(path, count):
    """A file of so many names."""
    path.write_text("".join(nameservers.name_of(number) + "\n" for number in range(count)))
    return str(path)


def main():
    """Print both tables."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--names", type=int, default=200_000)
    asked.add_argument("--rounds", type=int, default=3)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as made, nameservers.best(given.names) as served:
        folder = pathlib.Path(made)
        source, one = write_names(folder / "names", given.names), write_names(folder / "one", 1)
        few = write_names(folder / "few", MANY * 100)
        starts, times, costs = ({way: [] for way in WAYS} for _ in range(3))
        for _ in range(given.rounds):
            for way, words in WAYS.items():
                starts[way].append(seconds_of(folder, one, served.address, words, 1))
                times[way].append(seconds_of(folder, source, served.address, words, given.names // SHARDS))
                if way != "-P 2":
                    wide = seconds_of(folder, few, served.address, words, MANY * 10)
                    costs[way].append((seconds_of(folder, few, served.address, words, 100) - wide) / (MANY - 10))
        print(f"{given.names} names, {served.kind}, {SHARDS} shards, best of {given.rounds}")
        net = {way: min(times[way]) - min(starts[way]) for way in WAYS}
        for way in WAYS:
            cost = f", {min(costs[way]) * 1000:.0f} ms for each shard more" if costs[way] else ""
            print(
                f"{way:16} {given.names / net[way]:8.0f} names/s ({net['-P 2'] / net[way]:.0%} of -P 2), "
                f"start {min(starts[way]):.1f} s{cost}"
            )


if __name__ == "__main__":
    main()
