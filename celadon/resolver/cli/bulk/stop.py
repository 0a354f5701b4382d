"""The signals that end a bulk run. A handler only notes that one came; the run looks between two records."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Raised in the greenlet that works, at a place where it waits: never inside of a record."""


class Abandoned(BaseException):
    """A second signal came while the output's reader took nothing: what it has not taken is given up."""


class Unfit(Exception):
    """The servers of a run are not fit for it; the text says which, and why."""


@contextmanager
def held_back() -> Iterator[None]:
    """A context in which the ending signals wait in the kernel.

    Inside, a handler can be changed safely: CPython complains on stderr about a signal that it has noted for a handler
    that is gone when it comes to call it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore() -> None:
    """Ignore the ending signals from now on, for a worker: they come to its parent as well. Inside ``held_back``."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


class Stop:
    """A context in which the ending signals are noted.

    ``number`` is the first signal that came, 0 before; ``count`` how many came. ``fd`` becomes readable with the first
    one and stays so. A signal that was ignored before (nohup, a background job) stays ignored. Outside the main thread
    nothing is noted: its owner has the signals.
    """

    fd: int

    def __init__(self) -> None:
        self.number: int = 0
        self.count: int = 0
        self.fd = self._wake = -1
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stop:
        self.fd, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        with suppress(ValueError):
            for number in _ENDING:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._came)
        return self

    def __exit__(self, *_: object) -> None:
        with held_back():
            for number, handler in self._before.items():
                signal.signal(number, handler)
        os.close(self.fd)
        os.close(self._wake)

    def _came(self, number: int, frame: FrameType | None) -> None:
        self.number = self.number or number
        self.count += 1
        with suppress(BlockingIOError):
            os.write(self._wake, b"!")

    @property
    def status(self) -> int:
        """The exit status that a shell gives for the signal; 0 if none came."""
        return self.number and 128 + self.number
