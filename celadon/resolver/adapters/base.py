"""Bridge: calls of a resolver from outside of its hub, be that in a thread or a guest in another loop."""

from __future__ import annotations

import _socket
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError
from typing import Any

from ...hub import GreenletExit, getcurrent
from ..crawl.crawler import CrawlerResolver
from ..protocols import Resolver

#: Called once, with the result and None, or with None and the error: CancelledError after a cancel.
Done = Callable[[Any, BaseException | None], object]


class Job:
    """One call under way: ``run`` is called in a greenlet of the resolver's hub, ``cancel`` from outside."""

    __slots__ = ("_args", "_bridge", "_cancelled", "_done", "_function", "_greenlet")

    def __init__(self, bridge: Bridge, done: Done, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._bridge = bridge
        self._done = done
        self._function = function
        self._args = args
        self._greenlet: Any = None
        self._cancelled = False

    def run(self) -> None:
        """The call itself."""
        self._greenlet = getcurrent()
        value: Any = None
        error: BaseException | None = None
        try:
            if self._cancelled:
                error = CancelledError()
            else:
                value = self._function(*self._args)
        except GreenletExit:
            error = CancelledError()
        except BaseException as failed:  # noqa: BLE001  (raised where the call is waited for)
            error = failed
        self._greenlet = None
        self.end(value, error)

    def end(self, value: Any, error: BaseException | None) -> None:
        """Deliver the outcome; nothing happens the second time."""
        try:
            self._bridge.jobs.remove(self)
        except KeyError:
            return
        self._bridge.deliver(self._done, value, error)

    def cancel(self) -> None:
        """Give the call up; nothing happens if it is over."""
        if not self._cancelled and self in self._bridge.jobs:
            self._cancelled = True
            try:
                self._bridge.soon(self._kill)
            except RuntimeError:
                return  # closed, and ended by that

    def _kill(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill(block=False)


class Bridge:
    """``resolver`` is a CrawlerResolver, or the backend of one, with its options.

    A subclass defines how a function is called in the hub, how its outcome leaves it, and what a future is.
    """

    def __init__(self, resolver: str | Resolver = "python", **options: Any) -> None:
        if isinstance(resolver, CrawlerResolver) and not options:
            self.resolver: CrawlerResolver = resolver
        else:
            self.resolver = CrawlerResolver(resolver, **options)
        #: The calls under way.
        self.jobs: set[Job] = set()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {len(self.jobs)} pending, {self.resolver!r}>"

    def start(self, function: Callable[..., object], *args: Any) -> None:
        """Call ``function(*args)`` in a greenlet of the hub. RuntimeError if closed."""
        raise NotImplementedError

    def soon(self, function: Callable[..., object], *args: Any) -> None:
        """Call ``function(*args)`` in the hub. RuntimeError if closed."""
        raise NotImplementedError

    def deliver(self, done: Done, value: Any, error: BaseException | None) -> None:
        """Call ``done(value, error)`` where it belongs; from a greenlet of the hub."""
        done(value, error)

    def begin(self, done: Done, function: Callable[..., Any], *args: Any) -> Job:
        """Call ``function(*args)`` in a greenlet of the resolver's hub, and ``done`` with its outcome.

        Returns the job, which can be cancelled. RuntimeError if closed.
        """
        job = Job(self, done, function, args)
        self.jobs.add(job)
        try:
            self.start(job.run)
        except BaseException:
            self.jobs.discard(job)
            raise
        return job

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call ``function(*args)`` in a greenlet of the resolver's hub. Returns a future of its outcome.

        Cancelling the future ends the call. RuntimeError if closed.
        """
        raise NotImplementedError

    def submit(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None = 0,
        family: int = 0,
        type: int = _socket.SOCK_STREAM,
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        """``socket.getaddrinfo`` as a future, by default for streams. Its error is a ResolveError."""
        return self.call(self.resolver.getaddrinfo, host, port, family, type, proto, flags)

    def lookup(self, host: str) -> Any:
        """See ``CrawlerResolver.lookup``, as a future."""
        return self.call(self.resolver.lookup, host)

    def prefetch(self, hosts: Iterable[str]) -> None:
        """See ``CrawlerResolver.prefetch``."""
        self.start(self.resolver.prefetch, list(hosts))

    def key(self, host: str, by: str = "ip") -> str:
        """See ``CrawlerResolver.key``. A host that is not known yet is looked up in the background."""
        return self.resolver.key(host, by, prefetch=self.prefetch)

    def permit(self, address: str) -> None:
        """See ``CrawlerResolver.permit``."""
        self.resolver.permit(address)

    def end_all(self) -> None:
        """End every call under way with a CancelledError."""
        for job in list(self.jobs):
            job.end(None, CancelledError())
