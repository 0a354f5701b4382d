"""``asyncio`` beside greenlets: each greenlet may run a loop of its own.

Which loop is running is a variable of the OS thread in C, and of the greenlet in the Python version of the same
functions, over a green ``threading.local``. The Python versions are put in place, and keep the C variable in step
for the C classes: while a loop waits in its selector none is running there.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from . import select
from .local import local


def events(module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``asyncio.events`` (and in ``asyncio``, which exports two of them)."""
    std: Any = module
    if not hasattr(std, "_c__set_running_loop"):
        return {}  # without the C code all is Python already
    set_in_c, set_here, get_here = std._c__set_running_loop, std._py__set_running_loop, std._py__get_running_loop

    class _RunningLoop(local):
        loop_pid = (None, None)

    def _set_running_loop(loop: Any) -> None:
        set_here(loop)
        set_in_c(loop)

    pair = (lambda: set_in_c(None), lambda: set_in_c(get_here()))
    select.around[:] = [pair]
    return {
        "_running_loop": _RunningLoop(),
        "_set_running_loop": _set_running_loop,
        "_get_running_loop": get_here,
        "get_running_loop": std._py_get_running_loop,
        "get_event_loop": std._py_get_event_loop,
    }


def loop(module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``asyncio.base_events.BaseEventLoop``: a loop over a foreign selector gives way as well."""
    std: Any = module
    original = std.BaseEventLoop._run_once

    def _run_once(self: Any) -> None:
        before = select.turns
        original(self)
        if select.turns == before:
            select._turn()

    return {"_run_once": _run_once}


def package(module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``asyncio`` itself: the names that it takes from ``asyncio.events``."""
    std: Any = module
    names = ("_set_running_loop", "_get_running_loop", "get_running_loop", "get_event_loop")
    return {name: getattr(std.events, name) for name in names if hasattr(std, name)}


__all__ = ["events", "loop", "package"]
