"""A resolver's calls from outside of its hub: what a thread of its own and a guest in another loop have in common."""

from __future__ import annotations

import _socket
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError
from typing import Any

from ...hub import GreenletExit, getcurrent
from ..crawl.crawler import CrawlerResolver
from ..protocols import Resolver

#: Called once with what came, or with None and the error; after a cancel, with a CancelledError.
Done = Callable[[Any, BaseException | None], object]


class Job:
    """One call on its way: ``run`` in a greenlet of the resolver's hub, ``cancel`` from where calls come from."""

    __slots__ = ("_args", "_calls", "_cancelled", "_done", "_function", "_greenlet")

    def __init__(self, calls: Calls, done: Done, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._calls = calls
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
        except BaseException as failed:  # noqa: BLE001  (it is whoever waits who gets it)
            error = failed
        self._greenlet = None
        self.end(value, error)

    def end(self, value: Any, error: BaseException | None) -> None:
        """Tell whoever waits, unless that was done before."""
        try:
            self._calls.jobs.remove(self)
        except KeyError:
            return
        self._calls.deliver(self._done, value, error)

    def cancel(self) -> None:
        """Give the call up; nothing happens if it is over."""
        if not self._cancelled and self in self._calls.jobs:
            self._cancelled = True
            try:
                self._calls.soon(self._kill)
            except RuntimeError:
                return  # closed, and ended by that

    def _kill(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill(block=False)


class Calls:
    """``resolver`` is a CrawlerResolver, or what one is made of: its backend's name or object, and its options.

    A subclass says how a function gets into the hub, how its outcome gets out of it, and what a future is there.
    """

    def __init__(self, resolver: str | Resolver = "python", **options: Any) -> None:
        if isinstance(resolver, CrawlerResolver) and not options:
            self.resolver = resolver
        else:
            self.resolver = CrawlerResolver(resolver, **options)
        #: Calls that are not over.
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
        """Have ``function(*args)`` called in a greenlet of the resolver's hub, and its outcome told to ``done``.

        Returns what cancels it. RuntimeError if closed.
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
        """Have ``function(*args)`` called in a greenlet of the resolver's hub; a future of what it gives or raises.

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
        """``socket.getaddrinfo`` as a future, for streams unless said otherwise. Its error is a ResolveError."""
        return self.call(self.resolver.getaddrinfo, host, port, family, type, proto, flags)

    def lookup(self, host: str) -> Any:
        """See ``CrawlerResolver.lookup``, as a future."""
        return self.call(self.resolver.lookup, host)

    def prefetch(self, hosts: Iterable[str]) -> None:
        """See ``CrawlerResolver.prefetch``."""
        self.start(self.resolver.prefetch, list(hosts))

    def key(self, host: str, by: str = "ip") -> str:
        """See ``CrawlerResolver.key``: what is not known yet is looked up in the background."""
        return self.resolver.key(host, by, prefetch=self.prefetch)

    def permit(self, address: str) -> None:
        """See ``CrawlerResolver.permit``."""
        self.resolver.permit(address)

    def end_all(self) -> None:
        """Tell everyone who still waits that it was given up."""
        for job in list(self.jobs):
            job.end(None, CancelledError())
