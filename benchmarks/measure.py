"""What all rows are measured with."""

import os
import time
from collections.abc import Callable

# On a machine that others use, BENCH_CLOCK=cpu counts the processor's time of this process alone.
_clock = time.process_time if os.environ.get("BENCH_CLOCK") == "cpu" else time.perf_counter


def best_of_three(work: Callable[[int], object], count: int) -> float:
    """``work(count)`` three times, the best, in microseconds for one."""
    best = None
    for _ in range(3):
        begin = _clock()
        work(count)
        spent = _clock() - begin
        best = spent if best is None else min(best, spent)
    assert best is not None
    return best / count * 1e6


def resident() -> int:
    """Bytes of memory that this process has in use."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_of(pid: int) -> float:
    """Seconds of the processor's time that a process has used."""
    with open(f"/proc/{pid}/stat") as file:
        user, system = file.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
