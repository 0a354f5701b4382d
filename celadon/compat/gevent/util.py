"""Reports about what runs, and checks that something does not block."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, gettrace, settrace

from ._hub_local import get_hub
from ._tree import GreenletTree, format_run_info


class wrap_errors:  # noqa: N801  (gevent's name)
    """A call of ``func`` that returns errors of some kinds in place of raising them."""

    def __init__(self, errors: Any, func: Callable[..., Any]) -> None:
        self.__errors = errors
        self.__func = func
        for name in ("__doc__", "__name__", "__module__"):
            if hasattr(func, name):
                setattr(self, name, getattr(func, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.__func(*args, **kwargs)
        except self.__errors as error:
            return error

    def __str__(self) -> str:
        return str(self.__func)

    def __repr__(self) -> str:
        return repr(self.__func)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__func, name)


dump_stacks = format_run_info


def print_run_info(
    thread_stacks: bool = True, greenlet_stacks: bool = True, limit: Any = None, file: Any = None
) -> None:
    """``format_run_info`` on stderr, or in ``file``."""
    print("\n".join(format_run_info(thread_stacks, greenlet_stacks, limit)), file=file or sys.stderr)


class assert_switches:  # noqa: N801  (gevent's name)
    """``with assert_switches():`` the block must let others run; with ``max_blocking_time``, at least so often.

    With ``hub_only`` it must switch to the hub, whatever the time.
    """

    def __init__(self, max_blocking_time: float | None = None, hub_only: bool = False) -> None:
        self.max_blocking_time = max_blocking_time
        self.hub_only = hub_only
        self._switched = False
        self._longest = 0.0

    def __enter__(self) -> assert_switches:
        self._hub = get_hub()
        self._me = getcurrent()
        self._last = time.perf_counter()
        self._count = self._hub.hub.turn, self._hub.hub.left
        trace: Any = self._trace
        self._before: Any = settrace(trace)
        return self

    def _trace(self, event: str, args: Any) -> None:
        if event in ("switch", "throw") and (not self.hub_only or args[1] is self._hub or args[0] is self._hub):
            now = time.perf_counter()
            if args[0] is self._me:
                self._longest = max(self._longest, now - self._last)
            self._last = now
            self._switched = True
        if self._before is not None:
            self._before(event, args)

    def __exit__(self, t: Any, v: Any, tb: Any) -> None:
        if gettrace() == self._trace:
            settrace(self._before)
        if t is not None:
            return
        longest = max(self._longest, time.perf_counter() - self._last)
        allowed = self.max_blocking_time
        # A wait that is over at once, because nobody else is ready, is counted by the loop only.
        stayed = not self._switched and self._count == (self._hub.hub.turn, self._hub.hub.left)
        if stayed and (allowed is None or self.hub_only):
            goes_to = "To the hub" if self.hub_only else "To any greenlet"
            most = "" if allowed is None else f" (max allowed {allowed:.4f} seconds)"
            raise _FailedToSwitch(f"{goes_to} in {longest:.4f} seconds{most}")
        if allowed is not None and longest > allowed:
            raise _FailedToSwitch(f"{self._me!r} blocked the hub for {longest:.3f} s, more than {allowed} s")


class _FailedToSwitch(AssertionError):
    """The block let nobody run."""


__all__ = ["GreenletTree", "assert_switches", "format_run_info", "print_run_info", "wrap_errors"]
