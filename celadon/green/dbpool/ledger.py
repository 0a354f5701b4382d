"""The books of a pool: which connection is where, who waits, and what is to be done about it. No I/O, no waiting.

Every method is called with the pool's lock held, and calls nothing foreign. A connection is in one place at a time:
free, lent, or in the hands of a helper (``in_work``), where one that is being opened is counted as well.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from greenlet import greenlet

from ...hub import Event, Hub, get_hub, getcurrent
from .lent import Member
from .pool_stats import PoolStats, Tally

#: How often, in seconds, the pool looks for dead holders while somebody waits.
_LOOK = 0.5


class Turn(Event):
    """One wait for a connection. ``member`` or ``error`` is set before the event is."""

    __slots__ = ("error", "hub", "member", "pool", "who")

    def __init__(self, pool: object) -> None:
        super().__init__()
        self.pool: object = pool
        self.hub: Hub = get_hub()
        self.who: greenlet = getcurrent()
        self.member: Member | None = None
        self.error: BaseException | None = None

    def __repr__(self) -> str:
        return f"a connection of {self.pool!r}"


class Ledger:
    """The state of one pool."""

    all_back: Event
    failures: int
    filled: Event
    lifo: bool
    max_idle: float
    max_overflow: int
    not_before: float

    def __init__(self, max_overflow: int, max_idle: float, lifo: bool) -> None:
        self.max_overflow, self.max_idle, self.lifo = max_overflow, max_idle, lifo
        self.min_size = self.max_size = 0
        self.closed = False
        self.clear()

    def clear(self) -> None:
        """Begin anew, without any connection."""
        self.free: deque[Member] = deque()
        self.lent: set[Member] = set()
        #: What helpers work on, connections or (while opening) marks of their own, and the hub that runs the helper.
        self.in_work: dict[object, Hub] = {}
        self.line: dict[Turn, None] = {}
        #: Appended to by finalizers, which may run at any moment and must take no lock.
        self.dropped: deque[Member] = deque()
        #: Tries to open that failed in a row, when the next one may begin, and what the last one failed with.
        self.failures, self.not_before = 0, 0.0
        self.last_error: BaseException | None = None
        self.tally: Tally = Tally()
        #: Set while at least ``min_size`` are open; while none is lent.
        self.filled, self.all_back = Event(), Event()
        self.all_back.set()

    @property
    def size(self) -> int:
        """How many there are, with those that are being opened."""
        return len(self.free) + len(self.lent) + len(self.in_work)

    @property
    def opening(self) -> int:
        """How many are being opened."""
        return sum(not isinstance(one, Member) for one in self.in_work)

    @property
    def in_vain(self) -> int:
        """How many wait for one to come back, since no more may be opened for them."""
        return len(self.line) - (self.max_size + self.max_overflow - len(self.lent))

    def pop_free(self) -> Member | None:
        """The free one that is to be lent next."""
        if not self.free:
            return None
        return self.free.pop() if self.lifo else self.free.popleft()

    def lend(self, member: Member, holder: Any, hub: Hub) -> None:
        """It is lent from now on."""
        member.hold(holder, hub)
        self.lent.add(member)
        self.all_back.clear()

    def take(self, member: Member) -> None:
        """It is neither lent nor in work any more."""
        self.in_work.pop(member, None)
        self.lent.discard(member)
        if not self.lent:
            self.all_back.set()

    def hand_over(self) -> None:
        """Give the free ones to those who have waited longest."""
        while self.line and self.free:
            turn = next(iter(self.line))
            del self.line[turn]
            if not turn.hub.closed:
                member = self.pop_free()
                assert member is not None
                self.lend(member, turn.who, turn.hub)
                turn.member = member
                turn.set()

    def refuse_all(self, error: BaseException) -> None:
        """Raise ``error`` in everyone who waits."""
        line, self.line = list(self.line), {}
        for turn in line:
            turn.error = error
            turn.set()

    def expire(self, now: float) -> list[Member]:
        """Take out the free ones that are too old, or have been idle for too long and are not needed."""
        spent = []
        for member in list(self.free):
            idle = now - member.idle_since >= self.max_idle and self.size > self.min_size
            if idle or member.retire_at <= now:
                self.free.remove(member)
                spent.append(member)
        self.tally.expired += len(spent)
        return spent

    def surplus(self) -> list[Member]:
        """Take out the free ones that are more than ``max_size`` in all."""
        spent = []
        while self.free and self.size > self.max_size:
            spent.append(self.free.popleft())
        return spent

    def orphans(self) -> list[Member]:
        """Take out those on which a helper worked whose thread has ended."""
        left = [work for work, hub in self.in_work.items() if hub.closed]
        for work in left:
            del self.in_work[work]
        return [work for work in left if isinstance(work, Member)]

    def left_alone(self) -> list[Member]:
        """Take out the lent ones whose greenlet has ended; looked for only while somebody wants them."""
        alone = [one for one in self.lent if one.is_alone()] if self.line or self.closed else []
        for member in alone:
            self.take(member)
        self.tally.reclaimed += len(alone)
        return alone

    def let_fall(self, here: Hub) -> list[Member]:
        """Take out those that were dropped while they were lent; a helper of ``here`` is going to look after them."""
        found = []
        while self.dropped:
            member = self.dropped.popleft()
            if member in self.lent:
                self.take(member)
                self.in_work[member] = here
                found.append(member)
        self.tally.reclaimed += len(found)
        return found

    def to_open(self, now: float) -> list[Hub | None]:
        """For each connection that is to be opened the hub of who waits for it; None: for nobody yet."""
        size, opening = self.size, self.opening
        wanted = max(len(self.line) - opening, self.min_size - size)
        wanted = min(wanted, self.max_size + self.max_overflow - size)
        if self.failures:  # one try at a time until it works again
            wanted = min(wanted, 1 - opening) if now >= self.not_before else 0
        if self.closed or wanted <= 0:
            return []
        waiting = [turn.hub for turn in self.line][opening : opening + wanted]
        return [*waiting, *[None] * (wanted - len(waiting))]

    def next_look(self, now: float) -> float | None:
        """When something is due next; None for never."""
        if self.closed:
            return None
        due = [one.retire_at for one in self.free]
        if self.size > self.min_size:
            due += [one.idle_since + self.max_idle for one in self.free]
        if self.failures and (self.line or self.size < self.min_size):
            due.append(self.not_before)
        if self.line:
            due.append(now + _LOOK)
        return min(due, default=None)

    def stats(self, name: str) -> PoolStats:
        """What ``Pool.stats`` gives."""
        return self.tally.stats(
            name=name,
            min_size=self.min_size,
            max_size=self.max_size,
            size=self.size - self.opening,
            free=len(self.free),
            lent=len(self.lent),
            opening=self.opening,
            waiting=len(self.line),
            last_error=None if self.last_error is None else repr(self.last_error),
        )


__all__ = ["Ledger", "Turn"]
