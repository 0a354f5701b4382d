"""One query for all who ask the same question at the same time (RFC 5452 §5); its answer goes into the cache.

``Flights`` is an engine around another engine. A waiter joins the query that is under way. If one waiter leaves, the
others do not notice; if the last one leaves, the query is cancelled. If the query fails, an expired answer may be used
(RFC 8767).

The caller gives clock and timer. One object belongs to one hub.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import ResolveError
from ..model import Answer, Question
from ..protocols import Cancel, Done, Engine, Outcome
from .cache import Cache, Entry, aged, asked_as, key_of
from .cname import pruned

_NXDOMAIN = 3
CallLater = Callable[..., Any]


# Few objects for each lookup: the garbage collector scans those in flight again and again.


class _Flight:
    """One query under way: its waiters, and whether it goes on without any."""

    __slots__ = ("cancel", "generation", "home", "keep", "key", "stale", "timer", "waiters")

    def __init__(self, home: Flights, key: Question, generation: int) -> None:
        self.home = home
        self.key = key
        self.generation = generation
        self.waiters: dict[_Waiter, None] = {}
        self.cancel: Cancel | None = None
        self.keep = False
        self.stale: Entry | None = None
        self.timer: Any = None

    def landed(self, outcome: Outcome) -> None:
        """The engine's outcome."""
        self.home.landed(self, outcome)


class _Waiter:
    """One waiter of a flight."""

    __slots__ = ("done", "flight", "question")

    def __init__(self, flight: _Flight, question: Question, done: Done) -> None:
        self.flight = flight
        self.question = question
        self.done = done

    def leave(self) -> None:
        """Stop waiting. No effect if the flight is over."""
        flight = self.flight
        if self in flight.waiters:
            del flight.waiters[self]
            if not flight.waiters and not flight.keep:
                flight.home.abandon(flight)


class Flights:
    """See the module. ``call_later(seconds, function, *args)`` returns a timer with ``cancel``."""

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
        """See ``Engine.submit``. Does not read the cache: the caller has done that, without the cost of a flight."""
        key = key_of(question)
        flight = self._flights.get(key)
        if flight is None:
            flight = self._start(key, question)
        elif flight.stale is not None and flight.timer is None and self._cache is not None:
            # The timer has given the expired answer to earlier waiters: a new one too waits for client_timeout at most.
            flight.timer = self._call_later(self._cache.policy.client_timeout, self._late, flight)
        waiter = _Waiter(flight, question, done)
        flight.waiters[waiter] = None
        return waiter.leave

    def refresh(self, question: Question) -> None:
        """Ask for the cache only, without a waiter. No effect if the question is under way."""
        key = key_of(question)
        if key not in self._flights and self._cache is not None and not self._closed:
            try:
                self._start(key, question).keep = True
            except ResolveError:
                return  # closed, or too much in flight: no waiter needs to know
            self._cache.prefetching()

    def _start(self, key: Question, question: Question) -> _Flight:
        cache = self._cache
        flight = _Flight(self, key, cache.generation if cache is not None else 0)
        flight.cancel = self.engine.submit(question, flight.landed)
        self._flights[key] = flight
        if cache is not None and cache.policy.stale:
            flight.stale = cache.stale(key, self._now())
            if flight.stale is not None:
                flight.timer = self._call_later(cache.policy.client_timeout, self._late, flight)
        return flight

    def abandon(self, flight: _Flight) -> None:
        """The last waiter has left."""
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
        """``client_timeout`` is over: waiters get the expired answer, and the query goes on for the cache."""
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
        if isinstance(outcome, Answer):
            mine = outcome.question
            for waiter in waiters:
                question = waiter.question
                waiter.done(outcome if question is mine else asked_as(question, outcome))
        else:
            for waiter in waiters:
                waiter.done(outcome.fresh())

    def landed(self, flight: _Flight, outcome: Outcome) -> None:
        """The engine's outcome for a flight."""
        if self._flights.get(flight.key) is flight:
            self._end(flight)
        if flight.stale is not None and not self._closed:
            good = isinstance(outcome, Answer) and outcome.rcode in (0, _NXDOMAIN)
            if not good:
                self._serve_stale(flight)
                return
        if isinstance(outcome, Answer):
            outcome = pruned(outcome)
            cache = self._cache
            # Asked before a flush, or of servers of an older configuration: waiters get it, the cache does not.
            if cache is not None and cache.generation == flight.generation:
                cache.put(outcome, self._now())
        self._tell(flight, outcome)

    def close(self) -> None:
        """Close the engine, which ends every flight. A second call has no effect."""
        if self._closed:
            return
        self._closed = True
        for flight in self._flights.values():
            if flight.timer is not None:
                flight.timer.cancel()
                flight.timer = None
        self.engine.close()
