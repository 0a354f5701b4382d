"""What the adapters share: greenlets whose failure somebody waits for, and waits that end only at the end."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any, Protocol, TypeVar

from greenlet import getcurrent

from ..greenlets.greenlet import Greenlet
from ..loop.current import get_hub, root_greenlet
from ..waiting.park import park

T = TypeVar("T")


class Green(Greenlet[T]):
    """Its failure is raised in the coroutine that waits for it, so it is not reported."""

    __slots__ = ()

    def _failed(self, error: BaseException) -> None:
        """Ctrl-C and SystemExit too: the outer loop ends by them when that coroutine raises them, once."""


class Awaited(Protocol):
    """What a greenlet waits for: as a future of asyncio's."""

    def done(self) -> bool:
        """Whether it has ended."""

    def cancel(self) -> object:
        """Have it end soon; it may need some time, and may not obey."""

    def add_done_callback(self, function: Callable[[Any], object], /) -> object:
        """Call ``function(self)`` at its end."""

    def remove_done_callback(self, function: Callable[[Any], object], /) -> object:
        """Do not call it."""


class Outcome:
    """An Awaited for what ends with ``finish(value, error)``, and is given up by ``stop()``."""

    __slots__ = ("_call", "_done", "error", "stop", "value")

    def __init__(self, stop: Callable[[], object]) -> None:
        self.stop: Callable[[], object] = stop
        self.value: Any = None
        self.error: BaseException | None = None
        self._done = False
        self._call: Callable[[Any], object] | None = None

    def finish(self, value: Any, error: BaseException | None = None) -> None:
        """It has ended, well or not."""
        self.value, self.error, self._done = value, error, True
        if self._call is not None:
            self._call(self)

    def done(self) -> bool:
        """See ``Awaited``."""
        return self._done

    def cancel(self) -> None:
        """See ``Awaited``."""
        self.stop()

    def add_done_callback(self, function: Callable[[Any], object], /) -> None:
        """See ``Awaited``."""
        self._call = function

    def remove_done_callback(self, function: Callable[[Any], object], /) -> None:
        """See ``Awaited``."""
        self._call = None

    def result(self) -> Any:
        """The value, or raise the error."""
        if self.error is not None:
            try:
                raise self.error
            finally:
                self.error = None  # or this frame, in the traceback, holds it in a cycle
        return self.value


def nothing() -> None:
    """Do nothing."""


def own_context() -> Context:
    """The greenlet's context, for a task to run in; a copy inside of a ``Context.run``, which nobody else may enter."""
    me = getcurrent()
    context: Context | None = me.gr_context
    if context is None:
        context = me.gr_context = Context()
    try:
        context.run(nothing)
    except RuntimeError:
        return copy_context()
    return context


class _Waiter:
    """A greenlet that waits for an Awaited, whose callback may be under way already when the wait is given up."""

    __slots__ = ("_awaited", "_hub", "_me", "_waits")

    def __init__(self, awaited: Awaited) -> None:
        self._awaited = awaited
        self._hub = get_hub()
        self._me = getcurrent()
        self._waits = True

    def __repr__(self) -> str:
        return repr(self._awaited)

    def wait(self) -> None:
        self._awaited.add_done_callback(self._wake)
        self._hub.holds += 1  # only the outer loop can end it: the hub's own `wait()` does not end meanwhile
        try:
            park(self._give_up)
        finally:
            self._hub.holds -= 1

    def _wake(self, _: object) -> None:
        if self._waits:
            self._waits = False
            self._hub.unpark(self._me)

    def _give_up(self) -> None:
        self._waits = False
        self._awaited.remove_done_callback(self._wake)


def wait_out(awaited: Awaited, nudge: Callable[[], object]) -> None:
    """Park until ``awaited`` has ended. A kill or a Timeout cancels it, and is raised once it has ended all the same.

    ``nudge()`` is called after each cancellation: the outer loop may be asleep.
    """
    try:
        _Waiter(awaited).wait()
    except BaseException:
        later: list[BaseException] = []
        while not awaited.done():
            awaited.cancel()
            nudge()
            if awaited.done():
                break
            try:
                _Waiter(awaited).wait()
            except BaseException as again:
                later.append(again)
        if later:
            get_hub().pending.add(root_greenlet(), *later)
        raise


__all__ = ["Awaited", "Green", "Outcome", "nothing", "own_context", "wait_out"]
