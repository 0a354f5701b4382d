"""What a pool counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PoolStats:
    """A snapshot of a pool. ``size``, ``free``, ``lent``, ``opening``, ``waiting``: now; the others since it was made.

    ``size`` are the open ones: free, lent, and being reset. ``failed`` counts connections that could not be opened,
    ``interrupted`` those closed because a call was broken off, ``expired`` those too old or idle too long,
    ``reclaimed`` those whose holder ended without giving them back. ``taken`` counts loans, ``timeouts`` and
    ``refused`` those who got none (PoolTimeout, TooManyWaiting); ``wait_seconds`` is the sum of all waits that ended
    with a connection, ``longest_wait`` the longest of them.
    """

    name: str
    min_size: int
    max_size: int
    size: int
    free: int
    lent: int
    opening: int
    waiting: int
    last_error: str | None
    taken: int = 0
    timeouts: int = 0
    refused: int = 0
    opened: int = 0
    failed: int = 0
    closed: int = 0
    expired: int = 0
    interrupted: int = 0
    reclaimed: int = 0
    wait_seconds: float = 0.0
    longest_wait: float = 0.0


class Tally:
    """The counts of a pool."""

    __slots__ = (
        "closed", "expired", "failed", "interrupted", "longest_wait", "opened", "reclaimed", "refused", "taken",
        "timeouts", "wait_seconds",
    )  # fmt: skip

    closed: int
    expired: int
    failed: int
    interrupted: int
    longest_wait: float
    opened: int
    reclaimed: int
    refused: int
    taken: int
    timeouts: int
    wait_seconds: float

    def __init__(self) -> None:
        self.taken = self.timeouts = self.refused = self.opened = self.failed = self.closed = 0
        self.expired = self.interrupted = self.reclaimed = 0
        self.wait_seconds = self.longest_wait = 0.0

    def lent(self, seconds: float) -> None:
        """One got a connection after so long."""
        self.taken += 1
        self.wait_seconds += seconds
        self.longest_wait = max(self.longest_wait, seconds)

    def stats(self, **now: Any) -> PoolStats:
        """The counts as a value."""
        return PoolStats(**now, **{name: getattr(self, name) for name in self.__slots__})
