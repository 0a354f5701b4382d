"""Lookups that are awaited: the same steps as on the hub, one other way to wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import CoroutineType
from types import GeneratorType as Generator
from typing import Any, TypeVar

from ...hub.lowlevel import TIMED_OUT
from ..answers.single_flight import Flights
from ..factory import LoopKind
from ..model import Config, Question
from ..protocols import Cancel, Outcome
from ..resolvers.calls import Call, Wrapper
from ..resolvers.libc import BlockResolver
from ..resolvers.lookups import Elsewhere, Lookups, OtherCall, SideBySide, Steps, Waited, over
from ..resolvers.observed import Teller
from . import loop_runtime, trio_runtime
from .libc_awaited import AwaitedLibc, call_libc
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


def _libc(asked: OtherCall) -> BlockResolver:
    """The resolver of a call that is libc's. No other one is ever asked: chains are not made for a loop."""
    assert isinstance(asked.resolver, BlockResolver)
    return asked.resolver


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
        came: Any
        try:
            asked = next(steps)
            while True:
                try:
                    if isinstance(asked, OtherCall):
                        came = await call_libc(place, _libc(asked), asked.call, asked.seconds)
                    else:
                        came = await ask(place, *asked)
                except BaseException as error:  # noqa: BLE001  (raised again, by the steps)
                    asked = steps.throw(error)  # they end with the error, having put their house in order
                else:
                    asked = steps.send(came)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    async def _wait(
        self, place: LoopRuntime | TrioRuntime, waited: Waited, then: Callable[[Any, Waited, Outcome], Any]
    ) -> Any:
        """See Lookups."""
        seat, _, question, ends, _, _ = waited
        try:
            outcome = await place.wait(seat.flights.submit, question, ends)
            if outcome is TIMED_OUT:
                raise over(question)
        except BaseException as error:
            self._failed(waited, error)
            raise
        found = then(place, waited, outcome)
        return await self._drive(place, found) if isinstance(found, Generator) else found


class TaskTeller(Teller):
    """See Teller; it knows lookups by their tasks."""

    now: Callable[[], float] = staticmethod(time.monotonic)

    @staticmethod
    def me() -> Any:
        """See Teller."""
        return trio_runtime.trio.lowlevel.current_task() if trio_runtime.runs() else asyncio.current_task()


class Told(Wrapper):
    """What a Resolver asks, with Events of each lookup; see ``observed.Observed``. The calls give coroutines."""

    def __init__(self, inner: Any, teller: Teller, source: str, elsewhere: Elsewhere | None = None) -> None:
        super().__init__(inner)
        self._teller = teller
        self._source = source
        self._elsewhere = elsewhere

    async def call(self, call: Call) -> Any:
        """See CallResolver."""
        with self._teller.around_call(call, self._source, self._elsewhere):
            inner: Any = self.inner
            found = inner.getaddrinfo(*call.args) if call.name == "getaddrinfo" else inner.call(call)
            return await _result(found)

    async def query(  # type: ignore[override]
        self, question: Question, deadline: float | None = None
    ) -> Any:
        """See FullResolver."""
        with self._teller.around("query", question.name, self._source, ""):
            return await _result(self.inner.query(question, deadline))


async def _result(found: Any) -> Any:
    return await found if isinstance(found, CoroutineType) else found


def over_libc(inner: BlockResolver, deadline: float | None, config: Callable[[], Config]) -> AwaitedLibc:
    """A libc resolver for the running loop."""
    return AwaitedLibc(current, inner, config, deadline)


#: For ``factory.Over``.
AWAITED = LoopKind(AwaitingLookups, over_libc, TaskTeller, Told)
