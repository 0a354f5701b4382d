"""One hub per thread: made at the thread's first wait, torn down with the thread, remade in a forked child."""

from __future__ import annotations

import _thread
import atexit
import os
import sys
from collections.abc import Callable

from greenlet import getcurrent, greenlet

from ..errors import HubClosedError
from .clock import monotonic
from .hub import Hub
from .other_threads import count_ghosts

_getpid = os.getpid
_get_ident = _thread.get_ident
# Seconds that loops of other threads have at the interpreter's end to come to rest.
_REST = 0.1


class _Slot:
    """Closes the thread's hub when the thread's local storage is cleared, at the thread's end."""

    __slots__ = ("hub", "pid")

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.pid = _getpid()

    # They are defaults because at the interpreter's end the module's globals may be None.
    def __del__(self, _getpid: Callable[[], int] = _getpid, _get_ident: Callable[[], int] = _get_ident) -> None:
        # In a forked child CPython clears the storage of the threads that stayed in the parent, before any handler of
        # a fork runs. Those hubs must not be closed here: `_after_fork_in_child` releases their fds only.
        # At the interpreter's end the last thread clears the storage of daemon threads that still run: a hub belongs to
        # its thread, which may be in the middle of a wait, so it stays as it is.
        if self.pid == _getpid() and self.hub.thread_ident == _get_ident():
            self.hub.close()


class _Local(_thread._local):
    hub: Hub | None = None
    slot: _Slot | None = None


_local = _Local()
#: `list` copies it in one step, so any thread may read it. Closed ones are removed when a new one is made.
_hubs: set[Hub] = set()


def get_hub() -> Hub:
    """This thread's hub, made at the first call. Cheap; safe from any thread."""
    hub = _local.hub
    return hub if hub is not None else _make_hub()


def hub_if_any() -> Hub | None:
    """This thread's hub, or None if it never waited."""
    return _local.hub


def root_greenlet() -> greenlet:
    """The greenlet that the loop runs and that the running one is a callee of, perhaps itself; or the thread's first.

    A program's own ``greenlet(f).switch()`` runs ``f`` on behalf of whoever called it: both are the same thread and the
    same task. The loop's own greenlet is its own root, for its callbacks run on behalf of nobody.
    """
    me = getcurrent()
    hub = _local.hub
    top = None if hub is None else hub.greenlet
    while me is not top:
        parent = me.parent
        if parent is None or parent is top:
            break
        me = parent
    return me


def wake_at_signals() -> None:
    """Have signals wake this thread's hub again, once the program has taken back its own ``signal.set_wakeup_fd``."""
    get_hub()._wakeup.wake_at_signals()


def all_hubs() -> list[Hub]:
    """The hubs of all threads that have one now."""
    return [hub for hub in list(_hubs) if not hub.closed]


def _make_hub() -> Hub:
    hub = Hub()
    hub.leave_thread = _leave_thread
    _local.hub = hub
    _local.slot = _Slot(hub)
    _hubs.difference_update([one for one in list(_hubs) if one.closed])
    _hubs.add(hub)
    return hub


def _leave_thread() -> None:
    _local.hub = _local.slot = None


def _after_fork_in_child() -> None:
    count_ghosts()
    mine = _local.hub
    for hub in list(_hubs):
        if hub is mine:
            hub.after_fork()
        elif not hub.closed:
            hub.closed = True
            hub.forget()
            hub.release_fds()
            _hubs.discard(hub)


def _rest_at_exit() -> None:
    """Let the loops of other threads rest for ever, as CPython 3.14 does with every daemon thread.

    Before 3.14 a thread that wants the interpreter after its end is ended by pthread_exit, which unwinds the stack of
    the greenlet that runs there; that is in pieces, and the process crashes. A thread that computes all the time does
    not come to rest.
    """
    mine, forever = _local.hub, _thread.allocate_lock()
    forever.acquire()
    awaited = 0
    resting: list[bool] = []
    for hub in all_hubs():
        if hub is not mine:
            try:
                hub.call_soon_threadsafe(_rest, resting, forever)
            except HubClosedError:
                continue
            awaited += 1
    end = monotonic() + _REST
    while len(resting) < awaited and monotonic() < end:
        forever.acquire(timeout=0.001)
    if resting:
        forever.acquire(timeout=0.001)  # from its word to its rest each needs the interpreter once more


def _rest(resting: list[bool], forever: _thread.LockType) -> None:
    resting.append(True)
    forever.acquire()


if sys.version_info < (3, 14):
    atexit.register(_rest_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)

__all__ = ["all_hubs", "get_hub", "hub_if_any", "root_greenlet", "wake_at_signals"]
