"""``signal`` on greenlets: handlers act on the main greenlet, and waiting for a signal lets others run.

The interpreter calls a handler in the main OS thread, in the greenlet that happens to run there. An exception of the
handler must be raised in the main greenlet, as it would be in the main thread. So if another greenlet runs, the handler
gets a greenlet of its own with the main greenlet's ident, and its exception is raised in the main greenlet.
"""

from __future__ import annotations

import signal as _std
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary

from ..hub import get_hub, getcurrent, sleep
from ..hub.lowlevel import WaitQueue, hub_fds, root_greenlet, spawn_ahead, wake_at_signals
from .fairness import tried_in_vain
from .thread import _stand_ins, get_ident, native_ident, refuse_outside_main

_signal, _getsignal = _std.signal, _std.getsignal
_sigtimedwait: Any = getattr(_std, "sigtimedwait", None)
_pthread_kill: Any = getattr(_std, "pthread_kill", None)
_raise_signal = _std.raise_signal
_set_wakeup_fd: Any = _std.set_wakeup_fd
_sigmask: Any = getattr(_std, "pthread_sigmask", None)
#: The signal masks of threads on greenlets, for those that set or read one.
_masks: WeakKeyDictionary[Any, set[Any]] = WeakKeyDictionary()
_MAIN = get_ident()

#: What the user set, for the signals whose handler is ``_dispatch``.
_handlers: dict[int, Callable[[int, Any], object]] = {}
_paused = WaitQueue("a signal")


def _dispatch(number: int, frame: Any) -> None:
    handler = _handlers.get(number)
    if handler is None:
        return
    hub = get_hub()
    if getcurrent() is hub.main or get_ident() == _MAIN:
        handler(number, frame)
        _caught()
    else:
        # Made ready here and not by a callback, so that the handler runs before the greenlet that was interrupted: the
        # same poll may wake that one too, through a pipe that the handler or the interpreter wrote to.
        spawn_ahead(_on_behalf, handler, number)
        if hub.asleep:
            hub.rouse()


def _on_behalf(handler: Callable[[int, Any], object], number: int) -> None:
    hub = get_hub()
    main, me = hub.main, getcurrent()
    _stand_ins[me] = _MAIN
    try:
        handler(number, main.gr_frame)
    except BaseException as error:  # noqa: BLE001  (it belongs to the main greenlet, whatever it is)
        hub.cancel(main, error)
    finally:
        del _stand_ins[me]
    _caught()


def _caught() -> None:
    if _paused:
        _paused.wake_all()


def signal(signalnum: int, handler: Any) -> Any:
    """See ``signal.signal``. ValueError in a thread, also in one on a greenlet."""
    refuse_outside_main("signal")
    tried_in_vain()
    before = getsignal(signalnum)
    if callable(handler) and not isinstance(handler, int):
        _signal(signalnum, _dispatch)
        _handlers[int(signalnum)] = handler
    else:
        _signal(signalnum, handler)
        _handlers.pop(int(signalnum), None)
    return before


def set_wakeup_fd(fd: int, /, *, warn_on_full_buffer: bool = True) -> int:
    """See ``signal.set_wakeup_fd``. ValueError in a thread, also in one on a greenlet.

    The fd that the hub sets for itself is not shown, and is set again when the program takes its own back.
    """
    refuse_outside_main("set_wakeup_fd")
    before: int = _set_wakeup_fd(fd, warn_on_full_buffer=warn_on_full_buffer)
    if fd < 0:
        wake_at_signals()
    return -1 if before in hub_fds else before


def getsignal(signalnum: int) -> Any:
    """See ``signal.getsignal``."""
    found = _getsignal(signalnum)
    return _handlers.get(int(signalnum)) if found is _dispatch else found


def raise_signal(signalnum: int, /) -> None:
    """See ``signal.raise_signal``."""
    tried_in_vain()
    _raise_signal(signalnum)


def adopt() -> None:
    """Have the handlers that are set already go through the dispatcher. Only from the main thread."""
    for number in _std.valid_signals():
        found = _getsignal(number)
        if callable(found) and not isinstance(found, int) and found is not _dispatch:
            signal(number, found)


