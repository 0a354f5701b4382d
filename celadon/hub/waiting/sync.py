"""Events, results, semaphores and locks for greenlets, in one thread or several.

A release hands over: the unit goes to the greenlet that has waited longest, before that greenlet runs. So nobody who
comes later can take it, and a greenlet that is killed after the hand-over still owns it and may release it. One that is
killed or late before that has left the line and gets nothing.

No lock is taken. The free units and the waiters each stand in a container from which one atomic operation takes one.
Whoever adds to one container then looks at the other (``settle``), so that a unit and a waiter never miss each other.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from operator import index
from types import TracebackType
from typing import Any, Generic, TypeVar

from greenlet import getcurrent, greenlet

from ..loop.current import get_hub, hub_if_any
from ..loop.failures import raisable
from ..loop.hub import Hub
from .park import TIMED_OUT, Waiters, first_time
from .timeouts import Seconds, not_ready

T = TypeVar("T")


class _Linkable(Waiters):
    """The base of what becomes ready: greenlets wait for it, and links are called then."""

    __slots__ = ("__weakref__", "_links")

    def __init__(self) -> None:
        self._waiters = None
        self._links: list[tuple[Callable[[Any], object], Hub]] | None = None

    def ready(self) -> bool:
        """True when a wait would not wait."""
        raise NotImplementedError

    def rawlink(self, callback: Callable[[Any], object]) -> None:
        """Call ``callback(self)`` once, in the caller's loop, as soon as this is ready. It must not wait.

        It is called before those who wait go on, as far as they wait in the same thread.
        """
        if not callable(callback):
            raise TypeError(f"what is called must be callable, not {callback!r}")
        if self._links is None:
            with first_time:
                if self._links is None:
                    self._links = []
        hub = get_hub()
        link = (callback, hub)
        self._links.append(link)
        if self.ready():  # in the order in which it is asked of several
            hub.call_soon(self._notify, [link])

    def unlink(self, callback: Callable[[Any], object]) -> None:
        """Remove one callback that equals (``==``) ``callback``, if it is linked."""
        links = self._links
        for link in list(links or ()):
            if links and link[0] == callback:
                with suppress(ValueError):  # another thread was faster
                    links.remove(link)
                return

    def linkcount(self) -> int:
        """How many callbacks and waiting greenlets there are."""
        return len(self._links or ()) + len(self._waiters or ())

    def _call_links(self) -> None:
        links = list(self._links or ())
        here = hub_if_any()  # a thread that only brings results needs no hub
        for hub in dict.fromkeys(hub for _, hub in links):
            due = [link for link in links if link[1] is hub]
            if hub is here:
                hub.call_next(self._notify, due)
            elif not hub.closed:
                hub.call_soon_threadsafe(self._notify, due)

    def _notify(self, due: list[tuple[Callable[[Any], object], Hub]]) -> None:
        """Call those of the links that are still linked."""
        for link in due:
            try:
                assert self._links is not None
                self._links.remove(link)
            except ValueError:  # an earlier one has unlinked it, or it was called before
                continue
            try:
                link[0](self)
            except BaseException as error:
                link[1].failed(None, error)


class Event(_Linkable):
    """A flag to wait for, as ``threading.Event``."""

    __slots__ = ("_flag",)

    def __init__(self) -> None:
        self._flag = False
        super().__init__()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x}, {'set' if self._flag else 'not set'}>"

    def is_set(self) -> bool:
        """Whether the flag is set."""
        return self._flag

    isSet = is_set  # noqa: N815  (threading's name)

    def ready(self) -> bool:
        """As ``is_set``, by gevent's name."""
        return self._flag

    def set(self) -> None:
        """Set the flag and wake all who wait. From any thread."""
        self._flag = True
        if self._links:
            self._call_links()
        if self._waiters:
            self.wake_all(True)

    def settle(self) -> None:
        """See ``Waiters``."""
        if self._flag:
            self.wake_all(True)

    def clear(self) -> None:
        """Reset the flag. A greenlet that ``set`` has woken before still returns True."""
        self._flag = False

    def wait(self, timeout: Seconds = None) -> bool:
        """Wait until the flag is set; False if it was not within ``timeout`` seconds."""
        return self._flag or Waiters.wait(self, timeout) is not TIMED_OUT


