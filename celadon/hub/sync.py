"""Events, results, semaphores and locks for greenlets, on one wait queue each.

What is released is handed over: the unit goes to whoever waited longest, before that greenlet runs again. So
nobody who comes later can take it, and whoever is killed after the hand-over still owns it and may release it.
A waiter that is killed or times out before that has left the queue and gets nothing. For greenlets of one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, TypeVar

from greenlet import getcurrent, greenlet

from .cancel import NotReady
from .errors import LoopExit
from .loop import get_hub
from .park import TIMED_OUT, WaitQueue

T = TypeVar("T")


class _Linkable:
    """Who waits for something to become ready, and who wants to be called then."""

    __slots__ = ("__weakref__", "_links", "_waiters")

    def __init__(self) -> None:
        # Made at the first wait: most results are ready, and most semaphores free, when they are looked at.
        self._waiters: WaitQueue | None = None
        self._links: list[Callable[[Any], object]] | None = None

    def ready(self) -> bool:
        """True when a wait would not wait."""
        raise NotImplementedError

    def rawlink(self, callback: Callable[[Any], object]) -> None:
        """Call ``callback(self)`` once in the loop as soon as this is ready. It must not wait."""
        if self.ready():
            get_hub().call_soon(callback, self)
        elif self._links is None:
            self._links = [callback]
        else:
            self._links.append(callback)

    def unlink(self, callback: Callable[[Any], object]) -> None:
        """Forget a callback that was given to ``rawlink``; nothing happens if there is none."""
        if self._links is not None and callback in self._links:
            self._links.remove(callback)

    def _wait(self, timeout: float | None) -> Any:
        waiters = self._waiters
        if waiters is None:
            waiters = self._waiters = WaitQueue(f"<{type(self).__name__} at {id(self):#x}>")
        return waiters.wait(timeout)

    def _notify(self) -> None:
        if self._waiters is not None:
            self._waiters.wake_all()
        links = self._links
        if links is not None:
            self._links = None
            for link in links:
                get_hub().call_soon(link, self)


class Event(_Linkable):
    """A flag to wait for, as ``threading.Event``."""

    __slots__ = ("_flag",)

    def __init__(self) -> None:
        self._flag = False
        super().__init__()

    def __repr__(self) -> str:
        return f"<Event at {id(self):#x}, {'set' if self._flag else 'not set'}>"

    def is_set(self) -> bool:
        """Whether the flag is set."""
        return self._flag

    isSet = ready = is_set  # noqa: N815  (threading's and gevent's names)

    def set(self) -> None:
        """Set the flag and wake all who wait."""
        self._flag = True
        if self._waiters or self._links:
            self._notify()

    def clear(self) -> None:
        """Take the flag down; who was woken by ``set`` before still returns True."""
        self._flag = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is set; False if it was not within ``timeout`` seconds."""
        return self._flag or self._wait(timeout) is not TIMED_OUT


class AsyncResult(_Linkable, Generic[T]):
    """A value or an exception that comes later, once."""

    __slots__ = ("_done", "_error", "_value")

    def __init__(self) -> None:
        self._done = False
        self._value: T | None = None
        self._error: BaseException | None = None
        super().__init__()

    def __repr__(self) -> str:
        state = "pending" if not self._done else "failed" if self._error is not None else "done"
        return f"<{type(self).__name__} at {id(self):#x}, {state}>"

    def ready(self) -> bool:
        """True once there is a value or an exception."""
        return self._done

    done = ready  # concurrent.futures' name

    def successful(self) -> bool:
        """True once there is a value."""
        return self._done and self._error is None

    @property
    def value(self) -> T | None:
        """The value; None before there is one, and after a failure."""
        return self._value

    @property
    def exception(self) -> BaseException | None:
        """The exception, or None."""
        return self._error

    @property
    def exc_info(self) -> tuple[type[BaseException], BaseException, Any] | tuple[None, None, None]:
        """The exception, as ``sys.exc_info()`` would give it."""
        error = self._error
        return (None, None, None) if error is None else (type(error), error, error.__traceback__)

    def set(self, value: T | None = None) -> None:
        """Give the value. A second ``set`` replaces it, as in gevent."""
        self._value = value
        self._error = None
        self._done = True
        if self._waiters or self._links:
            self._notify()

    set_result = set

    def set_exception(self, exception: BaseException, exc_info: object = None) -> None:
        """Give the exception that ``get`` shall raise."""
        self._value = None
        self._error = exception
        self._done = True
        if self._waiters or self._links:
            self._notify()

    def wait(self, timeout: float | None = None) -> T | None:
        """Wait for either, at most ``timeout`` seconds; returns the value, or None."""
        if not self._done:
            self._wait(timeout)
        return self._value

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Wait and return the value, or raise the exception.

        Raises NotReady, which is a Timeout and a builtin TimeoutError, when neither came within ``timeout`` seconds.
        """
        if not self._done and block:
            self._wait(timeout)
        if not self._done:
            raise NotReady(timeout if block else 0, repr(self))
        if self._error is not None:
            # Its own traceback each time, so that it does not grow from one caller to the next.
            raise self._error.with_traceback(self._error.__traceback__)
        return self._value  # type: ignore[return-value]  # set() without an argument gives None, as in gevent

    def get_nowait(self) -> T:
        """The value or the exception if there is one already, else NotReady."""
        return self.get(block=False)

    def result(self, timeout: float | None = None) -> T:
        """``get``, by concurrent.futures' name."""
        return self.get(timeout=timeout)

    def __call__(self, source: Any) -> None:
        """Take over the outcome of a greenlet or another result: ``greenlet.link(result)``."""
        if source.successful():
            self.set(source.value)
        else:
            self.set_exception(source.exception)


