"""``eventlet.greenpool``: Celadon's GreenPool and GreenPile, whose members are GreenThreads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from greenlet import getcurrent

from celadon.hub import GreenPile as _GreenPile
from celadon.hub import GreenPool as _GreenPool

from .greenthread import GreenThread

#: What ``debug.hub_exceptions`` sets; a member that fails is reported by the hub.
DEBUG = True


class GreenPool(_GreenPool):
    """At most ``size`` green threads; a member that spawns into the full pool runs the function itself."""

    greenlet_class = GreenThread

    def __init__(self, size: Any = 1000) -> None:
        try:
            size = int(size)
        except ValueError as error:
            raise TypeError(f"GreenPool() expects an int, not {size!r}") from error
        super().__init__(size)

    @property
    def coroutines_running(self) -> set[Any]:
        """The members that have not ended."""
        return self.greenlets

    @property
    def sem(self) -> Any:
        """The semaphore of its places."""
        return self._places

    def waitall(self) -> None:
        """Wait until no member is left. AssertionError in a member, which would wait for itself."""
        if getcurrent() in self.greenlets:
            raise AssertionError("Calling waitall() from within one of the GreenPool's greenthreads never ends.")
        super().waitall()

    def starmap(self, function: Callable[..., Any] | None, calls: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """The results in order, where ``calls`` gives each call's arguments; None for the function: the arguments."""
        return super().starmap(_arguments if function is None else function, calls)

    def imap(self, function: Callable[..., Any] | None, *iterables: Iterable[Any]) -> Iterator[Any]:  # type: ignore[override]
        """As ``starmap``, with the arguments in several iterables."""
        return self.starmap(function, zip(*iterables, strict=False))


def _arguments(*args: Any) -> tuple[Any, ...]:
    return args


class GreenPile(_GreenPile[Any]):
    """Calls whose results are taken by iterating, in the order of the calls."""

    def __init__(self, size_or_pool: Any = 1000) -> None:
        super().__init__(size_or_pool if isinstance(size_or_pool, _GreenPool) else GreenPool(size_or_pool))


__all__ = ["GreenPile", "GreenPool"]
