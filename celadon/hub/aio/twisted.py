"""The hub inside of Twisted's reactor, whichever it is: greenlets that await Deferreds, Deferreds of greenlets."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from inspect import isawaitable, iscoroutine
from typing import Any, TypeVar

from greenlet import GreenletExit
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from twisted.python.threadable import isInIOThread
from zope.interface import implementer

from ..errors import BlockingInHubError
from ..greenlets.greenlet import Greenlet
from ..loop.current import get_hub
from ..loop.failures import text
from ..loop.joined import Joined, joined_of, joiners, outer_of
from .crossing import Green, Outcome, nothing, wait_out

T = TypeVar("T")


@implementer(IReadDescriptor)
class _Poller:
    """The hub's poller as a reader of the reactor's."""

    def __init__(self, fd: int, function: Callable[[], object]) -> None:
        self._fd = fd
        self.doRead = function

    def fileno(self) -> int:
        """See ``IFileDescriptor``."""
        return self._fd

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """See ``IFileDescriptor``: the reactor lets go of all its readers at its end."""

    def logPrefix(self) -> str:  # noqa: N802
        """See ``ILoggingContext``."""
        return "celadon"


class TwistedOuter:
    """See ``Outer``: the reactor that the hub of its thread has joined."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.joined: Joined = Joined(self)
        self._reader: _Poller | None = None
        self.later: Callable[..., Any] = reactor.callLater
        self.soon: Callable[[Callable[[], object]], Any] = partial(reactor.callLater, 0)

    def __repr__(self) -> str:
        return repr(self.reactor)

    def watch(self, fd: int, function: Callable[[], object]) -> None:
        """See ``Outer.watch``."""
        self._reader = _Poller(fd, function)
        self.reactor.addReader(self._reader)

    def unwatch(self, fd: int) -> None:
        """See ``Outer.unwatch``."""
        self.reactor.removeReader(self._reader)

    def running(self) -> bool:
        """See ``Outer.running``."""
        return bool(self.reactor.running)

    def over(self) -> bool:
        """See ``Outer.over``: a reactor that has stopped cannot be started again."""
        return not self.reactor.running

    def where(self) -> str:
        """See ``Outer.where``."""
        found = frame = sys._getframe(1)
        while frame is not None and not frame.f_globals.get("__name__", "").startswith("twisted."):
            found, frame = frame, frame.f_back  # type: ignore[assignment]
        code = found.f_code
        return f"the callback {code.co_qualname} ({code.co_filename}:{found.f_lineno}) of {self.reactor!r}"

    def step_out(self) -> Callable[[], object]:
        """See ``Outer.step_out``: nothing of the kind."""
        return nothing

    async def ended(self, who: Greenlet[T]) -> T:
        """See ``Outer.ended``."""
        result: T = await _deferred_of(self, who)
        return result


def _join(reactor: Any) -> TwistedOuter:
    before = joined_of(get_hub())
    if before is not None:
        if isinstance(before.outer, TwistedOuter) and before.outer.reactor is reactor:
            before.resume()
            return before.outer
        if before.outer.running():
            raise RuntimeError(f"this thread's hub has joined {before.outer!r}, which runs: not {reactor!r} too")
        before.end()
    outer = TwistedOuter(reactor)
    outer.joined.begin()
    reactor.addSystemEventTrigger("after", "shutdown", outer.joined.end)
    return outer


def _running() -> Any:
    reactor = sys.modules.get("twisted.internet.reactor")
    return reactor if reactor is not None and reactor.running and isInIOThread() else None


def _join_if_running() -> TwistedOuter | None:
    reactor = _running()
    return None if reactor is None else _join(reactor)


joiners.append(_join_if_running)


def join() -> None:
    """Have the reactor, which runs in this thread, run its greenlets as well, until it stops. Twice is harmless.

    ``run_green`` does it by itself. RuntimeError if the reactor does not run (call it by ``reactor.callWhenRunning``),
    with a poller that cannot be watched (``CELADON_POLLER=poll``), and while the hub has joined another loop that runs.
    """
    reactor = _running()
    if reactor is None:
        raise RuntimeError("the reactor does not run in this thread: reactor.callWhenRunning(join)")
    _join(reactor)


def run_green(function: Callable[..., T], /, *args: Any, **kwargs: Any) -> Any:
    """Run ``function(*args, **kwargs)`` in a greenlet of the running reactor; a Deferred of its result.

    As ``deferToThread``, without a thread. ``cancel`` of the Deferred kills the greenlet (GreenletExit), and fires it
    with CancelledError once that has ended. RuntimeError if the reactor does not run.
    """
    join()
    outer: Any = outer_of()
    made: Green[T] = Green(function, *args, **kwargs)
    made.start()
    return _deferred_of(outer, made)


def _deferred_of(outer: TwistedOuter, who: Greenlet[T]) -> Any:
    # Two Deferreds: a cancelled one fires at once, and goes on when the greenlet has ended.
    end: Any = Deferred(lambda _: who.kill(block=False))

    def give_up(waiting: Any) -> None:
        who.kill(block=False)
        waiting.callback(None)

    waiting: Any = Deferred(give_up)
    waiting.addCallback(lambda _: end)

    def settle(_: object = None) -> None:
        if end.called:
            return  # cancelled a second time: nobody waits any more
        if who.exception is not None:
            end.errback(Failure(who.failure()))
        elif isinstance(who.value, GreenletExit):
            end.errback(Failure(CancelledError(f"{who!r} was killed")))
        else:
            end.callback(who.value)
        if not waiting.called:
            waiting.callback(None)

    # Not from the hub's loop: what the Deferred calls belongs to the reactor.
    who.rawlink(
        partial(outer.later, 0, settle) if who._hub is get_hub() else partial(outer.reactor.callFromThread, settle)
    )
    return waiting


def await_(awaitable: Any) -> Any:
    """From a greenlet: wait for a Deferred, a coroutine or whatever else can be awaited, and give its result.

    A kill or a Timeout that ends the wait cancels it, and is raised once it has fired. TypeError for what cannot be
    awaited, RuntimeError in a callback of the reactor's and in a thread whose hub has joined no reactor.
    """
    if not isinstance(awaitable, Deferred) and not isawaitable(awaitable):
        raise TypeError(f"await_() takes a Deferred or an awaitable, not {text(awaitable)}")
    try:
        outer = outer_of()
        if not isinstance(outer, TwistedOuter):
            raise RuntimeError(f"this thread's hub has joined {outer!r}, not a reactor")
        if not outer.joined.inside:
            raise BlockingInHubError(f"{outer.where()} called await_(), which is for greenlets: return the Deferred")
    except BaseException:
        if iscoroutine(awaitable):
            awaitable.close()  # so that Python does not complain of a coroutine that nobody awaited
        raise
    waiting: Any = awaitable if isinstance(awaitable, Deferred) else ensureDeferred(_as_coroutine(awaitable))
    outcome = Outcome(waiting.cancel)

    def failed(failure: Any) -> None:
        outcome.finish(None, failure.value)

    waiting.addCallbacks(outcome.finish, failed)
    if not outcome.done():
        wait_out(outcome, nothing)
    return outcome.result()


async def _as_coroutine(awaitable: Any) -> Any:
    return await awaitable


__all__ = ["TwistedOuter", "await_", "join", "run_green"]