class Semaphore(_Linkable):
    """At most ``value`` at a time, first come, first served."""

    __slots__ = ("counter",)

    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError("semaphore initial value must be >= 0")
        self.counter = value
        super().__init__()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x}, {self.counter} free>"

    def locked(self) -> bool:
        """True when ``acquire`` would wait."""
        return self.counter <= 0

    def ready(self) -> bool:
        """True when ``acquire`` would not wait."""
        return self.counter > 0

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Take one; False if none came within ``timeout`` seconds, or at once when not ``blocking``.

        A ``timeout`` of -1 is for ever, as in ``threading``.
        """
        if self.counter > 0:
            self.counter -= 1
            return True
        if not blocking or timeout == 0:
            return False
        return self._wait(None if timeout is None or timeout < 0 else timeout) is not TIMED_OUT

    def release(self, n: int = 1) -> int:
        """Give ``n`` back, to those who have waited longest; returns how many are free now. Never waits."""
        for _ in range(n):
            if not self._waiters or not self._waiters.wake():
                self.counter += 1
        if self._links and self.counter > 0:
            self._notify()
        return self.counter

    def wait(self, timeout: float | None = None) -> int:
        """Wait until one is free, without taking it; returns how many are."""
        if self.counter <= 0 and self.acquire(timeout=timeout):
            self.release()
        return self.counter

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class BoundedSemaphore(Semaphore):
    """A semaphore that knows how many there are: giving back more is a ValueError."""

    __slots__ = ("_initial",)

    def __init__(self, value: int = 1) -> None:
        super().__init__(value)
        self._initial = value

    def release(self, n: int = 1) -> int:
        """As Semaphore's; ValueError when more would be free than there are."""
        if self.counter + n > self._initial:
            raise ValueError("Semaphore released too many times")
        return super().release(n)


class Lock(Semaphore):
    """One at a time; whoever holds it or not may release it, as ``threading.Lock``."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(1)

    def release(self, n: int = 1) -> int:
        """Give it to whoever waited longest. RuntimeError if nobody holds it."""
        if self.counter:
            raise RuntimeError("release unlocked lock")
        return super().release()


class RLock:
    """A lock that its holder may take again, as ``threading.RLock``."""

    __slots__ = ("__weakref__", "_block", "_count", "_owner")

    def __init__(self) -> None:
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


class Condition:
    """Wait under a lock until somebody notifies, as ``threading.Condition``."""

    __slots__ = ("_lock", "_waiters", "acquire", "release")

    def __init__(self, lock: Lock | RLock | None = None) -> None:
        self._lock = RLock() if lock is None else lock
        self.acquire = self._lock.acquire
        self.release = self._lock.release
        self._waiters = WaitQueue(f"<Condition at {id(self):#x}>")

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _check(self, what: str) -> None:
        lock = self._lock
        if not (lock._is_owned() if isinstance(lock, RLock) else lock.locked()):
            raise RuntimeError(f"cannot {what} on un-acquired lock")

    def wait(self, timeout: float | None = None) -> bool:
        """Let go of the lock, wait to be notified, take the lock again; False after ``timeout`` seconds.

        The lock is held again when this returns or raises, also for a kill or a Timeout.
        """
        self._check("wait")
        lock = self._lock
        held = lock._release_save() if isinstance(lock, RLock) else lock.release()
        interrupted: BaseException | None = None
        notified = False
        try:
            notified = self._waiters.wait(timeout) is not TIMED_OUT
        finally:
            # A second kill must not leave the caller's `with` block without the lock that it is going to release.
            while True:
                try:
                    if isinstance(lock, RLock):
                        lock._acquire_restore(held)
                    else:
                        lock.acquire()
                    break
                except LoopExit:
                    raise
                except BaseException as error:
                    interrupted = error
            if interrupted is not None:
                raise interrupted
        return notified

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        """Wait until ``predicate()`` is true, at most ``timeout`` seconds; returns its last value."""
        hub = get_hub()
        deadline = None if timeout is None else hub.now() + timeout
        result = predicate()
        while not result:
            remaining = None if deadline is None else deadline - hub.now()
            if remaining is not None and remaining <= 0:
                break
            self.wait(remaining)
            result = predicate()
        return result

    def notify(self, n: int = 1) -> None:
        """Wake the ``n`` that have waited longest; they run once the caller lets go of the lock."""
        self._check("notify")
        for _ in range(n):
            if not self._waiters.wake():
                break

    def notify_all(self) -> None:
        """Wake all who wait."""
        self._check("notify")
        self._waiters.wake_all()


__all__ = [
    "AsyncResult",
    "BoundedSemaphore",
    "Condition",
    "Event",
    "Lock",
    "RLock",
    "Semaphore",
]
