"""Groups and pools of greenlets, with gevent's arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from greenlet import GreenletExit

from celadon.hub import Group as _Group
from celadon.hub import Pool as _Pool
from celadon.hub import PoolFull

from .greenlet import Greenlet, throwable


class _GeventArguments:
    """Where gevent's signatures differ."""

    greenlet_class: type[Any] = Greenlet

    def kill(self, exception: Any = GreenletExit, block: bool = True, timeout: float | None = None) -> None:
        """Kill all, and wait (``block``) until they ended, at most ``timeout`` seconds."""
        super().kill(throwable(exception), block, timeout)  # type: ignore[misc]

    def map_async(self, func: Callable[..., Any], iterable: Iterable[Any], callback: Any = None) -> Any:
        """The results as a list, in a greenlet that ``get`` waits for."""
        return super().map_async(func, iterable, callback=callback)  # type: ignore[misc]

    def map_cb(self, func: Callable[..., Any], iterable: Iterable[Any], callback: Any = None) -> list[Any]:
        """``map``, and then ``callback(results)``."""
        result = self.map(func, iterable)  # type: ignore[attr-defined]
        if callback is not None:
            callback(result)
        return result  # type: ignore[no-any-return]


class Group(_GeventArguments, _Group):  # type: ignore[misc]
    """Greenlets to join or kill together."""

    def __init__(self, *args: Iterable[Greenlet[Any]]) -> None:
        super().__init__(*args)


class Pool(_GeventArguments, _Pool):  # type: ignore[misc]
    """A group of at most ``size`` greenlets at once."""

    def start(self, greenlet: Any, blocking: bool = True, timeout: float | None = None) -> None:
        """Start it in the pool; PoolFull if there is no place within ``timeout`` seconds."""
        if blocking and timeout is None:
            super().start(greenlet)
        else:
            self.add(greenlet, blocking, timeout)
            greenlet.start()


__all__ = ["Group", "Pool", "PoolFull"]
