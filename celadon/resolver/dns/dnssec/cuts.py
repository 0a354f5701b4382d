"""What a validator knows of names on the way down from an anchor: signed zones with keys, unsigned ones, neither."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

import dns.name

from ...model import Security, Validation
from .effort import Unproven
from .rrsets import shown
from .signatures import Keys

_LEAST, _MOST = 1.0, 86400.0  # seconds that anything is kept
_FAILED = 30.0  # seconds that a failure is kept (RFC 4035 §4.7)
_ENTRIES = 50_000


class Is(Enum):
    """What a name is in the tree of zones."""

    SIGNED = "a signed zone"
    UNSIGNED = "an unsigned zone"
    INSIDE = "inside the zone above"
    NOTHING = "no name, and so is all below it"
    FAILED = "a delegation whose proof fails"


class Known(NamedTuple):
    """One name: what it is, a signed zone's keys, and else why it is what it is."""

    name: dns.name.Name
    what: Is
    keys: Keys = {}  # noqa: RUF012  (nobody changes it)
    reason: str = ""
    ede: int | None = None
    error: Unproven | None = None

    def unsigned(self) -> Validation:
        """The state of what is in an unsigned zone."""
        return Validation(Security.INSECURE, self.reason, shown(self.name), None, self.ede)


class Cuts:
    """What is known, by name, each for its time. Shared by all validations of one resolver; times are the caller's."""

    def __init__(self) -> None:
        self._known: dict[dns.name.Name, tuple[Known, float]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, name: dns.name.Name, now: float) -> Known | None:
        """What is known of a name at this time, in seconds of the epoch."""
        found = self._known.get(name)
        if found is None:
            return None
        if found[1] <= now:
            self._known.pop(name, None)
            return None
        return found[0]

    def keep(self, known: Known, now: float, seconds: float) -> Known:
        """Keep it for so long, within a second and a day, and return it."""
        if known.what is Is.FAILED:
            seconds = _FAILED
        while len(self._known) >= _ENTRIES:
            self._known.pop(next(iter(self._known)), None)
        self._known[known.name] = known, now + min(max(seconds, _LEAST), _MOST)
        return known


def seconds_of(signed: Any, signature: Any, now: float) -> float:
    """How long an RRset holds: its TTL, the original one, the end of its signature (RFC 4035 §5.3.3)."""
    left = (int(signature.expiration) - int(now)) & 0xFFFFFFFF
    return float(min(signed.ttl, signature.original_ttl, left))
