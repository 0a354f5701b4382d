"""Foreign code that fails in the hub: checked where it is handed over, named and reported without a second failure.

Callbacks, exception handlers, ``__str__`` and stderr belong to the program. None of them may end the loop, so what
they raise is reported at most once, and whatever fails in the report itself is dropped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress

from greenlet import greenlet

from ...tracebacks import traceback_text


def raisable(what: object) -> BaseException:
    """The exception that ``raise what`` would raise: ``what`` itself, or an instance if it is a class.

    TypeError for anything else. A class whose constructor fails raises its own error here.
    """
    error = what() if isinstance(what, type) and issubclass(what, BaseException) else what
    if not isinstance(error, BaseException):
        raise TypeError(f"an exception or an exception class is needed, not {text(what)}")
    return error


def text(what: object, form: Callable[[object], str] = repr) -> str:
    """``form(what)``; if that fails, the type and the address instead."""
    try:
        return form(what)
    except Exception as error:
        return f"{object.__repr__(what)}, whose {form.__name__}() failed with {type(error).__name__}"


def write_report(title: str, error: BaseException) -> None:
    """The traceback of ``error``, then ``title``, on stderr in one piece. Nothing happens if that is not possible."""
    with suppress(Exception):
        told = traceback_text(error)
        assert sys.stderr is not None
        sys.stderr.write(f"{told}{title} failed with {type(error).__name__}\n\n")


def report(who: greenlet | None, error: BaseException) -> None:
    """The default exception handler: the traceback and the greenlet's str() on stderr, and the program goes on."""
    write_report("hub callback" if who is None else text(who, str), error)


__all__ = ["raisable", "report", "text", "write_report"]
