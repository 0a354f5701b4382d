"""``eventlet.event``: a result that is sent once to all who wait."""

from __future__ import annotations

from typing import Any

from celadon.hub.lowlevel import TIMED_OUT, WaitQueue

from .greenthread import thrown


class _NotUsed:
    def __repr__(self) -> str:
        return "NOT_USED"


NOT_USED: Any = _NotUsed()


class Event(WaitQueue):
    """One ``send`` of a value, or ``send_exception``, for all who ``wait``, before or after it. From any thread."""

    def __init__(self) -> None:
        super().__init__(f"<{type(self).__name__} at {id(self):#x}>")
        #: The value and the error; None before ``send``.
        self._outcome: tuple[Any, BaseException | None, Any] | None = None

    @property
    def _result(self) -> Any:
        return NOT_USED if self._outcome is None else self._outcome[0]

    @property
    def _exc(self) -> Any:
        return None if self._outcome is None or self._outcome[1] is None else (self._outcome[1],)

    def __str__(self) -> str:
        return (
            f"<{type(self).__name__} at {id(self):#x} result={self._result!r} _exc={self._exc!r} _waiters[{len(self)}]>"
        )

    def __bool__(self) -> bool:
        return True

    def reset(self) -> None:
        """Forget what was sent. AssertionError if nothing was."""
        if self._outcome is None:
            raise AssertionError("Trying to re-reset() a fresh event.")
        self._outcome = None

    def ready(self) -> bool:
        """Whether ``wait`` would not wait."""
        return self._outcome is not None

    def has_exception(self) -> bool:
        """Whether ``wait`` would raise at once."""
        return self._exc is not None

    def has_result(self) -> bool:
        """Whether ``wait`` would return at once."""
        return self._outcome is not None and self._exc is None

    def poll(self, notready: Any = None) -> Any:
        """``wait`` if it would not wait, else ``notready``."""
        return self.wait() if self.ready() else notready

    def poll_exception(self, notready: Any = None) -> Any:
        """``wait`` if it would raise at once, else ``notready``."""
        return self.wait() if self.has_exception() else notready

    def poll_result(self, notready: Any = None) -> Any:
        """``wait`` if it would return at once, else ``notready``."""
        return self.wait() if self.has_result() else notready

    def wait(self, timeout: float | None = None) -> Any:
        """What was sent, waited for; raises what ``send_exception`` was given. None after ``timeout`` seconds."""
        outcome = self._outcome
        if outcome is None:
            # Each waiter is given what was sent, as a reset may come before it runs.
            outcome = super().wait(timeout)
            if outcome is TIMED_OUT:
                return None
        value, error, trace = outcome
        if error is not None:
            raise error.with_traceback(trace)
        return value

    def settle(self) -> None:
        """See ``Waiters``."""
        outcome = self._outcome
        if outcome is not None:
            self.wake_all(outcome)

    def send(self, result: Any = None, exc: Any = None) -> None:
        """Give ``result`` to all who wait. AssertionError the second time, unless ``reset`` was called.

        ``exc``, an exception or arguments of ``raise``, is raised in them instead.
        """
        if self._outcome is not None:
            raise AssertionError("Trying to re-send() an already-triggered event.")
        error = None if exc is None else thrown(exc if isinstance(exc, tuple) else (exc,))
        self._outcome = (result, error, None if error is None else error.__traceback__)
        self.wake_all(self._outcome)

    def send_exception(self, *args: Any) -> None:
        """Raise an exception, given as to ``raise``, in all who wait."""
        self.send(None, args)


__all__ = ["NOT_USED", "Event"]