class AsyncResult(_Linkable, Generic[T]):
    """A value or an exception that comes later, once; from any thread.

    Each ``get`` raises the same exception object, as ``concurrent.futures.Future`` does. Its traceback is reset to the
    original one each time, so that it does not grow from one caller to the next.
    """

    __slots__ = ("_outcome",)

    def __init__(self) -> None:
        #: The value, the exception, and its traceback: one object, so that other threads see all of it or nothing.
        self._outcome: tuple[Any, BaseException | None, Any] | None = None
        super().__init__()

    def __repr__(self) -> str:
        outcome = self._outcome
        state = "pending" if outcome is None else "failed" if outcome[1] is not None else "done"
        return f"<{type(self).__name__} at {id(self):#x}, {state}>"

    def ready(self) -> bool:
        """True once there is a value or an exception."""
        return self._outcome is not None

    done = ready  # concurrent.futures' name

    def successful(self) -> bool:
        """True once there is a value."""
        outcome = self._outcome
        return outcome is not None and outcome[1] is None

    @property
    def value(self) -> T | None:
        """The value; None before there is one, and after a failure."""
        return None if self._outcome is None else self._outcome[0]

    @property
    def exception(self) -> BaseException | None:
        """The exception, or None."""
        return None if self._outcome is None else self._outcome[1]

    @property
    def exc_info(self) -> tuple[type[BaseException], BaseException, Any] | tuple[()]:
        """The exception, as ``sys.exc_info()`` would give it; empty if there is none, as in gevent."""
        outcome = self._outcome
        if outcome is None or outcome[1] is None:
            return ()
        return (type(outcome[1]), outcome[1], outcome[2])

    def set(self, value: T | None = None) -> None:
        """Give the value. A second ``set`` replaces it, as in gevent."""
        self._outcome = (value, None, None)
        if self._links:
            self._call_links()
        if self._waiters:
            self.wake_all()

    set_result = set

    def set_exception(self, exception: BaseException, exc_info: object = None) -> None:
        """Give the exception that ``get`` shall raise. TypeError for what cannot be raised."""
        exception = raisable(exception)
        self._outcome = (None, exception, exception.__traceback__)
        self._call_links()
        self.wake_all()

    def settle(self) -> None:
        """See ``Waiters``."""
        if self._outcome is not None:
            self.wake_all()

    def wait(self, timeout: Seconds = None) -> T | None:
        """Wait for either, at most ``timeout`` seconds; returns the value, or None."""
        if self._outcome is None:
            super().wait(timeout)
        return self.value

    def get(self, block: bool = True, timeout: Seconds = None) -> T:
        """Wait and return the value, or raise the exception.

        Raises NotReady, which is a Timeout and a builtin TimeoutError, when neither came within ``timeout`` seconds.
        """
        outcome = self._outcome
        if outcome is None:
            if block:
                super().wait(timeout)
                outcome = self._outcome
            if outcome is None:
                raise not_ready(timeout if block else 0, repr(self))
        value, error, trace = outcome
        if error is not None:
            raise error.with_traceback(trace)
        return value  # type: ignore[no-any-return]

    def get_nowait(self) -> T:
        """The value or the exception if there is one already, else NotReady."""
        return self.get(block=False)

    def result(self, timeout: float | None = None) -> T:
        """``get``, by concurrent.futures' name."""
        return self.get(timeout=timeout)

    def cancel(self) -> bool:
        """Always False: what will bring the result cannot be stopped (concurrent.futures' name and meaning)."""
        return False

    def cancelled(self) -> bool:
        """See ``cancel``."""
        return False

    def __call__(self, source: Any) -> None:
        """Take over the outcome of a greenlet or another result: ``greenlet.link(result)``."""
        if source.successful():
            self.set(source.value)
        else:
            self.set_exception(source.exception)


