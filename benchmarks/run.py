"""``make bench``: the same work on celadon and its peers, rounds interleaved, best of all rounds; table and JSON.

``python -m benchmarks.run [--rounds N] [--only TEXT] [--parts time,parked,asleep,lookups]``. The first column is
celadon with its accelerator, the second without; gevent runs without it, in a process of its own like all others.
"""

import argparse
import datetime
import importlib.metadata
import json
import math
import os
import pathlib
import platform
import subprocess
import sys

# Column -> the library that runs, and what its environment has.
COLUMNS = {
    "celadon": ("celadon", {}),
    "plain": ("celadon", {"CELADON_ACCEL": "0"}),
    "gevent": ("gevent", {}),
    "eventlet": ("eventlet", {}),
    "asyncio": ("asyncio", {}),
    "uvloop": ("uvloop", {}),
}
PART_COLUMNS = {
    "time": list(COLUMNS),
    "parked": ["celadon", "plain", "gevent", "eventlet", "asyncio"],
    "asleep": ["celadon", "plain", "gevent", "eventlet", "asyncio"],
    "lookups": ["celadon", "gevent"],
}
# What a row is to be, as gevent's over ours: (without the accelerator, with it).
AIMS = {
    "spawn": (1.0, 4.0),
    "Pool": (1.0, 4.0),
    "never waits": (1 / 1.6, 1 / 1.6),
    "": (1.0, 1.0),
}
# Why it is less; printed beneath the table when it is so.
REASONS = {
    "never waits": "gevent's two calls are compiled code without a frame; here each is a Python frame of its own",
    "spawn(sleep)": "of so many at once each touches pages that the kernel must clear first, greenlet copies a stack "
    "aside for each, and a timer is a Python object here; without the accelerator CPython maps and unmaps 16 KiB for "
    "each as well, the same for both",
    "Pool": "without the accelerator mmap and munmap of each greenlet's first 16 KiB are most of it, as for gevent; "
    "with it what is left is the pool's own bookkeeping in Python",
    "spawn": "mmap and munmap of each greenlet's first 16 KiB are most of it, the same for both",
    "socketpair": "half are system calls, four for each message, as gevent's, one of them cheaper; the rest is as much "
    "Python here as compiled code there",
    "to_thread": "two switches of the operating system's, the same for both",
}
GOALS = {"plain": 1.3, "celadon": 2.0}


def of_row(table, row):
    """The first entry whose key is part of the row's label."""
    return next((value for key, value in table.items() if key in row), None)


def run(column, part, options, server):
    """One process' rows; empty where it failed."""
    library, extra = COLUMNS[column]
    command = [sys.executable, "-m", "benchmarks.work", library, part, "--only", options.only, "--server", server]
    env = {**os.environ, **extra, "BENCH_CLOCK": options.clock}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=env)
    if done.returncode:
        print(f"{column} failed at {part}: {done.stderr}", file=sys.stderr)
        return {}
    return json.loads(done.stdout)


def collect(options):
    """Column -> row -> the best of all rounds."""
    best = {column: {} for column in COLUMNS}
    server = subprocess.Popen([sys.executable, "-m", "celadon.resolver.testing"], stdout=subprocess.PIPE, text=True)
    try:
        address = server.stdout.readline().strip()
        for part in options.parts.split(","):
            for _ in range(options.rounds if part in ("time", "lookups") else 1):
                for column in PART_COLUMNS[part]:
                    for row, value in run(column, part, options, address).items():
                        best[column][row] = min(value, best[column].get(row, value))
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    return best


def geometric_mean(values):
    """Of ratios."""
    return math.exp(sum(map(math.log, values)) / len(values))


def table(best):
    """The lines to print."""
    order = list(dict.fromkeys(row for rows in best.values() for row in rows))
    yield (
        f"{'microseconds for one, or as said':34}"
        + "".join(f"{one:>10}" for one in COLUMNS)
        + "  gevent: plain  celadon"
    )
    ratios = {"plain": [], "celadon": []}
    short = []
    for row in order:
        cells = "".join(f"{best[one][row]:10.3f}" if row in best[one] else f"{'-':>10}" for one in COLUMNS)
        line = f"{row:34}{cells}  "
        for n, (column, width) in enumerate((("plain", 13), ("celadon", 8))):
            mine, theirs = best[column].get(row), best["gevent"].get(row)
            if not mine or not theirs:
                line += f"{'':{width}}"
                continue
            ratio = theirs / mine
            line += f"{ratio:{width}.2f}"
            if not row.startswith("getaddrinfo") and "asleep" not in row:
                ratios[column].append(ratio)
                aim = of_row(AIMS, row)[n]
                if ratio < aim:
                    short.append((row, f"{column} {ratio:.2f} of {aim:.2f}"))
        yield line
    for column, values in ratios.items():
        if values:
            yield (
                f"geometric mean of gevent's over {column}'s, {len(values)} rows, sleepers and lookups apart: "
                f"{geometric_mean(values):.2f} (aim {GOALS[column]})"
            )
    for row, how in short:
        yield f"short of its aim: {row}, {how}: {of_row(REASONS, row) or 'no reason known'}"


def main():
    """Run, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--parts", default="time,parked,asleep,lookups")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: for a machine that others use")
    options = parser.parse_args()
    best = collect(options)
    print(f"CPython {platform.python_version()}, greenlet {importlib.metadata.version('greenlet')}")
    print("\n".join(table(best)))
    result = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.platform(),
        "versions": {
            one: importlib.metadata.version(one)
            for one in ("celadon", "gevent", "eventlet", "uvloop", "greenlet", "pycares")
        },
        "best": best,
    }
    folder = pathlib.Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    name = f"hub-{'.'.join(platform.python_version_tuple()[:2])}.json"
    (folder / name).write_text(json.dumps(result, indent=1) + "\n")
    return 0 if all(best[column] for column in ("celadon", "gevent")) else 1


if __name__ == "__main__":
    sys.exit(main())
