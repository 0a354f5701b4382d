"""Buffered and text files for two greenlets: the standard library's classes in C, one call at a time.

A buffered file takes the second greenlet of an OS thread that enters it for a reentrant call, which it refuses before
it has done anything. Who is refused waits here until the other has left, and tries again: the common case costs one
Python call. A text file refuses nobody, so who is in it is written down.
"""

from __future__ import annotations

import _io
import sys
from abc import ABCMeta
from collections import deque
from collections.abc import Callable
from typing import Any

from ...hub import get_hub, getcurrent
from ..fairness import can_park
from ..thread import allocate_lock, lock


class _Meta(ABCMeta):
    """``isinstance(file, io.BufferedReader)`` also holds for files of the C class, as `open` makes of regular files."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return ABCMeta.__instancecheck__(cls, instance) or (cls in CLASSES and isinstance(instance, cls.__mro__[1]))

    def __subclasscheck__(cls, subclass: type) -> bool:
        return ABCMeta.__subclasscheck__(cls, subclass) or (cls in CLASSES and issubclass(subclass, cls.__mro__[1]))


# -- one method of the C class, by the arguments it takes: each by name of its own, for speed ----------------------


def _no_argument(call: Callable[..., Any]) -> Any:
    def method(self: Any) -> Any:
        try:
            return call(self)
        except RuntimeError as error:
            if not _refused(self, error):
                raise
            return _later(self, call)
        finally:
            if self._line:
                _next(self)

    return method


def _one_argument(call: Callable[..., Any]) -> Any:
    def method(self: Any, value: Any, /) -> Any:
        try:
            return call(self, value)
        except RuntimeError as error:
            if not _refused(self, error):
                raise
            return _later(self, call, value)
        finally:
            if self._line:
                _next(self)

    return method


def _or(default: Any) -> Callable[[Callable[..., Any]], Any]:
    def optional(call: Callable[..., Any]) -> Any:
        method = _one_argument(call)
        method.__defaults__ = (default,)
        return method

    return optional


def _seek(call: Callable[..., Any]) -> Any:
    def method(self: Any, target: Any, whence: Any = 0, /) -> Any:
        try:
            return call(self, target, whence)
        except RuntimeError as error:
            if not _refused(self, error):
                raise
            return _later(self, call, target, whence)
        finally:
            if self._line:
                _next(self)

    return method


_FORMS: dict[str, Callable[[Callable[..., Any]], Any]] = {
    **dict.fromkeys(("read", "read1", "readline"), _or(-1)),
    **dict.fromkeys(("readinto", "readinto1", "write"), _one_argument),
    **dict.fromkeys(("tell", "flush", "close", "detach"), _no_argument),
    "peek": _or(0),
    "truncate": _or(None),
    "seek": _seek,
}

# -- one call at a time -------------------------------------------------------------------------------------------

#: The code of the methods, whose frames say that a greenlet is in a file; True for those that let go of it and then
#: call `flush`.
_holding: dict[Any, bool] = {}


def _refused(file: Any, error: RuntimeError) -> bool:
    """Whether the C class refused a call as reentrant only because another greenlet is inside the file."""
    trace = error.__traceback__
    if trace is None or trace.tb_next is not None or not str(error).startswith("reentrant call"):
        return False  # not raised by the call itself but by what it called
    if not can_park():
        return False
    frame, mine = sys._getframe(1), True
    while True:
        if frame.f_code in _holding and frame.f_locals["self"] is file:
            if not mine and not _holding[frame.f_code]:
                return False  # this greenlet is, further down its own stack
            mine = False
        if frame.f_back is None:
            return True
        frame = frame.f_back


def _stand_in_line(file: Any) -> None:
    """Wait until another greenlet's call on the file has returned."""
    line: deque[lock] | None = file._line
    if line is None:
        line = file._line = deque()
    turn = allocate_lock()
    turn.acquire()
    line.append(turn)
    try:
        turn.acquire()
    finally:
        if turn in line:
            line.remove(turn)


def _later(file: Any, call: Callable[..., Any], *args: Any) -> Any:
    """Repeat the call each time another greenlet's call has returned, until it is not refused."""
    while True:
        _stand_in_line(file)
        try:
            return call(file, *args)
        except RuntimeError as error:
            if not _refused(file, error):
                raise


def _next(file: Any) -> None:
    """Wake all waiting greenlets to try again: the reader and the writer of a pair share one queue."""
    line: deque[lock] = file._line
    for _ in range(len(line)):
        line.popleft().release()


def _made(base: Any) -> Any:
    body: dict[str, Any] = {"__module__": base.__module__, "__doc__": base.__doc__, "_line": None}
    for name, form in _FORMS.items():
        if name in vars(base):
            call = vars(base)[name]
            method = body[name] = form(call)
            method.__name__, method.__qualname__, method.__doc__ = name, f"{base.__name__}.{name}", call.__doc__
            method.__code__ = method.__code__.replace(co_name=name)
            _holding[method.__code__] = name in ("close", "detach")
    shown = base.__repr__
    body["__repr__"] = lambda self: f"<{base.__module__}.{shown(self)[1:]}"
    return _Meta(base.__name__, (base,), body)


BufferedReader: Any = _made(_io.BufferedReader)
BufferedWriter: Any = _made(_io.BufferedWriter)
BufferedRandom: Any = _made(_io.BufferedRandom)
BufferedRWPair: Any = _made(_io.BufferedRWPair)

# -- text ----------------------------------------------------------------------------------------------------------


def _alone(half: str, call: Callable[..., Any], *default: Any) -> Any:
    """A method of a text file for one greenlet at a time; ``half`` names the attribute that holds which one it is."""

    def method(self: Any, value: Any, /) -> Any:
        try:
            me = getcurrent()
        except RuntimeError:  # the interpreter is being finalized: no other greenlet runs
            return call(self, value)
        inside = getattr(self, half)
        while inside is not None and inside is not me and _shares_a_hub(inside):
            _stand_in_line(self)
            inside = getattr(self, half)
        if inside is not None:
            return call(self, value)  # as in C: again from within, or from another OS thread
        setattr(self, half, me)
        try:
            return call(self, value)
        finally:
            setattr(self, half, None)
            if self._line:
                _next(self)

    method.__defaults__ = default
    method.__name__ = call.__name__
    return method


def _shares_a_hub(other: Any) -> bool:
    while other.parent is not None:
        other = other.parent
    return can_park() and other is get_hub().main


class TextIOWrapper(_io.TextIOWrapper, metaclass=_Meta):
    """See ``io.TextIOWrapper``; one greenlet at a time writes, one at a time reads."""

    __module__ = "_io"
    _line: deque[lock] | None = None
    _writing: Any = None
    _reading: Any = None

    write: Any = _alone("_writing", _io.TextIOWrapper.write)
    read: Any = _alone("_reading", _io.TextIOWrapper.read, -1)
    readline: Any = _alone("_reading", _io.TextIOWrapper.readline, -1)
    flush: Any = _alone("_writing", lambda self, _: _io.TextIOWrapper.flush(self), None)


CLASSES = frozenset((BufferedReader, BufferedWriter, BufferedRandom, BufferedRWPair, TextIOWrapper))

__all__ = ["BufferedRWPair", "BufferedRandom", "BufferedReader", "BufferedWriter"]
