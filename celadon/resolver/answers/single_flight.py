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
from .cache import Cache, Entry, Key, aged, asked_as, key_of
from .cname import pruned

_NXDOMAIN = 3
CallLater = Callable[..., Any]


# Few objects for each lookup: the garbage collector scans those in flight again and again.


class _Flight:
    """One query under way: its waiters, and whether it goes on without any.

    The first waiter, nearly always the only one, is ``question`` and ``done`` (None: it waits no more).
    """

    __slots__ = ("cancel", "done", "generation", "home", "keep", "key", "others", "question", "stale", "timer")

    def __init__(self, home: Flights, key: Key, question: Question, done: Done | None, generation: int) -> None:
        self.home: Flights = home
        self.key: Key = key
        self.question: Question = question
        self.done = done
        self.generation: int = generation
        self.others: dict[_Waiter, None] | None = None
        self.cancel: Cancel | None = None
        self.keep: bool = done is None
        self.stale: Entry | None = None
        self.timer: Any = None

    def join(self, question: Question, done: Done) -> Cancel:
        """One waiter more."""
        waiter = _Waiter(self, question, done)
        if self.others is None:
            self.others = {}
        self.others[waiter] = None
        return waiter.leave

    def leave(self) -> None:
        """The first waiter stops waiting. No effect if the flight is over."""
        if self.done is not None:
            self.done = None
            self.left()

    def landed(self, outcome: Outcome) -> None:
        """The engine's outcome."""
        home, key = self.home, self.key
        flights = home.flights
        if flights.get(key) is self:
            del flights[key]
            if self.timer is not None:
                self.timer.cancel()
                self.timer = None
        if self.stale is not None and home.serve_stale(self, outcome):
            return
        one = outcome.one
        if one is None and isinstance(outcome, Answer):
            outcome = pruned(outcome)
        if one is not None or isinstance(outcome, Answer):
            cache = home.cache
            # Asked before a flush, or of servers of an older configuration: waiters get it, the cache does not.
            if cache is not None and cache.generation == self.generation:
                cache.put(outcome, home.now(), key)  # type: ignore[arg-type]  # an Answer
            done = self.done
            if done is not None and self.others is None and self.question is outcome.question:  # type: ignore[union-attr]
                self.done = None  # as ``tell``, for one waiter
                done(outcome)
                return
        self.tell(outcome)

    def tell(self, outcome: Outcome) -> None:
        """Give all waiters this outcome."""
        done, others = self.done, self.others
        self.done = self.others = None
        if done is not None:
            done(_for(self.question, outcome))
        for waiter in others or ():
            waiter.done(_for(waiter.question, outcome))

    def left(self) -> None:
        """A waiter has left, perhaps the last."""
        if self.done is None and not self.others and not self.keep:
            self.home.abandon(self)


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
        if flight.others and self in flight.others:
            del flight.others[self]
            flight.left()


class Flights:
    """See the module. ``call_later(seconds, function, *args)`` returns a timer with ``cancel``."""

    def __init__(self, engine: Engine, cache: Cache | None, now: Callable[[], float], call_later: CallLater) -> None:
        self.name: str = engine.name
        self.engine = engine
        self.cache = cache
        self.now = now
        self._call_later = call_later
        self.flights: dict[Key, _Flight] = {}
        self._closed = False
        self._stale = cache is not None and cache.policy.stale > 0

    def __repr__(self) -> str:
        return f"<{len(self.flights)} flights on {self.engine!r}>"

    def __len__(self) -> int:
        return len(self.flights)

    def submit(self, question: Question, done: Done) -> Cancel:
        """See ``Engine.submit``. Does not read the cache: the caller has done that, without the cost of a flight."""
        return self.join(key_of(question), question, done)

    def join(self, key: Key, question: Question, done: Done) -> Cancel:
        """As ``submit``, with the question's ``key_of``."""
        flight = self.flights.get(key)
        if flight is None:
            flight = self._start(key, question, done)
            return flight.leave
        if flight.stale is not None and flight.timer is None and self.cache is not None:
            # The timer has given the expired answer to earlier waiters: a new one too waits for client_timeout at most.
            flight.timer = self._call_later(self.cache.policy.client_timeout, self._late, flight)
        return flight.join(question, done)

    def refresh(self, question: Question) -> None:
        """Ask for the cache only, without a waiter. No effect if the question is under way."""
        key = key_of(question)
        if key not in self.flights and self.cache is not None and not self._closed:
            try:
                self._start(key, question, None)
            except ResolveError:
                return  # closed, or too much in flight: no waiter needs to know
            self.cache.prefetching()

    def _start(self, key: Key, question: Question, done: Done | None) -> _Flight:
        cache = self.cache
        flight = _Flight(self, key, question, done, 0 if cache is None else cache.generation)
        flight.cancel = self.engine.submit(question, flight.landed)
        self.flights[key] = flight
        if self._stale and cache is not None:
            flight.stale = cache.stale(question, self.now())
            if flight.stale is not None:
                flight.timer = self._call_later(cache.policy.client_timeout, self._late, flight)
        return flight

    def abandon(self, flight: _Flight) -> None:
        """The last waiter has left."""
        if self.flights.get(flight.key) is flight:
            self._end(flight)
            if flight.cancel is not None:
                flight.cancel()

    def _end(self, flight: _Flight) -> None:
        del self.flights[flight.key]
        if flight.timer is not None:
            flight.timer.cancel()
            flight.timer = None

    def _late(self, flight: _Flight) -> None:
        """``client_timeout`` is over: waiters get the expired answer, and the query goes on for the cache."""
        flight.timer = None
        flight.keep = True
        self._serve_stale(flight)

    def _serve_stale(self, flight: _Flight) -> None:
        cache, entry = self.cache, flight.stale
        assert cache is not None
        assert entry is not None
        now = self.now()
        cache.served_stale(entry, now)
        flight.tell(aged(entry, now, cache.policy))

    def serve_stale(self, flight: _Flight, outcome: Outcome) -> bool:
        """Give the waiters the expired answer, if the servers have failed."""
        if self._closed or (isinstance(outcome, Answer) and outcome.rcode in (0, _NXDOMAIN)):
            return False
        self._serve_stale(flight)
        return True

    def close(self) -> None:
        """Close the engine, which ends every flight. A second call has no effect."""
        if self._closed:
            return
        self._closed = True
        for flight in self.flights.values():
            if flight.timer is not None:
                flight.timer.cancel()
                flight.timer = None
        self.engine.close()


def _for(question: Question, outcome: Outcome) -> Outcome:
    """The outcome as one waiter gets it."""
    if isinstance(outcome, Answer):
        return outcome if question is outcome.question else asked_as(question, outcome)
    return outcome.fresh()
