"""Groups and pools of greenlets, with gevent's arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakSet

from greenlet import GreenletExit, getcurrent

from celadon.hub import Group as _Group
from celadon.hub import Pool as _Pool
from celadon.hub import PoolFull, get_hub

from .greenlet import Greenlet, killall, throwable


class _GeventArguments:
    """Where gevent's signatures differ."""

    greenlet_class: type[Any] = Greenlet

    @property
    def dying(self) -> WeakSet[Any]:
        """Members that the group has killed, and that have not ended. They are not killed again: they clean up."""
        found: WeakSet[Any] = self.__dict__.setdefault("_dying", WeakSet())
        found.intersection_update(self.greenlets)  # type: ignore[attr-defined]
        return found

    def killone(
        self, greenlet: Any, exception: Any = GreenletExit, block: bool = True, timeout: float | None = None
    ) -> None:
        """Kill one of the group, unless the group has killed it before."""
        dying = self.dying
        if greenlet in self.greenlets and greenlet not in dying:  # type: ignore[attr-defined]
            dying.add(greenlet)
            super().killone(greenlet, throwable(exception), block, timeout)  # type: ignore[misc]

    def kill(self, exception: Any = GreenletExit, block: bool = True, timeout: float | None = None) -> None:
        """Kill all that the group has not killed before, and wait (``block``) until all ended, at most ``timeout`` s.

        Without ``block`` they are killed in the loop's next turn.
        """
        exception, dying = throwable(exception), self.dying
        fresh = {one for one in self.greenlets if one not in dying}  # type: ignore[attr-defined]
        if getcurrent() in fresh:
            super().kill(exception, block, timeout)  # type: ignore[misc]
            return
        dying.update(fresh)
        if not block:
            get_hub().call_soon(killall, fresh, exception, False)
            return
        killall(fresh, exception, False)
        for one in fresh:
            if one.dead:
                self.discard(one)  # type: ignore[attr-defined]
        self.join(timeout)  # type: ignore[attr-defined]

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
