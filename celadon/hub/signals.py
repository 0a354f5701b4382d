"""Signals as greenlets: a handler may then wait, which a Python signal handler may not.

Ctrl-C and SystemExit need nothing of this: what a handler raises while the hub waits goes to the main greenlet.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from .greenlets.greenlet import spawn
from .loop.current import get_hub
from .loop.hub import Hub

_signal = signal.signal


class SignalHandler:
    """What ``signal_handler`` returns: ``cancel`` puts back the handler that was there before."""

    __slots__ = ("_args", "_before", "_function", "_hub", "_kwargs", "number")

    def __init__(self, number: int, function: Callable[..., object], args: Any, kwargs: Any) -> None:
        if not callable(function):
            raise TypeError(f"a signal's handler must be callable, not {function!r}")
        self.number: int = number
        self._function = function
        self._args = args
        self._kwargs = kwargs
        self._hub: Hub = get_hub()
        self._before = _signal(number, self._came)

    def __repr__(self) -> str:
        return f"<SignalHandler of {signal.Signals(self.number).name}>"

    def _came(self, number: int, frame: FrameType | None) -> None:
        if not self._hub.closed:
            self._hub.call_soon_threadsafe(self._spawn)

    def _spawn(self) -> None:
        spawn(self._function, *self._args, **self._kwargs)

    def cancel(self) -> None:
        """Put back the handler that was there before; nothing happens the second time."""
        before, self._before = self._before, None
        if before is not None:
            _signal(self.number, before)


def signal_handler(number: int, function: Callable[..., object], /, *args: Any, **kwargs: Any) -> SignalHandler:
    """Run ``function(*args, **kwargs)`` in a new greenlet whenever the signal ``number`` comes.

    Only in the main thread (ValueError elsewhere, as ``signal.signal``). Pending signals do not hold the hub open.
    """
    return SignalHandler(number, function, args, kwargs)


__all__ = ["SignalHandler", "signal_handler"]