def disown() -> None:
    """Put the user's handlers in place of the dispatcher. Only from the main thread."""
    for number, handler in list(_handlers.items()):
        if _getsignal(number) is _dispatch:
            _signal(number, handler)
    _handlers.clear()


def pause() -> None:
    """See ``signal.pause``."""
    hub = get_hub()
    hub.holds += 1
    try:
        _paused.wait()
    finally:
        hub.holds -= 1


def pthread_sigmask(how: int, mask: Iterable[int], /) -> set[Any]:
    """See ``signal.pthread_sigmask``. A thread on a greenlet has a mask of its own, without effect.

    Handlers run in the main greenlet, as they do in the main thread. The mask of the OS thread is the main greenlet's.
    """
    me = root_greenlet()
    if me is get_hub().main or me in _stand_ins:
        return _sigmask(how, mask)  # type: ignore[no-any-return]
    before = _masks.get(me)
    if before is None:
        before = _sigmask(_std.SIG_BLOCK, ())
    given = {_std.Signals(one) if one in _NAMED else int(one) for one in mask}
    if how not in _CHANGES:
        return _sigmask(how, mask)  # type: ignore[no-any-return]  # says what is wrong
    _masks[me] = _CHANGES[how](before, given)
    return set(before)


_NAMED = frozenset(map(int, _std.Signals))
_CHANGES: dict[int, Callable[[set[Any], set[Any]], set[Any]]] = {
    _std.SIG_BLOCK: lambda before, given: before | given,
    _std.SIG_UNBLOCK: lambda before, given: before - given,
    _std.SIG_SETMASK: lambda before, given: given,
}


def _poll(numbers: Any, seconds: float | None) -> Any:
    # A signal that is waited for must not reach its handler, and the mask of a thread on a greenlet does not block it.
    added = set(map(int, numbers)) - set(map(int, _sigmask(_std.SIG_BLOCK, numbers)))
    try:
        return _poll_blocked(numbers, seconds)
    finally:
        _sigmask(_std.SIG_UNBLOCK, added)


def _poll_blocked(numbers: Any, seconds: float | None) -> Any:
    # Python cannot make an fd for this (signalfd), so it polls. The pause grows to keep a long wait cheap.
    hub = get_hub()
    deadline = None if seconds is None else hub.now() + seconds
    pause_for = 0.0005
    while True:
        found = _sigtimedwait(numbers, 0)
        if found is not None:
            return found
        if deadline is not None:
            left = deadline - hub.now()
            if left <= 0:
                return None
            pause_for = min(pause_for, left)
        sleep(pause_for)
        pause_for = min(pause_for * 2, 0.02)


def sigwait(sigset: Iterable[int]) -> Any:
    """See ``signal.sigwait``."""
    number = _poll(sigset if isinstance(sigset, set) else list(sigset), None).si_signo
    try:
        return _std.Signals(number)
    except ValueError:
        return number


def sigwaitinfo(sigset: Iterable[int]) -> Any:
    """See ``signal.sigwaitinfo``."""
    return _poll(list(sigset), None)


def sigtimedwait(sigset: Iterable[int], timeout: float) -> Any:
    """See ``signal.sigtimedwait``."""
    if timeout < 0:
        raise ValueError("timeout must be non-negative")
    return _poll(list(sigset), timeout)


def pthread_kill(thread_id: int, signalnum: int, /) -> None:
    """See ``signal.pthread_kill``; for a thread on a greenlet the signal goes to the OS thread it runs in."""
    _pthread_kill(native_ident(thread_id), signalnum)


for _one in (
    getsignal,
    pause,
    pthread_kill,
    pthread_sigmask,
    raise_signal,
    set_wakeup_fd,
    signal,
    sigtimedwait,
    sigwait,
    sigwaitinfo,
):
    _one.__module__ = "signal"

__all__ = [
    "getsignal",
    "pause",
    "pthread_kill",
    "pthread_sigmask",
    "raise_signal",
    "set_wakeup_fd",
    "signal",
    "sigtimedwait",
    "sigwait",
    "sigwaitinfo",
]
