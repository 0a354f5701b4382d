"""What a bulk run has seen, as counts that two processes can add up."""

from __future__ import annotations

import math
import resource
import time
from collections import Counter
from typing import Any

from ...dns.wire import OneAddress
from ...errors import Kind, ResolveError
from ...protocols import Outcome
from .outcome_words import status

_UNANSWERED = frozenset((Kind.TIMEOUT, Kind.NETWORK))
_STEPS = 8  # buckets of round trip times to a factor of e
_EVERY = 7  # one in eight is timed
_VERSION = 1  # of the metadata's shape
#: What ``merge`` takes, with nothing in it of what ``add_news`` takes.
NOTHING: dict[str, Any] = {"statuses": {}, "counts": [0, 0, 0, 0]}


class Tally:
    """Counts of a run. Not for threads."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Count from nothing."""
        self._unlike: Counter[str] = Counter()  # the statuses of all but the plainest answers
        self.records: int = 0
        self.unanswered: int = 0
        self.unasked: int = 0  # records of what could not be put to a server
        self.tries: int = 0
        self._times: Counter[int] = Counter()
        self._slowest = 0.0
        self.engine: dict[str, Any] = {}
        #: Counts by name that are added to the engine's.
        self.more: dict[str, int] = {}
        self._told: Counter[str] = Counter()  # what ``news`` has told of the statuses
        self._told_counts = [0, 0, 0, 0]

    def add(self, outcome: Outcome) -> None:
        """One record more."""
        self.records = records = self.records + 1
        timed = not records & _EVERY or records < _EVERY
        if type(outcome) is OneAddress:  # as nearly all are
            self.tries += outcome.told[5]
            if timed:
                self._timed(outcome.told[3])
            return
        self._unlike[status(outcome)] += 1
        if isinstance(outcome, ResolveError):
            self.tries += len(outcome.tried)
            if outcome.kind in _UNANSWERED:
                self.unanswered += 1
            else:
                self.unasked += 1
        else:
            self.tries += outcome.attempts
            if timed:
                self._timed(outcome.rtt)

    def _timed(self, rtt: float) -> None:
        self._times[int(math.log(rtt * 1e6 + 1) * _STEPS)] += 1
        self._slowest = max(self._slowest, rtt)

    @property
    def statuses(self) -> Counter[str]:
        """How many records have which status."""
        found = Counter(self._unlike)
        plainest = self.records - found.total()
        if plainest:
            found["NOERROR"] += plainest
        return found

    @property
    def asked(self) -> int:
        """Records that a server had a chance to answer."""
        return self.records - self.unasked

    def too_few_answers(self, percent: float) -> bool:
        """Whether no question, or more than ``percent`` of them not, got an answer."""
        if not self.unanswered:
            return False
        return self.unanswered == self.asked or self.unanswered * 100 > percent * self.records

    def plain(self) -> dict[str, Any]:
        """As data that another process may ``merge``."""
        return {
            "statuses": dict(self.statuses),
            "times": {str(key): count for key, count in self._times.items()},
            "counts": [self.records, self.unanswered, self.unasked, self.tries],
            "slowest": self._slowest,
            "engine": self.engine,
            "usage": usage(),
        }

    def news(self) -> list[Any]:
        """Statuses and counts since the call before, as data for ``add_news`` of another process."""
        statuses, counts = self.statuses, [self.records, self.unanswered, self.unasked, self.tries]
        since = [statuses - self._told, [now - then for now, then in zip(counts, self._told_counts, strict=True)]]
        self._told, self._told_counts = statuses, counts
        return since

    def add_news(self, news: list[Any]) -> None:
        """Add what another process says in its ``news``."""
        statuses, (records, unanswered, unasked, tries) = news
        self._unlike.update(statuses)
        self.records += records
        self.unanswered += unanswered
        self.unasked += unasked
        self.tries += tries

    def merge(self, other: dict[str, Any]) -> None:
        """Add another process' counts."""
        self.add_news([other["statuses"], other["counts"]])
        self._times.update({int(key): count for key, count in other["times"].items()})
        self._slowest = max(self._slowest, other["slowest"])
        for key, value in other["engine"].items():
            if isinstance(value, int):
                self.engine[key] = self.engine.get(key, 0) + value
            else:
                rows = self.engine.setdefault(key, {})
                for server, row in value.items():
                    mine = rows.setdefault(server, dict.fromkeys(row, 0))
                    for column, count in row.items():
                        mine[column] += count

    def of_engine(self, engine: Any) -> None:
        """What the engine says of its dealings, if it is one that counts them, and the checks in front of it."""
        more = dict(self.more)
        while hasattr(engine, "engine"):
            more |= engine.counts()
            engine = engine.engine
        exchange = getattr(engine, "exchange", None)
        if exchange is not None:
            self.engine = {
                "retries": exchange.retries,
                "timeouts": exchange.timeouts,
                "tcp_fallbacks": exchange.tcp,
                "edns_fallbacks": exchange.plain,
                "ignored_packets": exchange.ignored,
                "servers": {
                    one.label: {"sent": one.sent, "answered": one.answered, "timeouts": one.timeouts}
                    for one in exchange.servers
                },
            }
        self.engine |= more

    def quantile(self, part: float) -> float:
        """The round trip time in milliseconds that this part of the answers stayed within, to an eighth."""
        wanted = part * sum(self._times.values())
        for step in sorted(self._times):
            wanted -= self._times[step]
            if wanted <= 0:
                return round((math.exp((step + 1) / _STEPS) - 1) / 1000, 3)
        return 0.0

    def summary(self, began: float, aborted: bool, version: str, **more: Any) -> dict[str, Any]:
        """The metadata file's content; ``began`` is wall-clock time in seconds."""
        took = max(time.time() - began, 1e-9)
        cpu, rss = usage()
        return {
            "v": _VERSION,
            "records": self.records,
            "statuses": dict(sorted(self.statuses.items())),
            "unanswered": self.unanswered,
            "tries": self.tries,
            **self.engine,
            "rtt_ms": {
                "p50": self.quantile(0.5),
                "p90": self.quantile(0.9),
                "p99": self.quantile(0.99),
                "max": round(self._slowest * 1000, 3),
            },
            "start": round(began, 3),
            "seconds": round(took, 3),
            "records_per_s": round(self.records / took, 1),
            "cpu_s": round(cpu, 3),
            "max_rss_kib": rss,
            "aborted": aborted,
            "version": version,
            **more,
        }

    def line(self, began: float) -> str:
        """The last line on stderr."""
        took = max(time.time() - began, 1e-9)
        kinds = ", ".join(f"{count} {word}" for word, count in sorted(self.statuses.items())) or "none"
        return (
            f"{self.records} records: {kinds}; {self.unanswered} unanswered; "
            f"{self.records / took:.0f}/s in {took:.1f} s"
        )


def usage() -> tuple[float, int]:
    """CPU seconds of this process and its children, and the largest resident set of any in KiB."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both), max(one.ru_maxrss for one in both)
