"""So many lookups of distinct names at once: what is lost, how late a timer beside them is, and the memory they take.

``python -m benchmarks.crowd [--names N] [--engines ares,python] [--slice N]``. Each engine has a process of its own,
and so has the name server. All lookups are spawned at once, in slices between which others get their turn: a loop that
spawns 100,000 greenlets and never yields holds the hub up by itself, as ``--slice 0`` shows. Exit status 1 if a lookup
was lost or wrong, or the timer more than a second late.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

from celadon import resolver
from celadon.hub import joinall, sleep, spawn

from . import nameservers
from .measure import resident

_TICK = 0.01  # seconds
_MOST_LATE = 1.0


class Ticker:
    """A timer that is set anew each 10 ms, and by how many seconds it was too late at most.

    ``worst_cpu`` counts this process' processor time: how late it would be if nobody else used the machine.
    """

    def __init__(self):
        self.worst = self.worst_cpu = 0.0
        self.ticks = 0
        self.runs = True

    def tick(self):
        """Until ``runs`` is False."""
        while self.runs:
            due, cpu = time.monotonic() + _TICK, time.process_time() + _TICK
            sleep(_TICK)
            self.worst_cpu = max(self.worst_cpu, time.process_time() - cpu)
            self.worst = max(self.worst, time.monotonic() - due)
            self.ticks += 1


def crowd(engine, server, names, at_a_time):
    """Look all of them up at once with this engine."""
    chosen = resolver.make(engine, servers=[server])
    lost, wrong = [], []

    def look(number):
        name = nameservers.name_of(number)
        try:
            found = chosen.getaddrinfo(name, 80, 2, 1)[0][4][0]
        except OSError as error:
            lost.append(str(error))
        else:
            if found != nameservers.address_of(name):
                wrong.append(found)

    chosen.getaddrinfo(nameservers.name_of(names), 80, 2, 1)  # what is made for the first lookup is no part of it
    before = resident()
    ticker = Ticker()
    beside = spawn(ticker.tick)
    sleep(0)
    began = time.monotonic()
    lookups = []
    for number in range(names):
        lookups.append(spawn(look, number))
        if at_a_time and not len(lookups) % at_a_time:
            sleep(0)
    spawned = time.monotonic() - began
    joinall(lookups)
    took = time.monotonic() - began
    ticker.runs = False
    beside.join()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "engine": engine,
        "names": names,
        "lost": len(lost),
        "wrong": len(wrong),
        "first error": lost[0] if lost else "",
        "seconds": round(took, 2),
        "seconds to spawn": round(spawned, 2),
        "ticks": ticker.ticks,
        "worst lateness, s": round(ticker.worst, 3),
        "the same in CPU, s": round(ticker.worst_cpu, 3),
        "memory, MiB": (peak - before) >> 20,
    }


def main():
    """Print a JSON line for each engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=100_000)
    parser.add_argument("--engines", default="ares,python")
    parser.add_argument("--slice", type=int, default=200, help="lookups spawned at a time; 0: all (default: 200)")
    parser.add_argument("--server", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.server:
        print(json.dumps(crowd(options.engines, options.server, options.names, options.slice)))
        return 0
    failed = 0
    with nameservers.responder() as served:
        for engine in options.engines.split(","):
            command = [sys.executable, "-m", "benchmarks.crowd", "--engines", engine, "--server", served.address]
            command += ["--names", str(options.names), "--slice", str(options.slice)]
            line = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
            print(line, end="", flush=True)
            found = json.loads(line)
            failed |= bool(found["lost"] or found["wrong"] or found["worst lateness, s"] > _MOST_LATE)
    return failed


if __name__ == "__main__":
    sys.exit(main())
