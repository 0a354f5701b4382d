"""apply, map and imap over whatever can spawn: groups and pools of greenlets, pools of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from greenlet import GreenletExit

from ..errors import HubClosedError
from ..loop.current import get_hub
from ..waiting.queues import Queue
from ..waiting.sync import Semaphore
from .greenlet import Greenlet, SpawnedLink, spawn

T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)


class Outcome(Protocol[R_co]):
    """What ``spawn`` gives: a Greenlet, or a ThreadResult."""

    def get(self) -> R_co:
        """Wait for the end; the value, or the failure raised."""

    def rawlink(self, callback: Callable[[Any], object]) -> None:
        """Call ``callback(self)`` in the loop at the end."""


class Mapper:
    """The base of what has ``spawn``. ``map`` and ``imap`` take several iterables, as the builtin ``map`` does."""

    def spawn(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> Outcome[T]:
        """Begin the call of ``function(*args, **kwargs)``."""
        raise NotImplementedError

    def full(self) -> bool:
        """True if ``spawn`` would wait."""
        return False

    def _help(self, feeder: Greenlet[Any]) -> None:
        """A greenlet that is going to spawn for the caller, who waits for it."""

    def _abandon(self, calls: Iterable[Any]) -> None:
        """Nobody waits for the results of ``calls`` any more."""

    def apply(self, func: Callable[..., T], args: Iterable[Any] | None = None, kwds: dict[str, Any] | None = None) -> T:
        """``func(*args, **kwds)``, waited for."""
        call: Outcome[T] = self.spawn(func, *(args or ()), **(kwds or {}))
        try:
            return call.get()
        except BaseException:
            self._abandon([call])
            raise

    def apply_async(
        self,
        func: Callable[..., T],
        args: Iterable[Any] | None = None,
        kwds: dict[str, Any] | None = None,
        callback: Callable[[T], object] | None = None,
    ) -> Any:
        """``spawn``, by multiprocessing's name, that never waits: for a full pool a greenlet outside of it does.

        ``callback(value)`` runs after success, in a greenlet of its own, which begins before whoever waits for the
        result goes on.
        """
        link = None if callback is None else SpawnedLink(callback, True, _value)
        if self.full():
            made: Greenlet[T] = Greenlet(self.apply, func, args, kwds)
            self._help(made)
            if link is not None:
                made.rawlink(link)
            made.start()
            return made
        call = self.spawn(func, *(args or ()), **(kwds or {}))
        if link is not None:
            call.rawlink(link)
        return call

    def apply_cb(
        self,
        func: Callable[..., T],
        args: Iterable[Any] | None = None,
        kwds: dict[str, Any] | None = None,
        callback: Callable[[T], object] | None = None,
    ) -> T:
        """``apply``, and ``callback(value)`` in a greenlet of its own after success."""
        value = self.apply(func, args, kwds)
        if callback is not None:
            spawn(callback, value)
        return value

    def map(self, func: Callable[..., T], *iterables: Iterable[Any]) -> list[T]:
        """The results in order; the first failure is raised, in order as well. Kills nobody."""
        calls: list[Outcome[T]] = []
        try:
            for args in zip(*iterables, strict=False):
                calls.append(self.spawn(func, *args))  # noqa: PERF401  (what was begun must be known if one fails)
            return [call.get() for call in calls]
        except BaseException:
            self._abandon(calls)
            raise

    def map_cb(
        self,
        func: Callable[..., T],
        *iterables: Iterable[Any],
        callback: Callable[[list[T]], object] | None = None,
    ) -> list[T]:
        """``map``, and then ``callback(results)``."""
        results = self.map(func, *iterables)
        if callback is not None:
            callback(results)
        return results

    def map_async(
        self,
        func: Callable[..., T],
        *iterables: Iterable[Any],
        callback: Callable[[list[T]], object] | None = None,
    ) -> Greenlet[list[T]]:
        """``map``, in a greenlet of its own; ``callback`` as in ``apply_async``, with all results."""
        made: Greenlet[list[T]] = Greenlet(self.map, func, *iterables)
        self._help(made)
        if callback is not None:
            made.rawlink(SpawnedLink(callback, True, _value))
        made.start()
        return made

    def imap(self, function: Callable[..., T], *iterables: Iterable[Any], maxsize: int | None = None) -> Iterator[T]:
        """The results in order, as an iterator, which raises a call's failure in its place and may be continued.

        ``maxsize`` bounds how many calls may have begun whose results were not taken yet; None: as many as the
        inputs give and there is room for. An iterator with a bound that is dropped begins no more calls.
        """
        return Ordered(self, function, zip(*iterables, strict=False), maxsize)

    def imap_unordered(
        self, function: Callable[..., T], *iterables: Iterable[Any], maxsize: int | None = None
    ) -> Iterator[T]:
        """As ``imap``, in the order in which the calls end."""
        return _Unordered(self, function, zip(*iterables, strict=False), maxsize)


def _value(source: Any) -> Any:
    return source.value


_END: Any = object()


class _Feed:
    """A greenlet that spawns the calls and queues them. It does not refer to the iterator, which can be dropped so."""

    __slots__ = ("_calls", "_function", "_mapper", "feeder", "hub", "in_order", "queue", "room", "started")

    def __init__(
        self, mapper: Mapper, function: Callable[..., Any], calls: Iterator[tuple[Any, ...]], room: Semaphore | None
    ) -> None:
        self._mapper = mapper
        self._function = function
        self._calls = calls
        self.room = room
        self.hub = get_hub()
        self.queue: Queue[Any] = Queue()
        self.started = 0
        self.in_order = False

    def start(self, in_order: bool) -> None:
        self.in_order = in_order
        self.feeder = feeder = Greenlet[None](self._feed)
        self._mapper._help(feeder)
        feeder.rawlink(self._ended)
        feeder.start()

    def _feed(self) -> None:
        room, spawn_one, function, put, in_order = (
            self.room, self._mapper.spawn, self._function, self.queue.put, self.in_order
        )  # fmt: skip
        for args in self._calls:
            if room is not None:
                room.acquire()
            call = spawn_one(function, *args)
            self.started += 1
            if in_order:
                put(call)
            else:
                call.rawlink(put)

    def _ended(self, feeder: Greenlet[None]) -> None:
        if feeder.exception is not None:
            self.started += 1  # the inputs' own failure comes as one more result
            self.queue.put(feeder)
        self.queue.put(_END)

    def stop(self) -> None:
        if self.room is not None and not self.feeder.ready():
            with suppress(HubClosedError):
                self.hub.call_soon_threadsafe(self.feeder.kill, GreenletExit, False)


class Ordered(Generic[T]):
    """The calls' results in the order of the calls."""

    _in_order = True

    def __init__(
        self, mapper: Mapper, function: Callable[..., T], calls: Iterator[tuple[Any, ...]], maxsize: int | None
    ) -> None:
        self._taken = 0
        self._fed = False
        #: Taken out of the queue and not yet returned: a kill may interrupt the wait for its end.
        self._next: Any = None
        self._feed = _Feed(mapper, function, calls, Semaphore(maxsize) if maxsize else None)
        self._feed.start(self._in_order)

    def __iter__(self) -> Iterator[T]:
        return self

    def __del__(self) -> None:
        self._feed.stop()

    def __next__(self) -> T:
        feed = self._feed
        one = self._next
        while one is None:
            if self._fed and self._taken == feed.started:
                raise StopIteration
            one = feed.queue.get()
            if one is _END:
                self._fed = True
                one = None
        self._next = one
        try:
            return one.get()  # type: ignore[no-any-return]
        finally:
            if one.ready():
                self._next = None
                self._taken += 1
                if feed.room is not None:
                    feed.room.release()

    def next(self) -> T:
        """``next(self)``, by the peers' name."""
        return self.__next__()


class _Unordered(Ordered[T]):
    """The calls' results in the order in which they come."""

    _in_order = False

    def __next__(self) -> T:
        feed = self._feed
        one = _END if self._fed else feed.queue.get()
        while one is _END:
            self._fed = True
            if self._taken == feed.started:
                raise StopIteration
            one = feed.queue.get()
        self._taken += 1
        if feed.room is not None:
            feed.room.release()
        return one.get()  # type: ignore[no-any-return]  # it has ended


__all__ = ["Mapper", "Ordered", "Outcome"]
