"""Condition and Barrier: greenlets, of one thread or several, wait for a change, or for each other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from ..errors import LoopExit
from ..loop.current import get_hub
from .sync import Event, Lock, RLock

T = TypeVar("T")


class _Turn(Event):
    """One wait for a notification."""

    __slots__ = ("_whose",)

    def __init__(self, whose: Condition) -> None:
        super().__init__()
        self._whose = whose

    def __repr__(self) -> str:
        return repr(self._whose)


class Condition:
    """Wait under a lock until somebody notifies, as ``threading.Condition``."""

    __slots__ = ("__weakref__", "_lock", "_turns", "acquire", "release")

    def __init__(self, lock: Lock | RLock | None = None) -> None:
        self._lock = RLock() if lock is None else lock
        self.acquire: Callable[..., bool] = self._lock.acquire
        self.release: Callable[[], object] = self._lock.release
        self._turns: deque[_Turn] = deque()

    def __repr__(self) -> str:
        return f"<Condition at {id(self):#x}, {len(self._turns)} waiting>"

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
        turn = _Turn(self)
        self._turns.append(turn)  # before the lock is let go, so that no notification can come in between
        held = lock._release_save() if isinstance(lock, RLock) else lock.release()
        interrupted: BaseException | None = None
        notified = False
        try:
            notified = turn.wait(timeout)
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
            if not notified:
                try:
                    self._turns.remove(turn)
                except ValueError:
                    notified = True  # while the time was running out, or the lock was waited for
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
        for _ in range(min(n, len(self._turns))):
            self._turns.popleft().set()

    def notify_all(self) -> None:
        """Wake all who wait."""
        self.notify(len(self._turns))


class BrokenBarrierError(RuntimeError):
    """The barrier was reset or aborted, or somebody who waited at it was late or killed."""


class _Meeting:
    __slots__ = ("broken", "count", "over")

    def __init__(self) -> None:
        self.count = 0
        self.broken = False
        self.over = Event()


class Barrier:
    """``parties`` wait for each other, as ``threading.Barrier``. From any thread."""

    __slots__ = ("__weakref__", "_action", "_lock", "_meeting", "_timeout", "parties")

    def __init__(self, parties: int, action: Callable[[], object] | None = None, timeout: float | None = None) -> None:
        if parties < 1:
            raise ValueError("parties must be > 0")
        self.parties: int = parties
        self._action = action
        self._timeout = timeout
        self._lock = Lock()
        self._meeting = _Meeting()

    def __repr__(self) -> str:
        return f"<Barrier at {id(self):#x}, {self.n_waiting} of {self.parties} waiting>"

    @property
    def n_waiting(self) -> int:
        """How many wait now."""
        return 0 if self._meeting.broken else self._meeting.count

    @property
    def broken(self) -> bool:
        """Whether nobody can meet here before ``reset``."""
        return self._meeting.broken

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the others; returns a number from 0 to ``parties`` - 1, another one for each.

        The last to come calls ``action``. Raises BrokenBarrierError when it is or becomes broken; a wait that takes
        longer than ``timeout`` seconds breaks it.
        """
        with self._lock:
            meeting = self._meeting
            if meeting.broken:
                raise BrokenBarrierError
            index = meeting.count
            meeting.count += 1
            last = meeting.count == self.parties
            if last:
                self._meeting = _Meeting()
        try:
            if last:
                if self._action is not None:
                    self._action()
                meeting.over.set()
            elif not meeting.over.wait(self._timeout if timeout is None else timeout):
                raise BrokenBarrierError
        except BaseException:
            self._break(meeting)
            raise
        if meeting.broken:
            raise BrokenBarrierError
        return index

    def _break(self, meeting: _Meeting) -> None:
        if not meeting.over.is_set():
            meeting.broken = True
            if meeting.count == self.parties:  # its action failed: so is the next one's
                self._meeting.broken = True
            meeting.over.set()

    def reset(self) -> None:
        """Start afresh; those who wait get BrokenBarrierError."""
        meeting, self._meeting = self._meeting, _Meeting()
        self._break(meeting)

    def abort(self) -> None:
        """Break it: those who wait, and all who come until ``reset``, get BrokenBarrierError."""
        self._break(self._meeting)


__all__ = ["Barrier", "BrokenBarrierError", "Condition"]
