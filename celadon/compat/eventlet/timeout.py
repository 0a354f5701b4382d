"""``eventlet.timeout``: deadlines. Celadon's Timeout, which here begins to count when it is made."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from celadon.hub import Timeout as _Timeout
from celadon.hub import get_hub

_UNSET: Any = object()


class Timeout(_Timeout):
    """Raised in the greenlet that made it ``seconds`` later, unless cancelled.

    ``exception`` is raised in its place; None, True: itself; False: itself, and a ``with`` block ends silently.
    """

    is_timeout = True

    def __init__(self, seconds: float | None = None, exception: Any = None) -> None:
        super().__init__(seconds, None if exception is True else exception)
        self.start()

    def start(self) -> None:
        """Begin to count anew. AssertionError if it is running already."""
        if self.pending:
            raise AssertionError(f"{self!r} is already started; to restart it, cancel it first")
        super().start()
        timer = self._timer
        if timer is not None and self.seconds is not None and self.seconds <= 0:
            # Before anybody may wake the wait that it is to end, and so by no timer of the loop's.
            hub = get_hub()
            self._timer = hub.timers.make(timer.when, self._fire, timer.args)
            timer.cancel()
            hub.call_next(self._timer.fire)

    def __repr__(self) -> str:
        said = "" if self.exception is None else f" exception={self.exception!r}"
        return (
            f"<{type(self).__name__} at {id(self):x} seconds={self.seconds}{said}{' pending' if self.pending else ''}>"
        )

    def __str__(self) -> str:
        if self.seconds is None:
            return ""
        said = "" if self.exception is None else " (silent)" if self.exception is False else f" ({self.exception})"
        return f"{self.seconds} second{'' if self.seconds == 1 else 's'}{said}"


def with_timeout(seconds: float | None, function: Callable[..., Any], *args: Any, **kwds: Any) -> Any:
    """``function(*args, **kwds)``, bounded; ``timeout_value`` is returned in place of raising Timeout."""
    value = kwds.pop("timeout_value", _UNSET)
    timeout = Timeout(seconds)
    try:
        return function(*args, **kwds)
    except Timeout as error:
        if error is timeout and value is not _UNSET:
            return value
        raise
    finally:
        timeout.cancel()


def wrap_is_timeout(base: Any) -> Any:
    """Have what ``base()`` makes say that it is a time-out: ``base`` is a class, or a function that is wrapped then."""
    if isinstance(base, type):
        base.is_timeout = property(lambda _: True)  # type: ignore[attr-defined]
        return base

    @wraps(base)
    def made(*args: Any, **kwargs: Any) -> Any:
        error = base(*args, **kwargs)
        error.is_timeout = True
        return error

    return made


def is_timeout(obj: Any) -> bool:
    """Whether an exception says that it is a time-out, or is the builtin TimeoutError."""
    return bool(getattr(obj, "is_timeout", False)) or isinstance(obj, TimeoutError)


__all__ = ["Timeout", "is_timeout", "with_timeout", "wrap_is_timeout"]
