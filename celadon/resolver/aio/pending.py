"""Lookups with a callback: begun without a task, even before their loop runs; for libraries that give futures."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable
from types import GeneratorType as Generator
from typing import Any

from ..errors import ResolveError
from ..model import Config
from ..protocols import Cancellable, Outcome
from ..resolvers.lookups import Lookup, Lookups, OtherCall, SideBySide, Steps, over
from . import loop_runtime
from .loop_runtime import LoopRuntime

#: Called once with the result and None, or with None and the error.
Done = Callable[[Any, Exception | None], object]


class Pending:
    """One lookup, begun at once. ``done`` may be called before the constructor returns, and never after ``cancel``."""

    __slots__ = ("_asked", "_done", "_place", "_steps", "_timer")

    def __init__(self, place: LoopRuntime, steps: Steps[Any], done: Done) -> None:
        self._place = place
        self._steps = steps
        self._done = done
        self._asked: SideBySide | None = None
        self._timer: Cancellable | None = None
        self._take(steps.send, None)

    def _take(self, step: Callable[[Any], Any], value: Any) -> None:
        """Go on until the next answer must be waited for."""
        while True:
            try:
                asked = step(value)
            except StopIteration as end:
                self._done(end.value, None)
                return
            except Exception as error:  # noqa: BLE001  (raised where the call is waited for)
                self._done(None, error)
                return
            assert not isinstance(asked, OtherCall)
            flights, questions, ends = asked
            try:
                self._asked = SideBySide(flights, questions, self._came)
            except ResolveError as error:
                step, value = self._steps.throw, error
                continue
            if ends is not None:
                self._timer = self._place.call_at(ends, self._late, over(questions[0]))
            return

    def _came(self, outcomes: list[Outcome]) -> None:
        self._stop_timer()
        self._asked = None
        self._take(self._steps.send, outcomes)

    def _late(self, error: ResolveError) -> None:
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.cancel()
            self._take(self._steps.throw, error)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def cancel(self) -> None:
        """Ask no more. Nothing happens if it is over."""
        self._stop_timer()
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.cancel()
            self._steps.close()


Begin = Callable[[Done], Pending]


class CallbackLookups(Lookups):
    """The calls give a result, or a Begin, to be called at once. ``loop`` must be set."""

    loop: AbstractEventLoop

    def config(self) -> Config:
        """The servers and settings that it asks with now."""
        return self._world().config

    def __repr__(self) -> str:
        return f"<CallbackLookups over {self.name}>"

    def place(self) -> LoopRuntime:
        """See Lookups."""
        return loop_runtime.of(self.loop)

    def _drive(self, place: LoopRuntime, steps: Steps[Any]) -> Begin:
        """See Lookups."""
        return lambda done: Pending(place, steps, done)

    def _wait(self, place: LoopRuntime, lookup: Lookup, then: Callable[[Any, Lookup, Outcome], Any]) -> Begin:
        """See Lookups."""
        return self._drive(place, self._one(place, lookup, then))

    def _one(self, place: LoopRuntime, lookup: Lookup, then: Callable[[Any, Lookup, Outcome], Any]) -> Steps[Any]:
        try:
            (outcome,) = yield lookup.seat.flights, (lookup.question,), lookup.ends
        except BaseException as error:
            self._failed(lookup, error)
            raise
        found = then(place, lookup, outcome)
        return (yield from found) if isinstance(found, Generator) else found