def whole(number: float) -> int:
    """A count, also if it is given as a float without a fraction; TypeError for anything else."""
    return int(number) if isinstance(number, float) and number.is_integer() else index(number)  # type: ignore[arg-type]


#: How many free units a semaphore holds one by one; all beyond that are a number, so that none takes up much memory.
_AT_HAND = 256
# Only for moving units between the two.
_moving = allocate_lock()


class Semaphore(_Linkable):
    """At most ``value`` at a time, first come, first served."""

    __slots__ = ("_free", "_reserve")

    def __init__(self, value: int = 1, hub: Hub | None = None) -> None:
        """``hub`` is gevent's and does not matter."""
        value = whole(value)
        if value < 0:
            raise ValueError("semaphore initial value must be >= 0")
        #: One None for each of the first units that are free: to take one out is to have acquired it.
        self._free: deque[None] = deque((None,) * min(value, _AT_HAND))
        #: How many more are free.
        self._reserve = value - len(self._free)
        self._waiters = None
        self._links = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x}, {self.counter} free>"

    @property
    def counter(self) -> int:
        """How many are free. To set it releases or takes as many as that needs."""
        return len(self._free) + self._reserve

    @counter.setter
    def counter(self, value: int) -> None:
        if value < 0:
            raise ValueError("the counter of a semaphore must be >= 0")
        more = value - self.counter
        if more > 0:
            self.release(more)
        while self.counter > value and self.acquire(False):
            pass

    def _refill(self) -> bool:
        # Called when none is at hand. Units stand in both places while they move: nobody finds neither.
        with _moving:
            if not self._free and self._reserve:
                count = min(self._reserve, _AT_HAND)
                self._free.extend((None,) * count)
                self._reserve -= count
        return bool(self._free)

    def _spill(self) -> None:
        with _moving:
            free = self._free
            while len(free) > _AT_HAND:
                self._reserve += _AT_HAND // 2
                for _ in range(_AT_HAND // 2):
                    try:
                        free.pop()
                    except IndexError:  # other threads were faster
                        self._reserve -= 1

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiters) if self._waiters else 0

    def locked(self) -> bool:
        """True when ``acquire`` would wait."""
        return not (self._free or self._reserve)

    def ready(self) -> bool:
        """True when ``acquire`` would not wait."""
        return bool(self._free or self._reserve)

    def acquire(self, blocking: bool = True, timeout: Seconds = None) -> bool:
        """Take one; False if none came within ``timeout`` seconds, or at once when not ``blocking``.

        A ``timeout`` of -1 is for ever, as in ``threading``.
        """
        free = self._free
        while free or (self._reserve and self._refill()):
            try:
                free.pop()
                return True
            except IndexError:  # another thread was faster
                pass
        if not blocking or timeout == 0:
            return False
        return Waiters.wait(self, None if timeout is None or timeout < 0 else timeout) is not TIMED_OUT

    def release(self, n: int = 1) -> int:
        """Give ``n`` back, to those who have waited longest; returns how many are free now. Never waits.

        ValueError for less than one, as in ``threading``.
        """
        if n < 1:
            raise ValueError("n must be one or more")
        free = self._free
        while True:
            if not self._waiters or not self.wake():
                free.append(None)
                if n > _AT_HAND:
                    with _moving:
                        self._reserve += n - 1
                    break
            if n <= 1:
                break
            n -= 1
        if len(free) > _AT_HAND:
            self._spill()
        if self._waiters:
            self.settle()
        if self._links and free:
            self._call_links()
        return len(free) + self._reserve

    def settle(self) -> None:
        """See ``Waiters``."""
        free = self._free
        while self._waiters and (free or (self._reserve and self._refill())):
            try:
                free.pop()
            except IndexError:
                return
            if not self.wake():
                free.append(None)

    def wait(self, timeout: Seconds = None) -> int:
        """Wait until one is free, without taking it; returns how many are."""
        if self.locked() and self.acquire(timeout=timeout):
            self.release()
        return self.counter

    def __enter__(self) -> bool:
        free = self._free
        if free:
            try:
                free.pop()
                return True
            except IndexError:
                pass
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class BoundedSemaphore(Semaphore):
    """A semaphore that knows how many there are: giving back more is a ValueError."""

    __slots__ = ("_initial",)

    def __init__(self, value: int = 1, hub: Hub | None = None) -> None:
        super().__init__(value, hub)
        self._initial = value = self.counter
        if value <= _AT_HAND:
            # However threads may race to give back too many, there will never be more.
            self._free = deque(self._free, value)

    def release(self, n: int = 1) -> int:
        """As Semaphore's; ValueError when more would be free than there are."""
        if self.counter + n > self._initial:
            raise ValueError("Semaphore released too many times")
        return super().release(n)


