"""A CrawlerResolver on another loop, by ``aio``'s lookups: what asyncio's and Twisted's have in common.

The engines ``python`` and ``ares`` run on the loop itself, libc (``thread``, ``auto``) in threads: no greenlet is
needed, and no hub. A resolver that waits by itself (a chain, an object of the program's) does so in a greenlet of the
hub, which joins the loop for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError
from functools import partial
from typing import Any

from ..aio.libc_awaited import Came
from ..aio.pending import Pending, SteppedLookups, SteppedOther, by_libc
from ..protocols import Cancel, Resolver
from ..resolvers.calls import Call
from ..resolvers.libc import BlockResolver
from ..resolvers.lookups import OtherCall
from .base import Bridge, Done

_PREFETCHERS = 50


class LoopJob:
    """See Job: one call under way on a loop."""

    __slots__ = ("_bridge", "_done", "_pending")

    def __init__(self, bridge: PlaceBridge, done: Done, steps: Any) -> None:
        self._bridge = bridge
        self._done = done
        bridge.jobs.add(self)
        self._pending = Pending(bridge.place, steps, self._end, bridge.other)

    def _end(self, value: Any, error: BaseException | None) -> None:
        if self in self._bridge.jobs:
            self._bridge.jobs.remove(self)
            self._done(value, error)

    def cancel(self) -> None:
        """See Job. ``done`` gets its CancelledError in the loop's next turn."""
        if self in self._bridge.jobs:
            self._pending.cancel()
            self._bridge.place.call_soon(self._end, None, CancelledError())


class PlaceBridge(Bridge):
    """To be called in the thread of ``place``'s loop only; ``key`` tells the loops apart, of which each has a place."""

    def __init__(
        self, place: Any, key: Any, current: Callable[[], Any], resolver: str | Resolver, **options: Any
    ) -> None:
        super().__init__(resolver, **options)
        self.place = place
        self.closed: bool = False
        self._inner = self.resolver.under(key, partial(SteppedLookups, current), SteppedOther)
        self._waiting: dict[str, None] = {}
        self._prefetching = 0

    def begin(self, done: Done, name: str, *args: Any) -> LoopJob:
        """See ``Bridge.begin``."""
        if self.closed:
            raise RuntimeError(f"{self!r} is closed")
        if name == "lookup":
            return LoopJob(self, done, self.resolver.lookup_steps(args[0], self._inner))
        return LoopJob(self, done, self.resolver.steps(Call(name, args), self._inner))

    def other(self, place: Any, asked: OtherCall, done: Callable[[Came], object]) -> Cancel:
        """See ``pending.Other``."""
        if isinstance(asked.resolver, BlockResolver):
            return by_libc(place, asked, done)
        return self.in_greenlet(partial(asked.call.on, asked.resolver), done)

    def in_greenlet(self, function: Callable[[], Any], done: Callable[[Came], object]) -> Cancel:
        """Call it in a greenlet of the hub, which joins the loop; ``done`` gets what it brought, in the loop."""
        raise NotImplementedError

    def prefetch(self, hosts: Iterable[str]) -> None:
        """See ``CrawlerResolver.prefetch``; on this loop."""
        self._waiting.update(dict.fromkeys(hosts))
        while self._waiting and self._prefetching < _PREFETCHERS and not self.closed:
            host, _ = self._waiting.popitem()
            self._prefetching += 1
            self.begin(self._prefetched, "getaddrinfo", host, None, 0, 1, 0, 0)

    def _prefetched(self, _: Any, error: BaseException | None) -> None:
        self._prefetching -= 1
        self.place.call_soon(self.prefetch, ())  # not from here: what is known is there at once

    def stats(self) -> Any:
        """See ``Bridge.stats``."""
        return self.resolver.stats(self._inner)

    def close(self) -> None:
        """Cancel what is pending, and close the resolver. Doing it twice is harmless."""
        if not self.closed:
            self.closed = True
            self._waiting.clear()
            for job in list(self.jobs):
                job.cancel()
            self.resolver.close()
