"""``make bench-bulk``: many distinct names to JSON in a file, ours and its peers', rounds interleaved.

``python -m benchmarks.bulk [--names N] [--rounds N] [--arms A,B,…] [--slow PART]``. The server is NSD (else Knot) on
the second core, the client on the first. Peers that take long get a part of the names; the figures are for each
name all the same, start-up included. ``MASSDNS`` names massdns' binary, which no package index has. Every answer is
checked. A client is measured well only while the server has time left: its share of a core is in the table.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from . import nameservers

OURS = ("celadon-python", "celadon-python-P2", "celadon-ares", "celadon-greenlet")
LOOKUPS = ("celadon-getaddrinfo", "celadon-ares-getaddrinfo", "gevent-getaddrinfo")
PEERS = ("massdns", "aiodns", "aiodns-uvloop", "gevent-ares", "dnspython")
# A part of the names, for who would take minutes.
PARTS = {"dnspython": 100, "aiodns": 10, "aiodns-uvloop": 10, "gevent-ares": 10, "celadon-ares": 4} | dict.fromkeys(
    LOOKUPS, 10
)
UNCHECKED = (*LOOKUPS, "dnsperf")


def command(arm, server, source, target):
    """How an arm is run; None where it is not here."""
    if arm == "dnsperf":
        host, port = server.split(":")
        found = shutil.which("dnsperf")
        return found and [found, "-s", host, "-p", port, "-d", source + ".dnsperf", "-c", "1", "-T", "1", "-q", "1000",
                          "-n", "1", "-b", "4096"]  # fmt: skip
    if arm == "massdns":
        binary = os.environ.get("MASSDNS")
        return binary and [binary, "-r", source + ".servers", "-t", "A", "-o", "J", "-w", target, "-q", source]
    if arm in ("celadon-python", "celadon-python-P2", "celadon-ares"):
        made = [sys.executable, "-m", "celadon.resolver.cli", "bulk", source, "-r", server, "-w", target, "-q"]
        return made + {"celadon-python": [], "celadon-python-P2": ["-P", "2"]}.get(arm, ["--resolver", "ares"])
    return [sys.executable, "-m", "benchmarks.bulkwork", arm, server, source, target]


def wrong(target):
    """How many lines of an output are not the right answer, and how many there are."""
    bad = count = 0
    with open(target, encoding="utf-8") as lines:
        for one in lines:
            row = json.loads(one)
            count += 1
            found = [each["data"] for each in row.get("data", {}).get("answers", ())]
            bad += found != [nameservers.address_of(row["name"])]
    return bad, count


def measure(arm, served, source, target, count, pinned):
    """One run: seconds, CPU microseconds for a name, the server's share of a core, what was wrong."""
    words = command(arm, served.address, source, target)
    if not words:
        return None
    if pinned and arm != "celadon-python-P2":
        words = ["taskset", "-c", "0", *words]
    busy, before, began = served.cpu(), resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        print(f"{arm}: exit {done.returncode}: {done.stderr[-300:]}", file=sys.stderr)
        return None
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    row = {
        "names_per_s": count / seconds,
        "cpu_us": cpu / count * 1e6,
        "kernel_us": (after.ru_stime - before.ru_stime) / count * 1e6,
        "server_busy": (served.cpu() - busy) / seconds,
    }
    if arm not in UNCHECKED:
        row["wrong"], lines = wrong(target)
        row["missing"] = count - lines
    if arm == "celadon-greenlet":
        row |= json.loads(done.stdout)
    return row


def main():
    """Run, print, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--arms", default=",".join((*OURS, *LOOKUPS, *PEERS, "dnsperf")))
    parser.add_argument("--full", action="store_true", help="all names for everybody")
    options = parser.parse_args()
    arms = options.arms.split(",")
    pinned = len(os.sched_getaffinity(0)) > 1 and shutil.which("taskset") is not None
    rows = {}
    with tempfile.TemporaryDirectory() as folder, nameservers.best(options.names, 1 if pinned else None) as served:
        sources = {}
        for arm in arms:
            count = options.names // (1 if options.full else PARTS.get(arm, 1))
            source = sources[arm] = f"{folder}/names{count}"
            if not os.path.exists(source):
                names = [nameservers.name_of(number) for number in range(count)]
                pathlib.Path(source).write_text("".join(f"{one}\n" for one in names))
                pathlib.Path(source + ".dnsperf").write_text("".join(f"{one} A\n" for one in names))
                pathlib.Path(source + ".servers").write_text(served.address + "\n")
        for _ in range(options.rounds):
            for arm in arms:
                count = int(sources[arm].removeprefix(f"{folder}/names"))
                row = measure(arm, served, sources[arm], f"{folder}/out", count, pinned)
                if row is not None:
                    rows.setdefault(arm, []).append({"names": count, **row})
    show(rows, served.kind)
    result = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.platform(),
        "server": served.kind,
        "runs": rows,
    }
    results = pathlib.Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "bulk.json").write_text(json.dumps(result, indent=1) + "\n")
    return 0 if rows else 1


def show(rows, server):
    """The table: the best of the rounds, and how ours compares by CPU and by the clock."""
    best = {arm: min(runs, key=lambda one: one["cpu_us"]) for arm, runs in rows.items()}
    print(f"{'':26} {'names':>9} {'names/s':>9} {'CPU us':>8} {'kernel':>7} {server:>5} busy  wrong  missing")
    for arm, row in best.items():
        rate = max(one["names_per_s"] for one in rows[arm])
        print(
            f"{arm:26} {row['names']:>9} {rate:>9.0f} {row['cpu_us']:>8.1f} {row['kernel_us']:>7.1f} "
            f"{row['server_busy']:>9.0%}  {row.get('wrong', '-'):>5}  {row.get('missing', '-'):>7}"
            + (f"  lag {row['lag_ms']}" if "lag_ms" in row else "")
        )
    pairs = [("celadon-python", one) for one in (*PEERS, "dnsperf")] + [("celadon-getaddrinfo", "gevent-getaddrinfo")]
    for mine, peer in pairs:
        if mine in best and peer in best:
            by_rate = max(one["names_per_s"] for one in rows[mine]) / max(one["names_per_s"] for one in rows[peer])
            by_cpu = best[peer]["cpu_us"] / best[mine]["cpu_us"]
            print(f"{mine} is {by_rate:.2f} times {peer} by the clock, {by_cpu:.2f} by CPU")


if __name__ == "__main__":
    sys.exit(main())
