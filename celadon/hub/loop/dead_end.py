"""Who waits on what when nothing is left that could wake anyone: the text of LoopExit, and of the report on stderr.

A wait is named as the program wrote it: the object whose method it called (an event, a queue, a thread that it joins)
and the line of the call, not the lock inside.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from greenlet import greenlet

from .failures import text
from .other_threads import Wait

_MOST: Final = 10
_HERE: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_LIBRARY: Final = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_PACKAGES: Final = (_LIBRARY + "site-packages", _LIBRARY + "dist-packages")
_THREADING: Final = _LIBRARY + "threading.py"
_BEGINS: Final = ("run", "_bootstrap", "_bootstrap_inner")


def dead_end(parked: Mapping[greenlet, Wait], main: greenlet) -> str:
    """One line: who waits on what, for LoopExit."""
    return (
        "this would wait for ever: no timer, fd or thread is left that could wake anyone "
        f"({'; '.join(_waits(parked, main))}); celadon.hub.debug.ps() lists all waits"
    )


class EndlessWaits:
    """Waits of a hub's main greenlet that get no LoopExit: a signal may end them. Each is reported once on stderr."""

    __slots__ = ("_reported", "count")

    def __init__(self) -> None:
        #: How many there are now. The waiter adds 1 before its wait, and takes it off afterwards.
        self.count: int = 0
        self._reported: Wait | None = None

    def report(self, parked: Mapping[greenlet, Wait], main: greenlet) -> None:
        """Write who waits on what; nothing if the program handles a signal, because the handler may wake somebody."""
        wait = parked.get(main)
        if wait is self._reported:
            return
        self._reported = wait
        with suppress(Exception):  # no stderr: the wait goes on
            if not _signals_handled() and sys.stderr is not None:
                lines = "".join(f"  {line}\n" for line in _waits(parked, main))
                sys.stderr.write(
                    "celadon: the main thread waits for ever: no timer, fd, thread or signal handler is left that "
                    f"could wake anyone\n{lines}  celadon.hub.debug.ps() lists all waits\n"
                )


def _signals_handled() -> bool:
    # Under the patch getsignal shows the program's handlers. Python's own one for Ctrl-C ends a wait only by raising.
    found = (signal.getsignal(number) for number in signal.valid_signals())
    return any(
        callable(one) and not isinstance(one, signal.Handlers) and one is not signal.default_int_handler
        for one in found
    )


def _waits(parked: Mapping[greenlet, Wait], main: greenlet) -> list[str]:
    waits = sorted(parked.items(), key=lambda one: one[0] is not main)
    lines = [_line(who, wait, who is main) for who, wait in waits[:_MOST]]
    return lines if len(waits) <= _MOST else [*lines, f"and {len(waits) - _MOST} more"]


def _line(who: greenlet, wait: Wait, is_main: bool) -> str:
    name, what, place = "the main thread" if is_main else text(who, str), text(wait), ""
    found = False
    frame = who.gr_frame
    while frame is not None:
        code = frame.f_code
        if code.co_name in _BEGINS and code.co_filename == _THREADING:
            found = True
            name = name if is_main else text(frame.f_locals.get("self"))
        elif not found and not _is_library(code.co_filename):
            found = True
            place = f", at {code.co_filename}:{frame.f_lineno} in {code.co_name}"
        elif not found and not code.co_filename.startswith(_HERE):
            owner = frame.f_locals.get("self")
            what = f"{text(wait if owner is None else owner)} ({code.co_qualname})"
        frame = frame.f_back
    return f"{name} waits on {what}{place}"


def _is_library(name: str) -> bool:
    if name.startswith((_HERE, "<frozen ")):
        return True
    return name.startswith(_LIBRARY) and not name.startswith(_PACKAGES)


__all__ = ["EndlessWaits", "dead_end"]
