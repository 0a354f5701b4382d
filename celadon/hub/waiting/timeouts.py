"""Deadlines around a block of code: gevent's Timeout, ``move_on_after`` (trio's name) and ``fail_after``.

All three ``cancel`` the greenlet that entered the block when the deadline comes. It notices at a wait, never between
two statements. When the block ends, the timer is cancelled and no error of it stays pending.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

from ..loop.current import _local, get_hub
from ..loop.failures import raisable, text
from ..loop.hub import Hub
from ..loop.timers import TIMED_OUT, Timer

T = TypeVar("T")


class Timeout(BaseException):
    """Raised in the greenlet that started it, ``seconds`` later, unless cancelled before. As gevent's.

    ``exception`` is raised in its place if it is an exception or a class of one; a text is only said; ``False`` makes
    the ``with`` block end silently; TypeError for anything else. ``seconds`` None never fires. A BaseException, so
    that ``except Exception`` in the block does not swallow it. ``ref`` False: it does not hold the loop, so it never
    comes when nothing else is left that could wake anyone. ``priority`` is gevent's and does not matter.

    It may stand in the place of the seconds of a wait, which then lasts as long as it runs: it is started unless it
    runs already, and cancelled at the end. What raises after so many seconds (``get``, ``put``) raises this Timeout.
    """

    # On the class, because most deadlines never fire: making one sets two attributes instead of six.
    _timer: Timer | None = None
    _raised: BaseException | None = None
    # Where and in whom it was raised.
    _hub: Hub | None = None
    _greenlet: greenlet | None = None
    _inside = 0

    def __init__(
        self,
        seconds: float | None = None,
        exception: BaseException | type[BaseException] | bool | str | None = None,
        ref: bool = True,
        priority: int = -1,
    ):
        if exception is not None and not isinstance(exception, BaseException | bool | str):
            _check_class(exception)
        self.seconds = seconds
        self.exception = exception
        if not ref:
            self.start = self._start_loose  # type: ignore[method-assign]  # so that all others need not ask

    @classmethod
    def start_new(cls, timeout: Timeout | float | None = None, exception: Any = None, ref: bool = True) -> Timeout:
        """A started Timeout of so many seconds; or the Timeout that is given, started unless it runs already."""
        if isinstance(timeout, Timeout):
            if not timeout.pending:
                timeout.start()
            return timeout
        made = cls(timeout, exception) if ref else cls(timeout, exception, ref=False)
        made.start()
        return made

    @property
    def pending(self) -> bool:
        """True while it may still fire."""
        return self._timer is not None and self._timer.active

    @property
    def expired(self) -> bool:
        """True once it has fired."""
        return self._raised is not None

    def start(self) -> None:
        """Begin to count, for the calling greenlet. RuntimeError if it is running already."""
        timer = self._timer
        if timer is not None:
            if timer.callback is not None:
                raise RuntimeError(f"{self!r} is running already")
            self._raised = None
        seconds = self.seconds
        if seconds is not None:
            hub = _local.hub or get_hub()
            me = getcurrent()
            if hub.pending.shields:
                self._inside = hub.pending.depth(me)
            self._timer = hub.timers.add(hub.now() + seconds, self._fire, (hub, me))

    def _start_loose(self) -> None:
        """``start``, with a timer that does not hold the loop."""
        type(self).start(self)
        timer = self._timer
        if timer is not None:
            self._timer = get_hub().timers.add_loose(timer.when, self._fire, timer.args)
            timer.cancel()

    def _fire(self, hub: Hub, who: greenlet) -> None:
        exception = self.exception
        error: BaseException = self
        if isinstance(exception, BaseException):
            error = exception
        elif isinstance(exception, type):
            try:
                error = raisable(exception)
            except Exception as failure:  # as `raise exception` would
                error = failure
        self._hub, self._greenlet, self._raised = hub, who, error
        hub.cancel(who, error, self._inside)

    def cancel(self) -> None:
        """Never fire. An error that was raised but not noticed yet is taken back."""
        timer = self._timer
        if timer is not None:
            timer.cancel()
            if self._raised is not None:
                self._take_back()

    def _take_back(self) -> None:
        hub = self._hub
        if hub is not None and self._greenlet is not None and (hub.pending or hub.pending.shields):
            assert self._raised is not None
            hub.pending.withdraw(self._greenlet, self._raised)

    close = cancel

    def __enter__(self) -> Timeout:
        timer = self._timer
        if timer is None or timer.callback is None:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        timer = self._timer
        if timer is not None:
            timer.cancel()
            if self._raised is not None:
                self._take_back()
        return error is self and self.exception is False

    def bound(self, wait: Callable[..., Any], *args: object) -> Any:
        """For the loop: ``wait(*args)``, or TIMED_OUT if this fires in it."""
        self.start_new(self)
        try:
            return wait(*args)
        except Timeout as error:
            if error is not self:
                raise
            return TIMED_OUT
        finally:
            self.cancel()

    # Where seconds are compared with 0 a Timeout may stand.

    def __lt__(self, other: Any) -> bool:
        return self.seconds is not None and bool(self.seconds < other)

    def __le__(self, other: Any) -> bool:
        return self.seconds is not None and bool(self.seconds <= other)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.seconds} s at {id(self):#x}>"

    def __str__(self) -> str:
        if self.seconds is None:
            return ""
        what = "" if self.exception is None else " (silent)" if self.exception is False else f": {self.exception}"
        return f"{self.seconds} second{'' if self.seconds == 1 else 's'}{what}"


def _check_class(exception: object) -> None:
    if not isinstance(exception, type) or not issubclass(exception, BaseException):
        raise TypeError(f"Timeout takes an exception, an exception class, a text or False, not {text(exception)}")


class NotReady(Timeout, TimeoutError):
    """``get`` ended before there was a result: gevent's Timeout and the builtin TimeoutError in one."""

    def __init__(self, seconds: float | None, what: str) -> None:
        Timeout.__init__(self, seconds)
        self.what = what

    def __str__(self) -> str:
        return (
            f"{self.what} was not ready" if not self.seconds else f"{self.what} was not ready within {self.seconds} s"
        )


