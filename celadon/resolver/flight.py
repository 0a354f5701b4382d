"""One query for all who ask the same at once (RFC 5452 §5), and what becomes of its outcome.

Flights stand between the policy and an engine, and are an engine themselves. Waiters join the query that is already
under way; one that gives up does not disturb the others; with the last one the query is cancelled. What the query
brings goes into the cache, and where it brings nothing, an old answer may serve in its place (RFC 8767).

Clock and timer are handed in. One object belongs to one hub.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .cache import Cache, Entry, aged, asked_as, key_of
from .errors import ResolveError
from .model import Answer, Question
from .protocols import Cancel, Done, Engine, Outcome
from .validate import pruned

_NXDOMAIN = 3
CallLater = Callable[..., Any]


class _Flight:
    """One query under way: who waits for it, and whether it goes on although nobody does."""

    __slots__ = ("cancel", "generation", "keep", "key", "stale", "timer", "waiters")

    def __init__(self, key: Question, generation: int) -> None:
        self.key = key
        self.generation = generation
        self.waiters: dict[object, tuple[Question, Done]] = {}
        self.cancel: Cancel | None = None
        self.keep = False
        self.stale: Entry | None = None
        self.timer: Any = None


class Flights:
    """See the module. ``call_later(seconds, function, *args)`` gives something with ``cancel``."""

    def __init__(self, engine: Engine, cache: Cache | None, now: Callable[[], float], call_later: CallLater) -> None:
        self.name = engine.name
        self.engine = engine
        self._cache = cache
        self._now = now
        self._call_later = call_later
        self._flights: dict[Question, _Flight] = {}
        self._closed = False

    def __repr__(self) -> str:
        return f"<{len(self._flights)} flights on {self.engine!r}>"

    def __len__(self) -> int:
        return len(self._flights)

    def submit(self, question: Question, done: Done) -> Cancel:
        """See ``Engine.submit``. The cache is not looked at: that costs no flight, and is the caller's."""
        key = key_of(question)
        flight = self._flights.get(key)
        if flight is None:
            flight = self._start(key, question)
        elif flight.stale is not None and flight.timer is None and self._cache is not None:
            # The old answer was given out already, and this one came after its rest: it waits no longer than they did.
            flight.timer = self._call_later(self._cache.policy.client_timeout, self._late, flight)
        waiter = object()
        flight.waiters[waiter] = (question, done)
        return partial(self._leave, flight, waiter)

    def refresh(self, question: Question) -> None:
        """Ask for the cache alone, unless that is under way."""
        key = key_of(question)
        if key not in self._flights and self._cache is not None and not self._closed:
            try:
                self._start(key, question).keep = True
            except ResolveError:
                return  # closed meanwhile, or too much in flight: nobody waits for it
            self._cache.prefetching()

    def _start(self, key: Question, question: Question) -> _Flight:
        cache = self._cache
        flight = _Flight(key, cache.generation if cache is not None else 0)
        flight.cancel = self.engine.submit(question, partial(self._landed, flight))
        self._flights[key] = flight
        if cache is not None:
            flight.stale = cache.stale(key, self._now())
            if flight.stale is not None:
                flight.timer = self._call_later(cache.policy.client_timeout, self._late, flight)
        return flight

    def _leave(self, flight: _Flight, waiter: object) -> None:
        if flight.waiters.pop(waiter, None) is None or flight.waiters or flight.keep:
            return
        if self._flights.get(flight.key) is flight:
            self._end(flight)
            if flight.cancel is not None:
                flight.cancel()

    def _end(self, flight: _Flight) -> None:
        del self._flights[flight.key]
        if flight.timer is not None:
            flight.timer.cancel()
            flight.timer = None

    def _late(self, flight: _Flight) -> None:
        """The servers have had their time: who waits gets the old answer, and the query goes on for the cache."""
        flight.timer = None
        flight.keep = True
        self._serve_stale(flight)

    def _serve_stale(self, flight: _Flight) -> None:
        cache, entry = self._cache, flight.stale
        assert cache is not None
        assert entry is not None
        now = self._now()
        cache.served_stale(entry, now)
        self._tell(flight, aged(entry, now, cache.policy))

    def _tell(self, flight: _Flight, outcome: Outcome) -> None:
        waiters = flight.waiters
        flight.waiters = {}
        for question, done in waiters.values():
            if isinstance(outcome, Answer):
                done(outcome if outcome.question is question else asked_as(question, outcome))
            else:
                done(outcome.fresh())

    def _landed(self, flight: _Flight, outcome: Outcome) -> None:
        if self._flights.get(flight.key) is flight:
            self._end(flight)
        if isinstance(outcome, Answer):
            outcome = pruned(outcome)
            failed = outcome.rcode not in (0, _NXDOMAIN)
        else:
            failed = True
        cache = self._cache
        if failed and flight.stale is not None and not self._closed:
            self._serve_stale(flight)
            return
        # What was asked before a flush, or of servers that are no longer ours, is told but not kept.
        if cache is not None and isinstance(outcome, Answer) and cache.generation == flight.generation:
            cache.put(outcome, self._now())
        self._tell(flight, outcome)

    def close(self) -> None:
        """Close the engine, which tells everyone who waits."""
        self._closed = True
        for flight in self._flights.values():
            if flight.timer is not None:
                flight.timer.cancel()
                flight.timer = None
        self.engine.close()
