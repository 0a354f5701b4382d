"""eventlet's GreenPool and GreenPile, as far as they differ from Pool: names, bounded imap, results in a pile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, ParamSpec, TypeVar

from greenlet import getcurrent

from ..waiting.queues import Queue
from .greenlet import Greenlet
from .group_and_pool import Pool
from .mapper import Ordered

P = ParamSpec("P")
T = TypeVar("T")


class GreenPool(Pool):
    """A Pool under eventlet's names. A member that spawns into the full pool runs the function itself, as in Pool."""

    def __init__(self, size: int = 1000) -> None:
        super().__init__(size)

    def running(self) -> int:
        """How many members have not ended."""
        return len(self.greenlets)

    def free(self) -> int:
        """How many places are left; negative while a resize takes effect."""
        return self.free_count()

    def waiting(self) -> int:
        """How many greenlets wait to spawn."""
        return self._places.waiting if self._places is not None else 0

    def spawn_n(self, function: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """``spawn``, for who does not want the result."""
        self.spawn(function, *args, **kwargs)

    def waitall(self) -> None:
        """Wait until no member is left. RuntimeError in a member, which would wait for itself."""
        if getcurrent() in self.greenlets:
            raise RuntimeError(f"a member of {self!r} would wait for itself")
        self.join()

    def starmap(self, function: Callable[..., T], calls: Iterable[tuple[Any, ...]]) -> Iterator[T]:
        """The results in order, where ``calls`` gives each call's arguments.

        At most as many calls as the pool is large have begun and not been taken, so that inputs may be endless.
        """
        return Ordered(self, function, iter(calls), self.size or 1)

    def imap(self, function: Callable[..., T], *iterables: Iterable[Any], maxsize: int | None = None) -> Iterator[T]:
        """As Pool's; bounded as ``starmap`` unless ``maxsize`` says otherwise."""
        return Ordered(self, function, zip(*iterables, strict=False), maxsize or self.size or 1)


class GreenPile(Generic[T]):
    """Calls whose results are taken by iterating, in the order of the calls. Only its owner iterates."""

    def __init__(self, size_or_pool: int | GreenPool = 1000) -> None:
        self.pool: GreenPool = size_or_pool if isinstance(size_or_pool, GreenPool) else GreenPool(size_or_pool)
        #: The calls in order; None for one that came to nothing.
        self._calls: Queue[Greenlet[T] | None] = Queue()
        #: How many were asked for, begun or not, and not taken.
        self._count = 0

    def spawn(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> None:
        """Begin a call; waits for a place in the pool. Who iterates meanwhile waits for it."""
        self._count += 1
        call = None
        try:
            call = self.pool.spawn(function, *args, **kwargs)
        finally:
            self._calls.put(call)

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        """The next call's result, waited for, or its failure raised; the end once all have been taken."""
        while self._count:
            first = self._calls.peek()
            if first is None:
                self._drop_first()
                continue
            try:
                return first.get()
            finally:
                if first.ready():
                    self._drop_first()
        raise StopIteration

    def _drop_first(self) -> None:
        self._calls.get()
        self._count -= 1

    next = __next__


__all__ = ["GreenPile", "GreenPool"]
