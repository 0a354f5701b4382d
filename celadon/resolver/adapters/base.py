"""Bridge: calls of a CrawlerResolver from another loop or another thread, whose outcomes are futures there."""

from __future__ import annotations

import _socket
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError
from typing import Any, Protocol

from ..crawl.crawler import CrawlerResolver
from ..protocols import Resolver

#: Called once, with the result and None, or with None and the error: CancelledError after a cancel.
Done = Callable[[Any, BaseException | None], object]


class Job(Protocol):
    """One call under way."""

    def cancel(self) -> None:
        """Give the call up; nothing happens if it is over."""


class Bridge:
    """``resolver`` is a CrawlerResolver, or the backend of one, with its options.

    A subclass defines where a call is made, how its outcome leaves there, and what a future is.
    """

    def __init__(self, resolver: str | Resolver = "python", **options: Any) -> None:
        if isinstance(resolver, CrawlerResolver) and not options:
            self.resolver: CrawlerResolver = resolver
        else:
            self.resolver = CrawlerResolver(resolver, **options)
        #: The calls under way.
        self.jobs: set[Any] = set()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {len(self.jobs)} pending, {self.resolver!r}>"

    def begin(self, done: Done, name: str, *args: Any) -> Job:
        """Begin the resolver's call of that name, or its ``lookup``; ``done`` gets the outcome, perhaps at once.

        RuntimeError if closed.
        """
        raise NotImplementedError

    def ask(self, name: str, *args: Any) -> Any:
        """As ``begin``; returns a future of the outcome. Cancelling that ends the call."""
        raise NotImplementedError

    def prefetch(self, hosts: Iterable[str]) -> None:
        """See ``CrawlerResolver.prefetch``."""
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
        return self.ask("getaddrinfo", host, port, family, type, proto, flags)

    def lookup(self, host: str) -> Any:
        """See ``CrawlerResolver.lookup``, as a future."""
        return self.ask("lookup", host)

    def key(self, host: str, by: str = "ip") -> str:
        """See ``CrawlerResolver.key``. A host that is not known yet is looked up in the background."""
        return self.resolver.key(host, by, prefetch=self.prefetch)

    def permit(self, address: str) -> None:
        """See ``CrawlerResolver.permit``."""
        self.resolver.permit(address)

    def stats(self) -> Any:
        """See ``CrawlerResolver.stats``."""
        return self.resolver.stats()


__all__ = ["Bridge", "CancelledError", "Done", "Job"]
