"""Many greenlets as one: a Group to join or kill, a Pool that also bounds how many run at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from greenlet import GreenletExit

from .greenlets import Greenlet
from .joining import joinall, killall
from .park import WaitQueue
from .queues import Queue
from .sync import Semaphore

T = TypeVar("T")


class Group:
    """The greenlets that were spawned in it, or added to it, and have not ended. For greenlets of one thread."""

    greenlet_class: type[Greenlet[Any]] = Greenlet

    def __init__(self, greenlets: Iterable[Greenlet[Any]] = ()) -> None:
        self.greenlets: set[Greenlet[Any]] = set()
        self._empty = WaitQueue(f"<{type(self).__name__} at {id(self):#x}>")
        for one in greenlets:
            self.add(one)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x}, {len(self.greenlets)} greenlets>"

    def __len__(self) -> int:
        return len(self.greenlets)

    def __bool__(self) -> bool:
        return True

    def __contains__(self, item: object) -> bool:
        return item in self.greenlets

    def __iter__(self) -> Iterator[Greenlet[Any]]:
        return iter(list(self.greenlets))

    def add(self, member: Greenlet[Any]) -> None:
        """Count a greenlet in until it ends."""
        if member not in self.greenlets:
            self.greenlets.add(member)
            member.rawlink(self.discard)

    def discard(self, member: Greenlet[Any]) -> None:
        """Count it out; nothing happens if it is not in."""
        if member in self.greenlets:
            self.greenlets.discard(member)
            member.unlink(self.discard)
            if not self.greenlets:
                self._empty.wake_all()

    def start(self, member: Greenlet[Any]) -> None:
        """Add an unstarted greenlet and start it."""
        self.add(member)
        member.start()

    def spawn(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> Greenlet[T]:
        """Run ``function`` in a new greenlet of the group."""
        made: Greenlet[T] = self.greenlet_class(function, *args, **kwargs)
        self.start(made)
        return made

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
        killall(victims, exception, block, timeout)
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

    def full(self) -> bool:
        """True if ``spawn`` would wait: never, in a group."""
        return False

    def wait_available(self, timeout: float | None = None) -> bool:
        """Wait until ``spawn`` would not wait."""
        return True

    # -- the map family --------------------------------------------------------------------------------------

    def apply(self, function: Callable[..., T], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> T:
        """``function(*args, **kwargs)`` in a greenlet of the group, waited for."""
        return self.spawn(function, *args, **(kwargs or {})).get()

    def apply_async(
        self,
        function: Callable[..., T],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        callback: Callable[[T], object] | None = None,
    ) -> Greenlet[T]:
        """``spawn``, by multiprocessing's name; ``callback(value)`` runs in a greenlet of its own after success."""
        made = self.spawn(function, *args, **(kwargs or {}))
        if callback is not None:
            made.link_value(lambda source: callback(source.value))  # type: ignore[arg-type]  # successful: a value
        return made

    def map(self, function: Callable[..., T], *iterables: Iterable[Any]) -> list[T]:
        """The results in order; the first failure is raised, in order as well. Kills nobody."""
        return [one.get() for one in [self.spawn(function, *args) for args in zip(*iterables, strict=False)]]

    def map_async(self, function: Callable[..., T], *iterables: Iterable[Any]) -> Greenlet[list[T]]:
        """``map``, in a greenlet of its own outside of the group."""
        made: Greenlet[list[T]] = Greenlet(self.map, function, *iterables)
        made.start()
        return made

    def imap(self, function: Callable[..., T], *iterables: Iterable[Any], maxsize: int | None = None) -> Iterator[T]:
        """The results in order, as an iterator, which raises a call's failure in its place and may be continued.

        ``maxsize`` bounds how many results may wait to be taken before no more calls are started.
        """
        return _Ordered(self, function, zip(*iterables, strict=False), maxsize)

    def imap_unordered(
        self, function: Callable[..., T], *iterables: Iterable[Any], maxsize: int | None = None
    ) -> Iterator[T]:
        """As ``imap``, in the order in which the calls end."""
        return _Unordered(self, function, zip(*iterables, strict=False), maxsize)


