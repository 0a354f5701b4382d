"""``eventlet.hubs.timer``: a call that the hub makes later, unless it is cancelled."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet

from celadon.hub import get_hub

#: True: each timer keeps where it was made (``debug.hub_timer_stacks``).
_g_debug = False


class Timer:
    """``cb(*args, **kw)`` in the hub, ``seconds`` after ``schedule``, unless cancelled before. It must not wait."""

    def __init__(self, seconds: float, cb: Callable[..., object], *args: Any, **kw: Any) -> None:
        self.seconds = seconds
        self.tpl: Any = (cb, args, kw)
        self.called = False
        self._timer: Any = None
        if _g_debug:
            self.traceback = "".join(traceback.format_stack())

    @property
    def pending(self) -> bool:
        """Whether it may still be called."""
        return not self.called

    def __repr__(self) -> str:
        cb, args, kw = self.tpl or (None, (), {})
        return f"Timer({self.seconds}, {cb}, *{args}, **{kw})" + (f"\n{self.traceback}" if _g_debug else "")

    def copy(self) -> Timer:
        """Another one for the same call."""
        cb, args, kw = self.tpl
        return type(self)(self.seconds, cb, *args, **kw)

    def schedule(self) -> Timer:
        """Begin to count."""
        self.called = False
        self._timer = get_hub().call_later(self.seconds, self)
        return self

    def __call__(self, *args: Any) -> None:
        if self.called:
            return
        self.called = True
        (cb, args, kw), self.tpl = self.tpl, None
        cb(*args, **kw)

    def cancel(self) -> None:
        """Do not call; nothing happens once it was called."""
        if not self.called:
            self.called = True
            self.tpl = None
            if self._timer is not None:
                self._timer.cancel()

    def __lt__(self, other: Timer) -> bool:
        return id(self) < id(other)


class LocalTimer(Timer):
    """A timer that does not call once the greenlet that made it has ended."""

    def __init__(self, seconds: float, cb: Callable[..., object], *args: Any, **kw: Any) -> None:
        self.greenlet: greenlet | None = getcurrent()
        super().__init__(seconds, cb, *args, **kw)

    @property
    def pending(self) -> bool:
        """Whether it may still be called."""
        return self.greenlet is not None and not self.greenlet.dead and not self.called

    def __call__(self, *args: Any) -> None:
        if self.pending:
            super().__call__()
        else:
            self.called = True

    def cancel(self) -> None:
        """See ``Timer.cancel``."""
        self.greenlet = None
        super().cancel()


__all__ = ["LocalTimer", "Timer"]
