"""What a benchmark saw, in memory that does not grow: counts, a distribution of latencies, and slices of time."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from ...errors import ResolveError
from ...model import rcode_name, type_name
from ...protocols import Outcome

_STEP = math.log(1.005)  # a bucket's bounds differ by half a percent
_TRUNCATED = 0x0200
_MOST_SLICES = 600


class Latencies:
    """A distribution of times in seconds, exact to half a percent."""

    def __init__(self) -> None:
        self.count: int = 0
        self.least: float = math.inf
        self.most: float = 0.0
        self._mean = self._square = 0.0  # by Welford's method
        self._buckets: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        """One more."""
        seconds = max(seconds, 1e-7)
        self.count += 1
        change = seconds - self._mean
        self._mean += change / self.count
        self._square += change * (seconds - self._mean)
        self.least = min(self.least, seconds)
        self.most = max(self.most, seconds)
        self._buckets[int(math.log(seconds) / _STEP) - (seconds < 1)] += 1

    @property
    def mean(self) -> float:
        """The mean, 0 of nothing."""
        return self._mean

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return math.sqrt(self._square / self.count) if self.count else 0.0

    def quantile(self, part: float) -> float:
        """The time that this part of them stayed within."""
        wanted = part * self.count
        for bucket, count in sorted(self._buckets.items()):
            wanted -= count
            if wanted <= 0:
                return min(max(math.exp((bucket + 0.5) * _STEP), self.least), self.most)
        return self.most if self.count else 0.0

    def rows(self, steps: int = 40) -> list[tuple[float, float, int]]:
        """Bounds in seconds, and how many were between them; ``steps`` equal ones over the range."""
        if not self.count:
            return []
        width = max((self.most - self.least) / steps, 1e-9)
        counts: Counter[int] = Counter()
        for bucket, count in self._buckets.items():
            at = min(max(math.exp((bucket + 0.5) * _STEP), self.least), self.most)
            counts[min(int((at - self.least) / width), steps - 1)] += count
        return [(self.least + n * width, self.least + (n + 1) * width, counts[n]) for n in range(steps)]


class Slice:
    """One slice of the run's time."""

    __slots__ = ("errors", "latencies", "requests")

    errors: int
    requests: int

    def __init__(self) -> None:
        self.requests = self.errors = 0
        self.latencies: Latencies = Latencies()


class Measures:
    """All of a run. ``add`` each outcome with its time since the beginning, in seconds."""

    errors: int
    requests: int
    truncated: int

    def __init__(self) -> None:
        self.requests = self.errors = self.truncated = self.mismatches = 0
        self.took: float = 0.0
        self.rcodes: Counter[str] = Counter()
        self.types: Counter[str] = Counter()
        self.latencies: Latencies = Latencies()
        self.width: float = 1.0  # seconds of a slice; doubled when there are too many
        self.slices: dict[int, Slice] = {}

    def add(self, rdtype: int, outcome: Outcome, at: float) -> None:
        """One question, and what became of it."""
        self.requests += 1
        self.types[type_name(rdtype)] += 1
        part = self._slice(at)
        part.requests += 1
        if isinstance(outcome, ResolveError):
            self.errors += 1
            part.errors += 1
            return
        self.rcodes[rcode_name(outcome.rcode)] += 1
        self.truncated += bool(outcome.flags & _TRUNCATED)
        self.latencies.add(outcome.rtt)
        part.latencies.add(outcome.rtt)

    def _slice(self, at: float) -> Slice:
        number = int(at / self.width)
        if number >= _MOST_SLICES:
            self.width *= 2
            self.slices = _halved(self.slices)
            number = int(at / self.width)
        return self.slices.setdefault(number, Slice())

    def failures(self) -> dict[str, int]:
        """How many there were of what ``--fail`` may name."""
        negative = sum(count for name, count in self.rcodes.items() if name != "NOERROR")
        return {
            "ioerror": self.errors,
            "negative": negative,
            "error": negative - self.rcodes["NXDOMAIN"],
            "idmismatch": self.mismatches,
        }

    def report(self) -> dict[str, Any]:
        """The report with dnspyre's keys; times of latencies in milliseconds."""
        times = self.latencies
        stats = {
            "minMs": times.least if times.count else 0.0,
            "meanMs": times.mean,
            "stdMs": times.deviation,
            "maxMs": times.most,
            **{f"p{part}Ms": times.quantile(part / 100) for part in (99, 95, 90, 75, 50)},
        }
        return {
            "totalRequests": self.requests,
            "totalSuccessCodes": self.rcodes["NOERROR"],
            "totalErrors": self.errors,
            "totalIDmismatch": self.mismatches,
            "totalTruncatedResponses": self.truncated,
            "responseRcodes": dict(self.rcodes),
            "questionTypes": dict(self.types),
            "queriesPerSecond": round(self.requests / self.took, 2) if self.took else 0.0,
            "benchmarkDurationSeconds": round(self.took, 3),
            "latencyStats": {key: round(value * 1000, 4) for key, value in stats.items()},
        }


def _halved(slices: dict[int, Slice]) -> dict[int, Slice]:
    """Slices twice as wide; the latencies of the first half stand for both."""
    made: dict[int, Slice] = {}
    for number, one in sorted(slices.items()):
        whole = made.setdefault(number // 2, one)
        if whole is not one:
            whole.requests += one.requests
            whole.errors += one.errors
    return made
