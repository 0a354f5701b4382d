"""What a hub offers under gevent's names only."""

from __future__ import annotations

import _thread
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet

from .failures import report, text


class LoopGreenlet(greenlet):
    """The greenlet that the loop runs in; in gevent it is the hub itself."""

    #: The Hub whose loop it runs.
    hub: Any

    @classmethod
    def of(cls, hub: Any, run: Callable[..., object], main: greenlet) -> LoopGreenlet:
        """The one that calls ``run`` for ``hub``."""
        made = cls(run, main)
        made.hub = hub
        return made


class GeventNames:
    """The base of Hub."""

    __slots__ = ()

    thread_ident: int
    main: greenlet
    exception_handler: Callable[[greenlet | None, BaseException], None]
    leave_thread: Callable[[], object]

    @staticmethod
    def first_exception_handler(who: greenlet | None, error: BaseException) -> None:
        """What ``exception_handler`` is in hubs made from now on; it is called in the hub's thread."""
        report(who, error)

    def failed(self, who: greenlet | None, error: BaseException) -> None:
        """See ``Hub``."""
        raise NotImplementedError

    def close(self) -> None:
        """See ``Hub``."""
        raise NotImplementedError

    def handle_error(self, context: object, kind: Any, value: Any, trace: Any) -> None:
        """Handle an exception that escaped from ``context``, given as ``sys.exc_info()``. gevent's name for ``failed``.

        Ctrl-C and SystemExit go to the main greenlet; all others to ``print_exception``, which is the exception handler
        unless the program has set another one.
        """
        self.failed(context, _as_error(kind, value, trace))  # type: ignore[arg-type]  # only its str() is asked for

    def print_exception(self, context: object, kind: Any, value: Any, trace: Any) -> None:
        """Have the exception handler report an exception, given as ``sys.exc_info()``: on stderr by default."""
        self.exception_handler(context, _as_error(kind, value, trace))  # type: ignore[arg-type]

    def destroy(self, destroy_loop: bool | None = None) -> None:
        """``close``, for a thread that goes on: its next wait makes a new hub. Greenlets that have not ended never do.

        ``destroy_loop`` is gevent's and does not matter. RuntimeError in another thread, or in a greenlet.
        """
        if _thread.get_ident() != self.thread_ident or getcurrent() is not self.main:
            raise RuntimeError(f"{self!r} is destroyed by its thread's main greenlet, not by {text(getcurrent())}")
        self.close()
        self.leave_thread()


def _as_error(kind: Any, value: Any, trace: Any) -> BaseException:
    error: BaseException = value if isinstance(value, BaseException) else kind() if value is None else kind(value)
    return BaseException.with_traceback(error, trace) if trace is not None else error
