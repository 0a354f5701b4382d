"""A resolver on Twisted's reactor, which is the Runtime of its engines: their sockets are readers of the reactor's."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IReadDescriptor, IWriteDescriptor
from zope.interface import implementer

from ...hub.aio.twisted import run_green
from ..aio.libc_awaited import Came
from ..protocols import Cancel, Cancellable
from .base import Job
from .in_loop import PlaceBridge


@implementer(IReadDescriptor, IWriteDescriptor)
class ReactorWatch:
    """See ``protocols.Watching``."""

    def __init__(
        self,
        reactor: Any,
        fd: int,
        on_readable: Callable[[], object] | None = None,
        on_writable: Callable[[], object] | None = None,
    ) -> None:
        self._reactor = reactor
        self.fd: int = fd
        self._on_readable: Callable[[], object] | None = None
        self._on_writable: Callable[[], object] | None = None
        self.update(on_readable, on_writable)

    def update(
        self, on_readable: Callable[[], object] | None = None, on_writable: Callable[[], object] | None = None
    ) -> None:
        """Call these from now on; None: do not watch this direction."""
        if self.fd < 0:
            return
        before = self._on_readable, self._on_writable
        self._on_readable, self._on_writable = on_readable, on_writable
        if (before[0] is None) != (on_readable is None):
            (self._reactor.removeReader if on_readable is None else self._reactor.addReader)(self)
        if (before[1] is None) != (on_writable is None):
            (self._reactor.removeWriter if on_writable is None else self._reactor.addWriter)(self)

    def close(self) -> None:
        """Stop, before the fd is closed. Nothing happens the second time."""
        self.update()
        self.fd = -1

    def fileno(self) -> int:
        """See ``IFileDescriptor``."""
        return self.fd

    def doRead(self) -> None:  # noqa: N802
        """See ``IReadDescriptor``."""
        if self._on_readable is not None:
            self._on_readable()

    def doWrite(self) -> None:  # noqa: N802
        """See ``IWriteDescriptor``."""
        if self._on_writable is not None:
            self._on_writable()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """See ``IFileDescriptor``: the reactor lets go of all its readers at its end."""

    def logPrefix(self) -> str:  # noqa: N802
        """See ``ILoggingContext``."""
        return "celadon"


class ReactorTimer:
    """See ``protocols.Cancellable``."""

    __slots__ = ("_call",)

    def __init__(self, call: Any) -> None:
        self._call = call

    def cancel(self) -> None:
        """Make it never fire."""
        with suppress(AlreadyCalled, AlreadyCancelled):
            self._call.cancel()


class ReactorRuntime:
    """A reactor as the Place of lookups and the Runtime of engines, as ``aio.loop_runtime`` is of an asyncio loop."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.vars: dict[object, Any] = {}
        self.clock: ReactorRuntime = self
        self.now: Callable[[], float] = time.monotonic
        self.watch: partial[ReactorWatch] = partial(ReactorWatch, reactor)
        self._closers: list[Callable[[], object]] = []

    def __repr__(self) -> str:
        return f"<ReactorRuntime of {self.reactor!r}>"

    def call_soon(self, function: Callable[..., object], *args: Any) -> Cancellable:
        """See ``Runtime.call_soon``."""
        return self.call_later(0, function, *args)

    def call_later(self, seconds: float, function: Callable[..., object], *args: Any) -> Cancellable:
        """See ``Runtime.call_later``."""
        return ReactorTimer(self.reactor.callLater(seconds, function, *args))

    def call_at(self, when: float, function: Callable[..., object], *args: Any) -> Cancellable:
        """See ``Runtime.call_at``."""
        return self.call_later(max(when - self.now(), 0.0), function, *args)

    def from_thread(self, function: Callable[..., object], *args: Any) -> None:
        """See ``libc_awaited.LoopOfCaller``."""
        self.reactor.callFromThread(function, *args)

    def on_close(self, function: Callable[[], object]) -> None:
        """See ``Place.on_close``."""
        self._closers.append(function)

    def close(self) -> None:
        """Close the engines, their sockets and timers. Once."""
        closers, self._closers = self._closers, []
        for function in reversed(closers):
            function()
        self.vars.clear()


class ReactorResolver(PlaceBridge):
    """A CrawlerResolver (or what one is made of) on the reactor's own thread.

    For that thread only. It closes itself as the reactor stops; ``ask`` gives Deferreds.
    """

    def __init__(self, reactor: Any, resolver: Any = "python", **options: Any) -> None:
        place = ReactorRuntime(reactor)
        super().__init__(place, self, lambda: place, resolver, **options)
        self._reactor = reactor
        reactor.addSystemEventTrigger("during", "shutdown", self.close)

    def ask(self, name: str, *args: Any) -> Any:
        """See ``Bridge.ask``; a Deferred."""
        waiting: Any = Deferred(lambda _: job.cancel())

        def done(value: Any, error: BaseException | None) -> None:
            if waiting.called:
                return  # cancelled meanwhile
            if error is not None:
                waiting.errback(error)
            else:
                waiting.callback(value)

        job: Job = self.begin(done, name, *args)
        return waiting

    def in_greenlet(self, function: Callable[[], Any], done: Callable[[Came], object]) -> Cancel:
        """See ``PlaceBridge.in_greenlet``."""
        cancels: list[Cancel] = []

        def begin() -> None:
            waiting = run_green(function)
            cancels.append(waiting.cancel)
            waiting.addCallbacks(lambda value: done((value, None)), lambda failure: done((None, failure.value)))

        self._reactor.callWhenRunning(begin)
        return lambda: cancels[0]() if cancels else None

    def close(self) -> None:
        """Cancel what is pending, close the resolver, its sockets and timers."""
        if not self.closed:
            super().close()
            self.place.close()
