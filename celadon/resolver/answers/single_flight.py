"""One query for all who ask the same question at the same time (RFC 5452 §5); its answer goes into the cache.

``Flights`` is an engine around another engine. A waiter joins the query that is under way. If one waiter leaves, the
others do not notice; if the last one leaves, the query is cancelled. If the query fails, an expired answer may be used
(RFC 8767).

The caller gives clock and timer. One object belongs to one hub.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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
    """One query under way: its waiters, and whether it goes on without any.

    The first waiter, nearly always the only one, is ``question`` and ``done`` (None: it waits no more).
    """

    __slots__ = ("cancel", "done", "generation", "home", "keep", "key", "others", "question", "stale", "timer")

    def __init__(self, home: Flights, key: Question, question: Question, done: Done | None, generation: int) -> None:
        self.home: Flights = home
        self.key: Question = key
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
            return self._start(key, question, done).leave
        if flight.stale is not None and flight.timer is None and self._cache is not None:
            # The timer has given the expired answer to earlier waiters: a new one too waits for client_timeout at most.
            flight.timer = self._call_later(self._cache.policy.client_timeout, self._late, flight)
        return flight.join(question, done)

    def refresh(self, question: Question) -> None:
        """Ask for the cache only, without a waiter. No effect if the question is under way."""
        key = key_of(question)
        if key not in self._flights and self._cache is not None and not self._closed:
            try:
                self._start(key, question, None)
            except ResolveError:
                return  # closed, or too much in flight: no waiter needs to know
            self._cache.prefetching()

    def _start(self, key: Question, question: Question, done: Done | None) -> _Flight:
        cache = self._cache
        flight = _Flight(self, key, question, done, cache.generation if cache is not None else 0)
        flight.cancel = self.engine.submit(question, partial(self.landed, flight))
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
        done, others = flight.done, flight.others
        flight.done = flight.others = None
        if done is not None:
            done(_for(flight.question, outcome))
        for waiter in others or ():
            waiter.done(_for(waiter.question, outcome))

    def landed(self, flight: _Flight, outcome: Outcome) -> None:
        """The engine's outcome for a flight."""
        key = flight.key
        if self._flights.get(key) is flight:
            del self._flights[key]
            if flight.timer is not None:
                flight.timer.cancel()
                flight.timer = None
        if flight.stale is not None and not self._closed:
            good = isinstance(outcome, Answer) and outcome.rcode in (0, _NXDOMAIN)
            if not good:
                self._serve_stale(flight)
                return
        if isinstance(outcome, Answer):
            if outcome.one is None:
                outcome = pruned(outcome)
            cache = self._cache
            # Asked before a flush, or of servers of an older configuration: waiters get it, the cache does not.
            if cache is not None and cache.generation == flight.generation:
                cache.put(outcome, self._now(), key)
        done = flight.done
        if done is not None and flight.others is None:  # as ``_tell``, for one waiter
            flight.done = None
            same = isinstance(outcome, Answer) and flight.question is outcome.question
            done(outcome if same else _for(flight.question, outcome))
        else:
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


def _for(question: Question, outcome: Outcome) -> Outcome:
    """The outcome as one waiter gets it."""
    if isinstance(outcome, Answer):
        return outcome if question is outcome.question else asked_as(question, outcome)
    return outcome.fresh()
