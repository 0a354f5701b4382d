"""``asyncio`` beside greenlets: each greenlet may run a loop of its own, and may block inside a coroutine.

asyncio's C code keeps the running loop in a variable of the OS thread. Its Python versions of the same functions use a
``threading.local``, which is green under the patch, so they keep one loop for each greenlet. The Python versions are
put in place and the C variable stays unset: C code that needs a loop then asks the policy, which looks at the
greenlet's. From Python 3.14 on the C code needs its variable, which is then unset only while a loop
waits in its selector.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from os import getpid
from types import FunctionType, ModuleType
from typing import Any

from ..hub.lowlevel import outer_if_any
from . import fairness
from .local import local

_C_INSISTS = sys.version_info >= (3, 14)


def events(module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``asyncio.events`` (and in ``asyncio``, which exports two of them)."""
    std: Any = module
    if not hasattr(std, "_c__set_running_loop"):
        return {}  # without the C code all is Python already
    set_in_c, set_here, get_here = std._c__set_running_loop, std._py__set_running_loop, std._py__get_running_loop

    class _RunningLoop(local):
        loop_pid = _Elsewhere(std._c__get_running_loop)

    def _set_running_loop(loop: Any) -> None:
        set_here(loop)
        if _C_INSISTS:
            set_in_c(loop)

    if _C_INSISTS:
        fairness.around[:] = [(lambda: set_in_c(None), lambda: set_in_c(get_here()))]
    return {
        "_running_loop": _RunningLoop(),
        "_set_running_loop": _set_running_loop,
        "_get_running_loop": get_here,
        "get_running_loop": std._py_get_running_loop,
        "get_event_loop": std._py_get_event_loop,
    }


class _Elsewhere:
    """What ``loop_pid`` is in a greenlet that runs no loop itself: the loop that its hub has joined, if there is one.

    A loop in C (uvloop) that was imported before the patch tells only asyncio's C code that it runs.
    """

    def __init__(self, get_in_c: Callable[[], Any]) -> None:
        self._get_in_c = get_in_c

    def __get__(self, instance: object, owner: type) -> tuple[Any, int]:
        outer = outer_if_any()
        loop = getattr(outer, "loop", None)
        return (self._get_in_c() if loop is None else loop), getpid()


def policy(module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``asyncio.events.BaseDefaultEventLoopPolicy``: a greenlet's running loop comes first."""
    std: Any = module
    names = {"running": std._py__get_running_loop, "original": std.BaseDefaultEventLoopPolicy.get_event_loop}
    # Warnings of the original must name the caller of asyncio, so our frame has to look like one of asyncio's.
    made = FunctionType(_get_event_loop.__code__, {**names, "__name__": std.__name__}, "get_event_loop")
    return {"get_event_loop": made}


def _get_event_loop(self):  # type: ignore[no-untyped-def]
    found = running()  # type: ignore[name-defined]  # noqa: F821
    return original(self) if found is None else found  # type: ignore[name-defined]  # noqa: F821


def tasks(module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``asyncio.tasks`` and in ``asyncio``: the task of the greenlet's running loop."""
    std: Any = module
    original, running = std.current_task, std.events._py_get_running_loop

    def current_task(loop: Any = None) -> Any:
        return original(running() if loop is None else loop)

    names = ("current_task", "_c_current_task")
    return {name: current_task for name in names if hasattr(std, name)}


def loop(module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``asyncio.base_events.BaseEventLoop``: a loop over a foreign selector lets others run too."""
    std: Any = module
    original = std.BaseEventLoop._run_once

    def _run_once(self: Any) -> None:
        before = fairness.count
        original(self)
        if fairness.count == before:
            fairness.give_way()

    return {"_run_once": _run_once}


def package(module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``asyncio`` itself: the names that it takes from its modules."""
    std: Any = module
    names = ("_set_running_loop", "_get_running_loop", "get_running_loop", "get_event_loop")
    found = {name: getattr(std.events, name) for name in names if hasattr(std, name)}
    return {**found, "current_task": std.tasks.current_task}


__all__ = ["events", "loop", "package", "policy", "tasks"]
