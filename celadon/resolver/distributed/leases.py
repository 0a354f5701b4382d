"""Who may ask how fast: one rate shared among workers that come, go and fall silent, never more than the whole.

The coordinator keeps a ``Ledger`` and publishes each holder's part of the rate, again and again under a rising number.
A holder follows what it reads, and says in its beats which number it has read. A part that shrinks is given to others
only when its holder has said so, or cannot use the old one any more: a lease that was not renewed for ``LAPSE`` seconds
is worth nothing, by the holder's own clock. No two clocks are ever compared. Pure: times come from the caller.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

LAPSE = 30.0  # seconds that a lease lasts without being renewed
_SLACK = 5.0  # seconds more until the ledger counts on it: reading and writing take time
_QUIET = 5.0  # seconds without a beat after which a holder gets nothing new
_REST = 2.0  # seconds between two shards that cost a holder nothing


class Beat(NamedTuple):
    """What a holder says: the number of its beat, the number of the publication it follows, whether it asks nothing.

    ``at`` is how many bytes of its shard are done, ``shard`` which one.
    """

    beat: int
    seen: int
    idle: bool
    shard: int = -1
    at: int = 0


class Published(NamedTuple):
    """What the coordinator says, under the number ``seq``: each holder's part of the rates, 0 to 1."""

    run: str
    seq: int
    stopped: bool
    parts: dict[str, float]


class _Row:
    """One holder. ``granted`` has the parts that it may be using: (since which publication, when that was, part)."""

    def __init__(self, now: float) -> None:
        self.granted: deque[tuple[int, float, float]] = deque([(0, now, 0.0)])
        self.count = -1
        self.heard = now
        self.idle_since = float("inf")

    @property
    def part(self) -> float:
        return self.granted[-1][2]

    @property
    def bound(self) -> float:
        """The most that it may be using."""
        return max([part for _, _, part in self.granted])

    def hear(self, beat: Beat | None, now: float) -> None:
        if beat is not None and beat.beat != self.count:
            self.count, self.heard = beat.beat, now
            self.idle_since = min(self.idle_since, now) if beat.idle else float("inf")
        granted = self.granted
        while len(granted) > 1:
            seq, since, _ = granted[1]
            followed = beat is not None and (beat.seen >= seq or beat.idle)
            if not followed and now - since < LAPSE + _SLACK:
                break
            granted.popleft()

    def waits(self, now: float) -> bool:
        """Whether it is to have a part."""
        return now - self.heard < _QUIET and now - self.idle_since < _REST


class Ledger:
    """The coordinator's book: the sum of what holders may be using is never more than 1."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._seq = 0
        self._rows: dict[str, _Row] = {}

    def tick(self, beats: dict[str, Beat], now: float, stopped: bool = False) -> Published:
        """What to publish, after these beats were read; they must have been read after the last one was published."""
        self._seq += 1
        rows = self._rows
        for name in beats.keys() - rows.keys():
            rows[name] = _Row(now)
        for name, row in rows.items():
            row.hear(beats.get(name), now)
        waiting = [row for row in rows.values() if row.waits(now)]
        fair = 1 / len(waiting) if waiting else 0.0
        for row in rows.values():
            wanted = fair if row in waiting else 0.0
            if wanted < row.part:
                row.granted.append((self._seq, now, wanted))
        free = 1 - sum([row.bound for row in rows.values()])
        for row in waiting:
            more = min(fair - row.part, free)
            if more > 1e-9:
                free -= max(0.0, row.part + more - row.bound)
                row.granted.append((self._seq, now, row.part + more))
        return Published(self._run, self._seq, stopped, {name: row.part for name, row in rows.items() if row.part})

    @property
    def total(self) -> float:
        """The most that all holders together may be using."""
        return sum([row.bound for row in self._rows.values()])


class Lease:
    """A holder's side: which part it may use, by what it read and when."""

    def __init__(self, holder: str, run: str) -> None:
        self._holder = holder
        self._run = run
        self._part = 0.0
        self._renewed = float("-inf")
        self.seen: int = 0

    def read(self, said: Published | None, now: float) -> bool:
        """Take in a publication, None where it could not be read; False when the run is over for this holder."""
        if said is None:
            return True
        if said.run != self._run or said.stopped:
            return False
        if said.seq > self.seen:
            self.seen, self._renewed = said.seq, now
            self._part = said.parts.get(self._holder, 0.0)
        return True

    def part(self, now: float) -> float:
        """The part of the rates that may be used now."""
        return self._part if now - self._renewed < LAPSE else 0.0

    def silent(self, now: float) -> float:
        """Seconds since the last renewal."""
        return now - self._renewed


def published_text(said: Published) -> str:
    """As a file."""
    return json.dumps(said._asdict(), separators=(",", ":"))


def published_of(text: str) -> Published | None:
    """From a file; None for any other text."""
    try:
        row = json.loads(text)
        parts = {str(name): float(part) for name, part in row["parts"].items()}
        return Published(str(row["run"]), int(row["seq"]), bool(row["stopped"]), parts)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def beat_text(beat: Beat) -> str:
    """As a file."""
    return json.dumps(beat, separators=(",", ":"))


def beat_of(text: str) -> Beat | None:
    """From a file; None for any other text."""
    try:
        count, seen, idle, shard, at = json.loads(text)
        return Beat(int(count), int(seen), bool(idle), int(shard), int(at))
    except (ValueError, TypeError):
        return None


def at_work(beats: Iterable[Beat], open_shards: Iterable[int]) -> int:
    """Bytes that are done in shards which are not finished."""
    wanted = set(open_shards)
    done: dict[int, int] = {}
    for beat in beats:
        if not beat.idle and beat.shard in wanted:
            done[beat.shard] = max(done.get(beat.shard, 0), beat.at)
    return sum(done.values())