Seconds = float | Timeout | None


def too_late(timeout: Seconds, usual: BaseException) -> BaseException:
    """What a wait for at most ``timeout`` raises: ``usual`` after seconds; a Timeout is raised itself, as in gevent."""
    return timeout if isinstance(timeout, Timeout) else usual


def not_ready(timeout: Seconds, what: str) -> BaseException:
    """What ``get`` raises of a thing that is not ready after ``timeout``."""
    return timeout if isinstance(timeout, Timeout) else NotReady(timeout, what)


_UNSET: Any = object()


def with_timeout(
    seconds: float | None, function: Callable[..., T], *args: Any, timeout_value: Any = _UNSET, **kwargs: Any
) -> T:
    """``function(*args, **kwargs)``, bounded; ``timeout_value`` is returned in place of raising Timeout."""
    timeout = Timeout.start_new(seconds)
    try:
        return function(*args, **kwargs)
    except Timeout as error:
        if error is timeout and timeout_value is not _UNSET:
            return timeout_value  # type: ignore[no-any-return]
        raise
    finally:
        timeout.cancel()


class Cancelled(BaseException):
    """What a deadline or a group raises inside its own block; never seen outside of it."""


class _Scope:
    """A block with a deadline. ``expired`` tells, after the block, whether the deadline ended it."""

    __slots__ = ("_timeout", "expired", "seconds")

    def __init__(self, seconds: float | None) -> None:
        self.seconds: float | None = seconds
        self.expired: bool = False
        self._timeout: Timeout | None = None

    def __enter__(self) -> _Scope:
        self._timeout = Timeout(self.seconds, Cancelled())
        self._timeout.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        timeout, self._timeout = self._timeout, None
        assert timeout is not None
        timeout.cancel()
        self.expired = error is not None and error is timeout.exception
        return self.expired and self._ended()

    def _ended(self) -> bool:
        return True


class move_on_after(_Scope):  # noqa: N801  (reads as a statement)
    """``with move_on_after(seconds) as scope:`` leaves the block silently at the deadline; see ``scope.expired``."""

    __slots__ = ()


class fail_after(_Scope):  # noqa: N801  (reads as a statement)
    """``with fail_after(seconds):`` raises the builtin TimeoutError at the deadline."""

    __slots__ = ()

    def _ended(self) -> bool:
        raise TimeoutError(f"not done after {self.seconds} s") from None


class shield:  # noqa: N801  (reads as a statement)
    """``with shield():`` a kill or a deadline from outside of the block is held back until the block has ended.

    It is raised at the first wait after that. A deadline set inside the block works there as ever, and so do Ctrl-C
    and SystemExit. Meant for short clean-up that has to wait: nobody can end the block early.
    """

    __slots__ = ("_held", "_hub", "_me")

    def __enter__(self) -> shield:
        self._hub = hub = get_hub()
        self._me = me = getcurrent()
        self._held = hub.pending.shield(me)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hub.pending.unshield(self._me, self._held)