class DummySemaphore:
    """A semaphore that is always free, for code that takes one: as gevent's."""

    __slots__ = ("__weakref__",)

    def __init__(self, value: int | None = None) -> None:
        """``value`` does not matter."""

    def acquire(self, blocking: bool = True, timeout: Seconds = None) -> bool:
        """True."""
        return True

    def ready(self) -> bool:
        """True."""
        return True

    def wait(self, timeout: Seconds = None) -> int:
        """1: it is free."""
        return 1

    def rawlink(self, callback: Callable[[Any], object]) -> None:
        """Nothing: as gevent's, it calls nobody."""

    def unlink(self, callback: Callable[[Any], object]) -> None:
        """Nothing."""

    def release(self, n: int = 1) -> None:
        """Nothing."""

    def locked(self) -> bool:
        """False."""
        return False

    def __enter__(self) -> bool:
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


class Lock(Semaphore):
    """One holder at a time. Any greenlet may release it, not only the holder, as with ``threading.Lock``."""

    __slots__ = ()

    def __init__(self) -> None:
        self._free = deque((None,), 1)
        self._reserve = 0
        self._waiters = None
        self._links = None

    def release(self, n: int = 1) -> int:
        """Give it to whoever waited longest. RuntimeError if nobody holds it."""
        free = self._free
        if free:
            raise RuntimeError("release unlocked lock")
        if not self._waiters or not self.wake():
            free.append(None)
            if self._waiters:
                self.settle()
        if self._links and free:
            self._call_links()
        return len(free)

    def _at_fork_reinit(self) -> None:
        """In a forked child: free, whoever held it in the parent."""
        self.__init__()  # type: ignore[misc]


class RLock:
    """A lock that its holder may take again, as ``threading.RLock``."""

    __slots__ = ("__weakref__", "_block", "_count", "_owner")

    def __init__(self, hub: Hub | None = None) -> None:
        """``hub`` is gevent's and does not matter."""
        self._block = Lock()
        self._owner: greenlet | None = None
        self._count = 0

    def __repr__(self) -> str:
        return f"<RLock at {id(self):#x}, held {self._count} times by {self._owner!r}>"

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Take it, or count one more if the caller holds it; False as with ``Semaphore.acquire``."""
        me = getcurrent()
        if self._owner is me:
            self._count += 1
            return True
        if not self._block.acquire(blocking, timeout):
            return False
        self._owner = me
        self._count = 1
        return True

    def release(self) -> None:
        """Count one less, and let go at zero. RuntimeError for anybody but the holder."""
        if self._owner is not getcurrent():
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if not self._count:
            self._owner = None
            self._block.release()

    def locked(self) -> bool:
        """True while somebody holds it."""
        return self._count > 0

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:
        """In a forked child: free, whoever held it in the parent."""
        self._block._at_fork_reinit()
        self._owner = None
        self._count = 0

    # The three that Condition needs: all of the caller's holds at once.

    def _is_owned(self) -> bool:
        return self._owner is getcurrent()

    def _release_save(self) -> int:
        count, self._count, self._owner = self._count, 0, None
        self._block.release()
        return count

    def _acquire_restore(self, count: int) -> None:
        self._block.acquire()
        self._count = count
        self._owner = getcurrent()


__all__ = [
    "AsyncResult",
    "BoundedSemaphore",
    "DummySemaphore",
    "Event",
    "Lock",
    "RLock",
    "Semaphore",
]