class Pool(Group):
    """A group of at most ``size`` greenlets (None: any number): ``spawn`` waits for a place."""

    def __init__(self, size: int | None = None, greenlet_class: type[Greenlet[Any]] | None = None) -> None:
        if size is not None and size < 0:
            raise ValueError("the size of a pool must not be negative")
        super().__init__()
        self.size = size
        if greenlet_class is not None:
            self.greenlet_class = greenlet_class
        self._places = Semaphore(size) if size is not None else None

    def full(self) -> bool:
        """True if ``spawn`` would wait."""
        return self._places is not None and self._places.locked()

    def free_count(self) -> int:
        """How many places are left; 1 for a pool without bound, as in gevent."""
        return 1 if self._places is None else self._places.counter

    def wait_available(self, timeout: float | None = None) -> bool:
        """Wait until there is a place, at most ``timeout`` seconds; True if there is."""
        return self._places is None or self._places.wait(timeout) > 0

    def add(self, member: Greenlet[Any]) -> None:
        """Count a greenlet in until it ends; waits for a place."""
        if member in self.greenlets:
            return
        if self._places is not None:
            self._places.acquire()
        super().add(member)

    def discard(self, member: Greenlet[Any]) -> None:
        """Count it out, and let the next one in."""
        if member in self.greenlets:
            super().discard(member)
            if self._places is not None:
                self._places.release()


_END: Any = object()


class _Unordered(Generic[T]):
    """A greenlet feeds calls into the group; what ends is queued for ``next``."""

    def __init__(
        self, group: Group, function: Callable[..., T], calls: Iterator[tuple[Any, ...]], maxsize: int | None
    ) -> None:
        self._group = group
        self._function = function
        self._results: Queue[Any] = Queue()
        self._started = 0
        self._taken = 0
        self._fed = False
        self._room = Semaphore(maxsize) if maxsize else None
        self._feeder: Greenlet[None] = Greenlet(self._feed, calls)
        self._feeder.rawlink(self._feeding_ended)
        self._feeder.start()

    def __iter__(self) -> Iterator[T]:
        return self

    def _feed(self, calls: Iterator[tuple[Any, ...]]) -> None:
        for args in calls:
            if self._room is not None:
                self._room.acquire()
            made = self._group.spawn(self._function, *args)
            self._started += 1
            made.rawlink(self._put_as(self._started))

    def _put_as(self, _: int) -> Callable[[Greenlet[Any]], object]:
        return self._results.put

    def _feeding_ended(self, feeder: Greenlet[None]) -> None:
        self._fed = True
        if feeder.exception is not None:
            self._started += 1  # the inputs' own failure comes as one more result
            self._put_as(self._started)(feeder)
        self._results.put(_END)

    def _next(self) -> Greenlet[T]:
        while True:
            if self._fed and self._taken == self._started:
                raise StopIteration
            one: Any = self._results.get()
            if one is not _END:
                return one  # type: ignore[no-any-return]

    def __next__(self) -> T:
        one = self._next()
        self._taken += 1
        if self._room is not None:
            self._room.release()
        return one.get()


class _Ordered(_Unordered[T]):
    """As _Unordered; what ends too early is kept until its turn comes."""

    def __init__(
        self, group: Group, function: Callable[..., T], calls: Iterator[tuple[Any, ...]], maxsize: int | None
    ) -> None:
        self._early: dict[int, Greenlet[T]] = {}
        super().__init__(group, function, calls, maxsize)

    def _put_as(self, index: int) -> Callable[[Greenlet[Any]], object]:
        return lambda ended: self._results.put((index, ended))

    def _next(self) -> Greenlet[T]:
        wanted = self._taken + 1
        while wanted not in self._early:
            if self._fed and self._taken == self._started:
                raise StopIteration
            one: Any = self._results.get()
            if one is not _END:
                index, ended = one
                self._early[index] = ended
        return self._early.pop(wanted)


__all__ = ["Group", "Pool"]
