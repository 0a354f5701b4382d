"""Many greenlets as one: a Group to join or kill, a Pool that also bounds how many run at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from greenlet import GreenletExit, getcurrent, greenlet

from ..waiting.park import WaitQueue
from ..waiting.queues import Full
from ..waiting.sync import Semaphore, whole
from ..waiting.timeouts import Timeout
from .greenlet import Greenlet
from .join import joinall, killall
from .mapper import Mapper

T = TypeVar("T")


class PoolFull(Full):
    """``Pool.add`` found no place in time."""


class Group(Mapper):
    """The greenlets that were spawned in it, or added to it, and have not ended. For greenlets of one thread."""

    greenlet_class: type[Greenlet[Any]] = Greenlet

    def __init__(self, greenlets: Iterable[Greenlet[Any]] = ()) -> None:
        self.greenlets: set[Greenlet[Any]] = set()
        self._empty = WaitQueue(f"<{type(self).__name__} at {id(self):#x}>")
        #: The free places of a pool; None for a group.
        self._places: Semaphore | None = None
        #: How many members run in places that a ``resize`` has taken away.
        self._surplus = 0
        #: Greenlets that spawn on behalf of a member.
        self._helpers: set[greenlet] = set()
        for one in greenlets:
            self.add(one)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x}, {len(self.greenlets)} greenlets>"

    def __len__(self) -> int:
        return len(self.greenlets)

    def __contains__(self, item: object) -> bool:
        return item in self.greenlets

    def __iter__(self) -> Iterator[Greenlet[Any]]:
        return iter(list(self.greenlets))

    def add(self, member: Greenlet[Any], blocking: bool = True, timeout: float | None = None) -> None:
        """Take a greenlet in until it ends. A pool waits for a place.

        PoolFull if there is none within ``timeout`` seconds, or at once when not ``blocking``.
        """
        greenlets = self.greenlets
        if member in greenlets:
            return
        places = self._places
        if places is not None and not places.acquire(blocking, timeout):
            raise PoolFull(f"{self!r} is full")
        greenlets.add(member)
        if member._group is None and not member.dead:
            member._group = self
        else:
            member.rawlink(self.discard)

    def discard(self, member: Greenlet[Any]) -> None:
        """Take a greenlet out, which lets the next one in; nothing happens if it is not in."""
        greenlets = self.greenlets
        if member not in greenlets:
            return
        greenlets.remove(member)
        if member._group is self:
            member._group = None
        elif member._links:
            member.unlink(self.discard)
        if not greenlets:
            self._empty.wake_all()
        if self._surplus:
            self._surplus -= 1
        elif self._places is not None:
            self._places.release()

    def start(self, member: Greenlet[Any]) -> None:
        """Add an unstarted greenlet and start it; see Pool for what happens when a full pool's member does so."""
        places = self._places
        if places is not None and places.locked() and self._is_member(getcurrent()):
            member.run_here()
        else:
            self.add(member)
            member.start()

    def spawn(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> Greenlet[T]:
        """Run ``function`` in a new greenlet of the group."""
        made: Greenlet[T] = self.greenlet_class(function, *args, **kwargs)
        self.start(made)
        return made

    def _is_member(self, who: greenlet) -> bool:
        return who in self.greenlets or who in self._helpers

    def _help(self, feeder: Greenlet[Any]) -> None:
        if self._places is not None and self._is_member(getcurrent()):
            self._helpers.add(feeder)
            feeder.rawlink(self._helpers.discard)

    def join(self, timeout: float | None = None, raise_error: bool = False) -> bool:
        """Wait until no greenlet is left, at most ``timeout`` seconds; True if none is.

        With ``raise_error`` the first failure of those who were in at the call is raised.
        """
        if raise_error:
            for one in joinall(list(self.greenlets), timeout, raise_error=True):
                self.discard(one)
        elif self.greenlets:
            self._empty.wait(timeout)
        return not self.greenlets

    def kill(
        self,
        exception: type[BaseException] | BaseException = GreenletExit,
        block: bool = True,
        timeout: float | None = None,
    ) -> None:
        """Kill all, and wait (``block``) until they ended, at most ``timeout`` seconds."""
        victims = list(self.greenlets)
        deadline = timeout if isinstance(timeout, Timeout) else Timeout(timeout)
        try:
            killall(victims, exception, block, deadline)
        except Timeout as late:
            if late is not deadline:
                raise
        for one in victims:
            if one.dead:
                self.discard(one)

    def killone(
        self,
        member: Greenlet[Any],
        exception: type[BaseException] | BaseException = GreenletExit,
        block: bool = True,
        timeout: float | None = None,
    ) -> None:
        """Kill one of the group."""
        if member in self.greenlets:
            member.kill(exception, block, timeout)
            if member.dead:
                self.discard(member)

    def full(self) -> bool:
        """True if ``spawn`` would wait: never, in a group."""
        return False

    def wait_available(self, timeout: float | None = None) -> bool:
        """Wait until ``spawn`` would not wait."""
        return True


class Pool(Group):
    """A group of at most ``size`` greenlets (None: any number): ``spawn`` waits for a place.

    A member that spawns while the pool is full runs the function itself, at once: if all members waited for a place
    that only they can give back, none would ever come. The greenlet that ``spawn`` returns has then ended already.
    """

    def __init__(self, size: int | None = None, greenlet_class: type[Greenlet[Any]] | None = None) -> None:
        if size is not None:
            size = whole(size)
            if size < 0:
                raise ValueError("the size of a pool must not be negative")
        super().__init__()
        self.size = size
        if greenlet_class is not None:
            self.greenlet_class = greenlet_class
        if size is not None:
            self._places = Semaphore(size)

    def full(self) -> bool:
        """True if ``spawn`` would wait."""
        return self._places is not None and self._places.locked()

    def free_count(self) -> int:
        """How many places are left; 1 for a pool without bound, as in gevent. Negative while a resize takes effect."""
        return 1 if self._places is None else self._places.counter - self._surplus

    def wait_available(self, timeout: float | None = None) -> bool:
        """Wait until there is a place, at most ``timeout`` seconds; True if there is."""
        return self._places is None or self._places.wait(timeout) > 0

    def resize(self, size: int) -> None:
        """Let at most ``size`` run from now on. More than that may go on to run; nobody is let in until enough ended.

        TypeError for a pool without bound, which counts nothing.
        """
        if size < 0:
            raise ValueError("the size of a pool must not be negative")
        if self.size is None or self._places is None:
            raise TypeError(f"{self!r} has no bound")
        more = size - self.size
        self.size = size
        while more < 0 and self._places.acquire(blocking=False):
            more += 1
        self._surplus -= more
        if self._surplus < 0:
            self._places.release(-self._surplus)
            self._surplus = 0


__all__ = ["Group", "Pool", "PoolFull"]
