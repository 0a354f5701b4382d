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
# Why a row is not ahead of gevent, or less than its aim; printed beneath the table when it is so.
REASONS = {
    "queue put + get, never waits": "gevent's are two calls into compiled code; here each is a Python frame of its own",
    "semaphore, never waits": "as the queue: one Python frame for each call against compiled code",
    "socketpair ping-pong": "most of it is system calls (send, recv, a recv that finds nothing), the same for both",
    "to_thread round trip": "two switches of the operating system's, the same for both",
}
GOALS = {"plain": 1.3, "celadon": 2.0}


def run(column, part, options, server):
    """One process' rows; empty where it failed."""
    library, extra = COLUMNS[column]
    command = [sys.executable, "-m", "benchmarks.work", library, part, "--only", options.only, "--server", server]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=600, check=False, env={**os.environ, **extra}
    )
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
        for column, width in (("plain", 13), ("celadon", 8)):
            mine, theirs = best[column].get(row), best["gevent"].get(row)
            if mine and theirs:
                ratio = theirs / mine
                line += f"{ratio:{width}.2f}"
                if not row.startswith("getaddrinfo"):
                    ratios[column].append(ratio)
                if ratio < 1 and row not in short:
                    short.append(row)
            else:
                line += f"{'':{width}}"
        yield line
    for column, values in ratios.items():
        if values:
            yield (
                f"geometric mean of gevent's over {column}'s, {len(values)} rows without the lookups: "
                f"{geometric_mean(values):.2f} (aim {GOALS[column]})"
            )
    for row in short:
        yield f"behind gevent: {row}: {REASONS.get(row, 'no reason known')}"


def main():
    """Run, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--parts", default="time,parked,asleep,lookups")
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
