"""Lookups with a callback: begun without a task, even before their loop runs; for libraries that give futures."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable
from types import GeneratorType as Generator
from typing import Any

from ..errors import ResolveError
from ..model import Config
from ..protocols import Cancel, Cancellable, FullResolver, Outcome
from ..resolvers.calls import Call, CallResolver
from ..resolvers.libc import BlockResolver
from ..resolvers.lookups import Lookups, OtherCall, SideBySide, Steps, Waited, over
from . import loop_runtime
from .libc_awaited import Came, call_over, lane_of
from .loop_runtime import LoopRuntime

#: Called once with the result and None, or with None and the error.
Done = Callable[[Any, Exception | None], object]


#: Has another resolver make a call, and gives what it brought to ``done``; returns a function that cancels.
Other = Callable[[Any, OtherCall, Callable[[Came], object]], Cancel]


def by_libc(place: Any, asked: OtherCall, done: Callable[[Came], object]) -> Cancel:
    """See Other: a call that is libc's, in a thread."""
    assert isinstance(asked.resolver, BlockResolver)
    return lane_of(place).begin((asked.resolver.ask_libc, asked.call), done)


class Pending:
    """One lookup, begun at once. ``done`` may be called before the constructor returns, and never after ``cancel``."""

    __slots__ = ("_cancel", "_done", "_other", "_place", "_steps", "_timer")

    def __init__(self, place: Any, steps: Steps[Any], done: Done, other: Other = by_libc) -> None:
        self._place = place
        self._steps = steps
        self._done = done
        self._other = other
        self._cancel: Cancel | None = None
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
            late: Exception
            if isinstance(asked, OtherCall):
                ends = None if asked.seconds is None else self._place.now() + asked.seconds
                late = call_over(asked.call, asked.seconds)
                self._cancel = self._other(self._place, asked, self._brought)
            else:
                flights, questions, ends = asked
                late = over(questions[0])
                try:
                    self._cancel = SideBySide(flights, questions, self._came).cancel
                except ResolveError as error:
                    step, value = self._steps.throw, error
                    continue
            if ends is not None:
                self._timer = self._place.call_at(ends, self._late, late)
            return

    def _came(self, outcomes: list[Outcome]) -> None:
        self._over()
        self._take(self._steps.send, outcomes)

    def _brought(self, came: Came) -> None:
        if self._over() is None:
            return  # cancelled, and so has ended in some way
        value, error = came
        self._take(*((self._steps.send, value) if error is None else (self._steps.throw, error)))

    def _late(self, error: Exception) -> None:
        cancel = self._over()
        if cancel is not None:
            cancel()
            self._take(self._steps.throw, error)

    def _over(self) -> Cancel | None:
        """Nothing is waited for any more; returns what cancels it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        cancel, self._cancel = self._cancel, None
        return cancel

    def cancel(self) -> None:
        """Ask no more. Nothing happens if it is over."""
        cancel = self._over()
        if cancel is not None:
            cancel()
            self._steps.close()


Begin = Callable[[Done], Pending]


class SteppedLookups(Lookups, CallResolver):
    """The calls give a result, or the steps to it, for a Pending. ``place`` gives the Place of the caller."""

    def __init__(self, place: Callable[[], Any], *args: Any, **options: Any) -> None:
        self.place = place
        super().__init__(*args, **options)

    def __repr__(self) -> str:
        return f"<SteppedLookups over {self.name}>"

    def _drive(self, place: Any, steps: Steps[Any]) -> Any:
        """See Lookups."""
        return steps

    def _wait(self, place: Any, waited: Waited, then: Callable[[Any, Waited, Outcome], Any]) -> Steps[Any]:
        """See Lookups."""
        seat, _, question, ends, _, _ = waited
        try:
            (outcome,) = yield seat.flights, (question,), ends
        except BaseException as error:
            self._failed(waited, error)
            raise
        found = then(place, waited, outcome)
        return (yield from found) if isinstance(found, Generator) else found


class SteppedOther(CallResolver):
    """Another resolver's calls as steps, each in at most ``seconds``; closed by its owner."""

    def __init__(self, inner: FullResolver, seconds: float | None = None) -> None:
        self.inner = inner
        self._seconds = seconds

    def __repr__(self) -> str:
        return repr(self.inner)

    def call(self, call: Call) -> Steps[Any]:
        """See CallResolver."""
        return (yield OtherCall(self.inner, call, self._seconds))

    def close(self) -> None:
        """Nothing is held."""


class CallbackLookups(SteppedLookups):
    """The calls give a result, or a Begin, to be called at once. ``loop`` must be set."""

    loop: AbstractEventLoop

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(lambda: loop_runtime.of(self.loop), *args, **options)

    def config(self) -> Config:
        """The servers and settings that it asks with now."""
        return self._world().config

    def __repr__(self) -> str:
        return f"<CallbackLookups over {self.name}>"

    def _drive(self, place: LoopRuntime, steps: Steps[Any]) -> Begin:
        """See Lookups."""
        return lambda done: Pending(place, steps, done)

    def _wait(self, place: LoopRuntime, waited: Waited, then: Callable[[Any, Waited, Outcome], Any]) -> Any:
        """See Lookups."""
        return self._drive(place, super()._wait(place, waited, then))
