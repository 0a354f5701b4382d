"""What must not grow: ``python -m benchmarks.cost [--parked N] [--timers N]``.

A sleep(0) beside a hundred thousand parked greenlets and as many pending timers, interleaved with the same in an empty
hub; memory while a million timers are set and cancelled; descriptors and memory after twenty threads with hubs.
"""

import argparse
import gc
import subprocess
import sys
import time

from .measure import resident


def yields(sleep, count=20_000):
    """Nanoseconds for a sleep(0) among three greenlets, so that each is a switch."""
    from celadon.hub import joinall, spawn

    def body():
        for _ in range(count):
            sleep(0)

    begin = time.process_time()
    joinall([spawn(body) for _ in range(3)])
    return (time.process_time() - begin) / (3 * count) * 1e9


def crowded(parked, timers):
    """sleep(0) before, beside, and after a crowd; the best of several of each."""
    from celadon.hub import Event, get_hub, joinall, sleep, spawn

    def best():
        return min(yields(sleep) for _ in range(7))

    best()
    empty = best()
    event = Event()
    waiting = [spawn(event.wait) for _ in range(parked)]
    pending = [get_hub().call_later(3600 + n * 1e-3, int) for n in range(timers)]
    sleep(0)
    full = best()
    event.set()
    joinall(waiting)
    for one in pending:
        one.cancel()
    del waiting, pending
    again = best()
    base = min(empty, again)
    print(
        f"sleep(0): {empty:.0f} ns in an empty hub, {full:.0f} ns beside {parked:,} parked and {timers:,} timers, "
        f"{again:.0f} ns afterwards: {(full / base - 1) * 100:+.1f} %"
    )


def cancelled(count):
    """Memory over the timers that are set and cancelled, a thousand alive at a time."""
    from celadon.hub import Timeout, get_hub

    def some(many):
        for _ in range(many // 1000):
            alive = [Timeout.start_new(3600) for _ in range(1000)]
            for one in alive:
                one.cancel()

    some(20_000)
    gc.collect()
    before = resident()
    some(count)
    grown = resident() - before
    print(
        f"{count:,} timers set and cancelled: {grown / 1e3:+,.0f} KB, "
        f"{len(get_hub().timers.heap)} entries left in the heap, {len(get_hub().timers)} alive"
    )


THREADS = """
import _thread, os, sys, time
library = sys.argv[1]
if library == "celadon":
    from celadon.hub import sleep, spawn
elif library == "gevent":
    from gevent import sleep, spawn
else:
    import warnings; warnings.simplefilter("ignore")
    from eventlet import sleep, spawn
fds = lambda: len(os.listdir("/proc/self/fd"))
def body(end):
    spawn(sleep, 0.001); sleep(0.002); end.release()
def some(count):
    ends = [_thread.allocate_lock() for _ in range(count)]
    for one in ends:
        one.acquire(); _thread.start_new_thread(body, (one,))
    for one in ends:
        one.acquire()
    time.sleep(0.3)
some(1)
before = fds()
some(20)
print(f"{library}: {fds() - before} descriptors left by 20 threads with hubs")
"""


def main():
    """Print all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parked", type=int, default=100_000)
    parser.add_argument("--timers", type=int, default=1_000_000)
    options = parser.parse_args()
    crowded(options.parked, options.parked)
    cancelled(options.timers)
    for library in ("celadon", "gevent", "eventlet"):
        done = subprocess.run(
            [sys.executable, "-c", THREADS, library], capture_output=True, text=True, timeout=60, check=False
        )
        print(done.stdout.strip() or f"{library}: not here ({done.stderr.strip().splitlines()[-1]})")


if __name__ == "__main__":
    main()
