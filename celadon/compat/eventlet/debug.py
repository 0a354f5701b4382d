"""``eventlet.debug``: what waits in the hub, and switches for who looks for a fault."""

from __future__ import annotations

import asyncio
import linecache
import os
import re
import sys
import threading
from collections.abc import Container
from types import FrameType
from typing import Any

from . import greenpool, hubs, tpool
from .hubs import hub, timer


class Spew:
    """A trace function that prints each line as it is executed, with ``show_values`` the names in it as well."""

    def __init__(self, trace_names: Container[str] | None = None, show_values: bool = True) -> None:
        self.trace_names = trace_names
        self.show_values = show_values

    def __call__(self, frame: FrameType, event: str, arg: object) -> Spew:
        if event != "line":
            return self
        path = frame.f_globals.get("__file__")
        name = frame.f_globals["__name__"] if path else "[unknown]"
        line = linecache.getline(path, frame.f_lineno) if path else ""
        if not line:
            line = f"Unknown code named [{frame.f_code.co_name}].  VM instruction #{frame.f_lasti}"
        if self.trace_names is not None and name not in self.trace_names:
            return self
        print(f"{name}:{frame.f_lineno}: {line.rstrip()}")
        if self.show_values:
            words = [word for word in re.split(r"\W+", line) if word]
            places = [(word, names) for word in words for names in (frame.f_globals, frame.f_locals)]
            details = [f"{word}={names[word]!r}" for word, names in places if word in names]
            if details:
                print("\t" + " ".join(details))
        return self


def spew(trace_names: Container[str] | None = None, show_values: bool = False) -> None:
    """Print each line that is executed from now on."""
    sys.settrace(Spew(trace_names, show_values))


def unspew() -> None:
    """Print no more."""
    sys.settrace(None)


def _lines(title: str, found: Any) -> list[str]:
    return [title, *(repr(one) for one in found)]


def format_hub_listeners() -> str:
    """Who waits for which file."""
    face = hubs.get_hub()
    return os.linesep.join(_lines("READERS:", face.get_readers()) + _lines("WRITERS:", face.get_writers()))


def format_hub_timers() -> str:
    """What will be called, and when."""
    return os.linesep.join(_lines("TIMERS:", hubs.get_hub().timers))


def format_asyncio_info() -> str:
    """The tasks and the loop of asyncio."""
    return os.linesep.join([*_lines("TASKS:", [asyncio.all_tasks()]), f"EVENTLOOP: {asyncio.get_event_loop()}"])


def format_threads_info() -> str:
    """The threads, those on greenlets included."""
    return os.linesep.join(_lines("THREADS:", [threading._active]))  # type: ignore[attr-defined]


def hub_listener_stacks(state: bool = False) -> None:
    """Whether listeners keep where they were made."""
    hubs.get_hub().set_debug_listeners(state)


def hub_timer_stacks(state: bool = False) -> None:
    """Whether timers keep where they were made."""
    timer._g_debug = state


def hub_prevent_multiple_readers(state: bool = True) -> None:
    """Kept only: several greenlets may always wait for one file."""
    hub.g_prevent_multiple_readers = state


def hub_exceptions(state: bool = True) -> None:
    """Whether exceptions that escape from green threads and callbacks are printed."""
    hubs.get_hub().set_timer_exceptions(state)
    greenpool.DEBUG = state


def tpool_exceptions(state: bool = False) -> None:
    """Whether what a call in ``tpool`` raises is printed as well."""
    tpool.QUIET = not state


def hub_blocking_detection(state: bool = False, resolution: float = 1) -> None:
    """Whether a call that blocks the hub for ``resolution`` seconds is reported on stderr, with its stack."""
    if resolution <= 0:
        raise AssertionError("the resolution must be more than 0 seconds")
    face = hubs.get_hub()
    face.debug_blocking_resolution = resolution
    face.debug_blocking = state


__all__ = [
    "format_asyncio_info",
    "format_hub_listeners",
    "format_hub_timers",
    "format_threads_info",
    "hub_blocking_detection",
    "hub_exceptions",
    "hub_listener_stacks",
    "hub_prevent_multiple_readers",
    "hub_timer_stacks",
    "spew",
    "tpool_exceptions",
    "unspew",
]
