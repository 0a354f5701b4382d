"""``eventlet.semaphore``: Celadon's semaphores by eventlet's names, and one whose ``release`` waits at a limit."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from celadon.hub import Semaphore as _Semaphore


class Semaphore(_Semaphore):
    """At most ``value`` at a time, first come, first served. From any thread."""

    def __init__(self, value: Any = 1) -> None:
        try:
            value = int(value)
        except ValueError as error:
            raise TypeError(f"Semaphore() expects an int, not {value!r}") from error
        super().__init__(value)

    def bounded(self) -> bool:
        """False."""
        return False

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:  # type: ignore[override]
        """Take one; False if none came within ``timeout`` seconds, or at once when not ``blocking``."""
        if timeout is not None and timeout != -1:
            if timeout < 0:
                raise ValueError("timeout value must be strictly positive")
            if not blocking:
                raise ValueError("can't specify timeout for non-blocking acquire")
        return super().acquire(blocking, timeout)

    def release(self, blocking: bool = True) -> bool:  # type: ignore[override]
        """Give one back; True. ``blocking`` does not matter: it never waits."""
        super().release()
        return True

    @property
    def balance(self) -> int:
        """How many are free, or, negative, how many wait."""
        return self.counter - self.waiting


class BoundedSemaphore(Semaphore):
    """A semaphore that knows how many there are: giving back more is a ValueError."""

    def __init__(self, value: int = 1) -> None:
        super().__init__(value)
        self.original_counter = value

    def release(self, blocking: bool = True) -> bool:  # type: ignore[override]
        """See ``Semaphore.release``."""
        if self.counter >= self.original_counter:
            raise ValueError("Semaphore released too many times")
        return super().release(blocking)


class CappedSemaphore:
    """A semaphore of ``count`` whose ``release`` waits when ``limit`` are free."""

    def __init__(self, count: int, limit: int) -> None:
        if count < 0:
            raise ValueError(f"CappedSemaphore must be initialized with a positive number, got {count}")
        if count > limit:
            raise ValueError(f"'count' cannot be more than 'limit', got {count} and {limit}")
        self.lower_bound = Semaphore(count)
        self.upper_bound = Semaphore(limit - count)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x} b={self.balance} l={self.lower_bound} u={self.upper_bound}>"

    def locked(self) -> bool:
        """Whether ``acquire`` would wait."""
        return self.lower_bound.locked()

    def bounded(self) -> bool:
        """Whether ``release`` would wait."""
        return self.upper_bound.locked()

    def acquire(self, blocking: bool = True) -> bool:
        """Take one; False if nothing is left and not ``blocking``. A greenlet that waits in ``release`` goes on."""
        if not blocking and self.locked():
            return False
        self.upper_bound.release()
        try:
            return self.lower_bound.acquire()
        except BaseException:
            if not self.upper_bound.locked():
                self.upper_bound.acquire(blocking=False)
            raise

    def release(self, blocking: bool = True) -> bool:
        """Give one back; False if ``limit`` are free and not ``blocking``."""
        if not blocking and self.bounded():
            return False
        self.lower_bound.release()
        try:
            return self.upper_bound.acquire()
        except BaseException:
            if not self.lower_bound.locked():
                self.lower_bound.acquire(blocking=False)
            raise

    @property
    def balance(self) -> int:
        """How many are free, or, negative, how many wait for one."""
        return self.lower_bound.balance - self.upper_bound.balance

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


__all__ = ["BoundedSemaphore", "CappedSemaphore", "Semaphore"]
