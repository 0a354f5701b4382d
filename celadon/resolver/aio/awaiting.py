"""Lookups that are awaited: the same steps as on the hub, one other way to wait."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import GeneratorType as Generator
from typing import Any, TypeVar

from ...hub.lowlevel import TIMED_OUT
from ..answers.single_flight import Flights
from ..model import Config, Question
from ..protocols import Cancel, Outcome
from ..resolvers.lookups import Lookup, Lookups, OtherCall, SideBySide, Steps, over
from . import loop_runtime, trio_runtime
from .loop_runtime import LoopRuntime
from .trio_runtime import TrioRuntime

T = TypeVar("T")


def current() -> LoopRuntime | TrioRuntime:
    """The running loop's, or this trio run's. RuntimeError where neither runs."""
    return trio_runtime.current() if trio_runtime.runs() else loop_runtime.current()


async def ask(
    place: LoopRuntime | TrioRuntime, engine: Flights, questions: tuple[Question, ...], ends: float | None
) -> list[Outcome]:
    """As ``stub.ask``, awaited. Cancelling the task cancels what is unanswered."""

    def begin(asked: tuple[Question, ...], done: Callable[[Any], None]) -> Cancel:
        return SideBySide(engine, asked, done).cancel

    outcomes: Any = await place.wait(begin, questions, ends)
    if outcomes is TIMED_OUT:
        raise over(questions[0])
    return outcomes  # type: ignore[no-any-return]


class AwaitingLookups(Lookups):
    """The calls give a result, or a coroutine that gives it and is to be awaited at once."""

    place: Callable[[], Any] = staticmethod(current)

    def config(self) -> Config:
        """The servers and settings that it asks with now."""
        return self._world().config

    def __repr__(self) -> str:
        return f"<AwaitingLookups over {self.name}>"

    async def _drive(self, place: LoopRuntime | TrioRuntime, steps: Steps[T]) -> T:
        """See Lookups."""
        try:
            asked = next(steps)
            while True:
                try:
                    assert not isinstance(asked, OtherCall)
                    came = await ask(place, *asked)
                except BaseException as error:  # noqa: BLE001  (raised again, by the steps)
                    asked = steps.throw(error)  # they end with the error, having put their house in order
                else:
                    asked = steps.send(came)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    def close(self) -> None:
        """See Lookups. Where no loop runs there is nothing to close: the sockets of a loop close with it."""
        with suppress(RuntimeError):
            super().close()

    async def _wait(
        self, place: LoopRuntime | TrioRuntime, lookup: Lookup, then: Callable[[Any, Lookup, Outcome], Any]
    ) -> Any:
        """See Lookups."""
        try:
            outcome = await place.wait(lookup.seat.flights.submit, lookup.question, lookup.ends)
            if outcome is TIMED_OUT:
                raise over(lookup.question)
        except BaseException as error:
            self._failed(lookup, error)
            raise
        found = then(place, lookup, outcome)
        return await self._drive(place, found) if isinstance(found, Generator) else found
