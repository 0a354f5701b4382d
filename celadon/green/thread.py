"""``_thread`` on greenlets. The standard library's ``threading`` is built on it, so its own code stays unchanged.

A thread is a greenlet in the hub of the OS thread that started it. A lock parks the greenlet that waits for it;
greenlets of several OS threads may share a lock. The first greenlet of an OS thread keeps that thread's own ident.
"""

from __future__ import annotations

import _thread
import contextvars
import os
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any, Final
from weakref import WeakSet, WeakValueDictionary, ref

from ..hub import GreenletExit, Hub, HubClosedError, get_hub, getcurrent, spawn_raw
from ..hub.lowlevel import TIMED_OUT, begin_now, park_for, root_greenlet
from ..tracebacks import traceback_text
from .fairness import give_way, tried_in_vain
from .patching.originals import ORIGINAL

_new_native_lock = _thread.allocate_lock
_native_ident = _thread.get_ident
_TIMEOUT_MAX: Final = _thread.TIMEOUT_MAX
_CLASS_MAKES_LOCKS: Final = isinstance(_thread.allocate_lock, type) or sys.version_info >= (3, 13)

#: Greenlets that have the ident of another one: a signal handler's, which runs on behalf of the main greenlet.
_stand_ins: dict[Any, int] = {}
#: Idents of threads on greenlets, to tell them from those of the operating system.
_green: WeakValueDictionary[int, Any] = WeakValueDictionary()


def get_ident() -> int:
    """See ``_thread.get_ident``: the OS thread's ident in its first greenlet, an ident of its own in every other one.

    A callee greenlet, which the program switched to by itself, has the ident of its caller.
    """
    try:
        me = root_greenlet()
    except RuntimeError:  # the interpreter is being finalized: finalizers still take locks
        return _native_ident()
    if me.parent is None:
        return _native_ident()
    if _stand_ins and me in _stand_ins:
        return _stand_ins[me]
    return id(me)


def green_thread(ident: int) -> Any:
    """The greenlet of the thread with that ident. None if it runs now, or belongs to another OS thread."""
    me = root_greenlet()
    if ident == _native_ident() and me.parent is not None:
        return get_hub().main
    found = _green.get(ident)
    return None if found is me else found


def native_ident(ident: int) -> int:
    """The ident of the OS thread in which a thread on a greenlet runs; any other ident is returned unchanged."""
    return _native_ident() if ident in _green else ident


# -- locks -----------------------------------------------------------------------------------------------------


class _Waiter:
    """One wait of a greenlet for a lock. The code that takes its claim either wakes it or ends the wait."""

    # Not the hub's Waiters, where the claim is the wake: here a woken waiter may find the lock taken by a call that
    # does not block, and goes back to the head of the line. `_next` must name that one wait before its claim is taken,
    # and a greenlet may by then be in another wait.

    __slots__ = ("claim", "greenlet", "hub", "over", "owns")

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.greenlet = getcurrent()
        self.claim = [True]
        self.over = False
        #: True once a put has woken it. Only for queues.
        self.owns = False

    def take(self) -> bool:
        try:
            self.claim.pop()
        except IndexError:
            return False
        return True

    def give_up(self) -> None:
        self.take()

    def deliver(self) -> None:
        # An exception may have ended its wait since; then it has passed on its turn.
        if not self.over and self.greenlet in self.hub.parked:
            self.hub.unpark(self.greenlet)


def in_green_thread() -> bool:
    """Whether the caller's thread is a greenlet. In a forked child the thread that forked is the main thread."""
    me = root_greenlet()
    return id(me) in _green and me is not _forked_in


def refuse_outside_main(call: str) -> None:
    """Raise ValueError in a thread on a greenlet, as the C code does."""
    if in_green_thread():
        raise ValueError(f"{call} only works in main thread of the main interpreter")


def _seconds(blocking: bool, timeout: float) -> float | None:
    """How many seconds to wait at most, None: for ever. The errors are those of the C code."""
    if not blocking:
        if timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        return 0
    if timeout < 0:
        if timeout != -1:
            raise ValueError("timeout value must be a non-negative number")
        return None
    if timeout > _TIMEOUT_MAX:
        raise OverflowError("timeout value is too large")
    return timeout


class lock:  # noqa: N801  (the standard library's name)
    """See ``_thread.lock``. A release wakes the greenlet that has waited longest.

    A released lock is free: ``locked()`` is False and a call that does not block takes it, as the standard library's
    assertions expect. Calls that block leave it to the waiter that was woken and line up behind it, so a greenlet that
    releases and takes the lock in a loop does not starve the others.
    """

    __slots__ = ("__weakref__", "_native", "_next", "_waiters")
    __module__ = "_thread"

    _native: Any
    #: The waiter that a release has woken and that has not run since. Only for fairness; `_native` says who holds it.
    _next: _Waiter | None
    _waiters: deque[_Waiter]

    def __new__(cls) -> lock:
        if not _CLASS_MAKES_LOCKS:
            raise TypeError("cannot create '_thread.lock' instances")
        return _made(cls)

    def __init_subclass__(cls) -> None:
        raise TypeError("type '_thread.lock' is not an acceptable base type")

    def __repr__(self) -> str:
        state = "locked" if self._native.locked() else "unlocked"
        return f"<{state} _thread.lock object at {id(self):#x}>"

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """See ``lock.acquire``."""
        if timeout == -1 and blocking:
            if self._next is None and self._native.acquire(False):
                return True
            return self._wait(None)
        seconds = _seconds(blocking, timeout)
        if (seconds == 0 or self._next is None) and self._native.acquire(False):
            return True
        if seconds != 0:
            return self._wait(seconds)
        tried_in_vain()
        return False

    def _wait(self, seconds: float | None) -> bool:
        if sys.is_finalizing():
            return self._native.acquire(True, -1 if seconds is None else seconds)  # type: ignore[no-any-return]
        hub = get_hub()
        deadline = None if seconds is None else hub.now() + seconds
        line_up = self._waiters.append
        while True:
            waiter = _Waiter(hub)
            line_up(waiter)
            # Another OS thread may have released it between our try and our lining up.
            if self._next is None and self._native.acquire(False):
                self._give_up(waiter)
                self._turn_of(waiter)
                return True
            if self._park(waiter, None if deadline is None else max(deadline - hub.now(), 0)) is TIMED_OUT:
                return False
            self._turn_of(waiter)
            if self._native.acquire(False):
                return True
            line_up = self._waiters.appendleft  # a call that does not block was faster: still the first in line

    def _park(self, waiter: _Waiter, seconds: float | None) -> Any:
        # As in CPython, the OS thread's own greenlet waits for a lock for ever if need be, because a signal may come.
        # It gets no LoopExit then; the loop reports on stderr who waits on what.
        hub = waiter.hub
        patient = root_greenlet() is hub.main
        hub.endless.count += patient
        try:
            return park_for(partial(self._give_up, waiter), seconds, shared=True)
        except BaseException:
            if self._next is waiter:
                self._turn_of(waiter)
                if not self._native.locked():
                    self._wake_next()  # it was woken, and will not take the lock
            raise
        finally:
            waiter.over = True
            hub.endless.count -= patient

    def _give_up(self, waiter: _Waiter) -> None:
        if waiter.take():
            with suppress(ValueError):  # a release has just removed it, and will see that it gave up
                self._waiters.remove(waiter)

    def _turn_of(self, waiter: _Waiter) -> None:
        waiter.over = True
        if self._next is waiter:
            self._next = None

    def release(self) -> None:
        """See ``lock.release``."""
        self._native.release()
        # A waiter first lines up and then tries the native lock. Here the order is the opposite, so of two OS threads
        # one always sees the other. The same holds for `_next` and the code that clears it.
        if self._waiters and self._next is None:
            self._wake_next()

    def _wake_next(self) -> None:
        mine = get_hub()
        while self._waiters:
            try:
                waiter = self._waiters.popleft()
            except IndexError:
                return
            self._next = waiter  # before its claim is taken: it passes on its turn only if it sees itself here
            if not waiter.take():
                self._turn_of(waiter)
                continue
            try:
                if waiter.hub is mine:
                    waiter.deliver()
                else:
                    waiter.hub.call_soon_threadsafe(waiter.deliver)
            except HubClosedError:
                self._turn_of(waiter)  # its OS thread ended, and the greenlet with it
                continue
            return

    def locked(self) -> bool:
        """See ``lock.locked``."""
        return self._native.locked()  # type: ignore[no-any-return]

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *args: object) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:
        self._native = _new_native_lock()
        self._next = None
        self._waiters = deque()

    acquire_lock: Final = acquire
    release_lock: Final = release
    locked_lock: Final = locked


def _made(cls: type[lock]) -> lock:
    made = object.__new__(cls)
    made._native = _new_native_lock()
    made._next = None
    made._waiters = deque()
    return made


def allocate_lock() -> lock:
    """See ``_thread.allocate_lock``."""
    return _made(lock)


class RLock:
    """See ``_thread.RLock``. Its owner is a thread as ``get_ident`` tells them apart."""

    __slots__ = ("__weakref__", "_block", "_count", "_owner")
    __module__ = "_thread"

    def __new__(cls, *args: object, **kwargs: object) -> RLock:
        made = object.__new__(cls)
        made._block = allocate_lock()
        made._owner = None
        made._count = 0
        return made

    _block: lock
    _owner: int | None
    _count: int

    def __repr__(self) -> str:
        state = "locked" if self._count else "unlocked"
        owner = self._owner or 0
        return f"<{state} _thread.RLock object owner={owner} count={self._count} at {id(self):#x}>"

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """See ``RLock.acquire``."""
        me = get_ident()
        if self._owner == me:
            _seconds(blocking, timeout)
            self._count += 1
            return True
        if self._block.acquire(blocking, timeout):
            self._owner = me
            self._count = 1
            return True
        return False

    def release(self) -> None:
        """See ``RLock.release``."""
        if self._owner != get_ident():
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if not self._count:
            self._owner = None
            self._block.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *args: object) -> None:
        self.release()

    def _is_owned(self) -> bool:
        return self._owner == get_ident()

    def _recursion_count(self) -> int:
        return self._count if self._owner == get_ident() else 0

    def _release_save(self) -> tuple[int, int]:
        if not self._count:
            raise RuntimeError("cannot release un-acquired lock")
        state = (self._count, self._owner or 0)
        self._count, self._owner = 0, None
        self._block.release()
        return state

    def _acquire_restore(self, state: tuple[int, int]) -> None:
        self._block.acquire()
        self._count, self._owner = state

    def _at_fork_reinit(self) -> None:
        self._block._at_fork_reinit()
        self._owner = None
        self._count = 0

    if sys.version_info >= (3, 14):

        def locked(self) -> bool:
            """See ``RLock.locked``."""
            return self._count > 0


# -- threads ---------------------------------------------------------------------------------------------------

_running = 0
#: For each greenlet that is a thread: what to call when it ends (releases its sentinel, or sets its handle done).
_at_end: dict[Any, list[Callable[[], object]]] = {}
#: In a forked child: the greenlet that forked, if it was not the first one of its OS thread.
_forked_in: Any = None


def _count() -> int:
    """See ``_thread._count``."""
    return _running


def _run(function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    global _running
    me = getcurrent()
    _running += 1
    try:
        function(*args, **kwargs)
    except (SystemExit, GreenletExit):
        pass
    except BaseException as error:  # noqa: BLE001  (as the C code: it is reported, and the thread ends)
        _report(function, error)
    finally:
        del function, args, kwargs
        _running -= 1
        for call in _at_end.pop(me, ()):
            call()
        if _forked_in is me:
            _leave()


def _leave() -> None:
    # The thread that forked is the child's only one: with it the process ends, as the C library has it.
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(0)


_IGNORED: Final = "Exception ignored in thread started by"
_NAMES_FUNCTION: Final = sys.version_info < (3, 13)


def _report(function: Callable[..., object], error: BaseException) -> None:
    what = SimpleNamespace(
        exc_type=type(error),
        exc_value=error,
        exc_traceback=error.__traceback__,
        err_msg=_IGNORED if _NAMES_FUNCTION else f"{_IGNORED} {function!r}",
        object=function if _NAMES_FUNCTION else None,
    )
    hook: Any = sys.unraisablehook
    if hook is not sys.__unraisablehook__:
        hook(what)
    elif sys.stderr is not None:
        sys.stderr.write(f"{_IGNORED}: {function!r}\n")
        sys.stderr.write(traceback_text(error))


def start_new_thread(function: Callable[..., object], args: Any, kwargs: Any = None, /) -> int:
    """See ``_thread.start_new_thread``."""
    if not callable(function):
        raise TypeError("first arg must be callable")
    if not isinstance(args, tuple):
        raise TypeError("2nd arg must be a tuple")
    if kwargs is not None and not isinstance(kwargs, dict):
        raise TypeError("optional 3rd arg must be a dictionary")
    sys.audit("_thread.start_new_thread", function, args, kwargs)
    made = _start(function, args, kwargs or {})
    begin_now()  # threading.Thread.start waits for that
    return id(made)


def _start(function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    made = spawn_raw(_run, function, args, kwargs)
    made.gr_context = contextvars.Context()  # a new thread has an empty one
    _green[id(made)] = made
    return made


def _set_sentinel() -> lock:
    """See ``_thread._set_sentinel``: a lock that is released as the calling thread ends."""
    made = allocate_lock()
    _at_end.setdefault(root_greenlet(), []).append(partial(_let_go, ref(made)))
    return made


def _let_go(sentinel: ref[lock]) -> None:
    found = sentinel()
    if found is not None and found.locked():
        found.release()


class _ThreadHandle:
    """See ``_thread._ThreadHandle`` (Python 3.13)."""

    __slots__ = ("__weakref__", "_done", "_ended", "_ident", "_starting")
    __module__ = "_thread"

    def __init__(self) -> None:
        self._ident: int = 0
        self._done = False
        self._starting = False
        self._ended = allocate_lock()
        self._ended.acquire()
        _handles.add(self)

    def __repr__(self) -> str:
        return f"<_ThreadHandle object: ident={self._ident}>"

    @property
    def ident(self) -> int:
        """The thread's ident, 0 before its start."""
        return self._ident

    def is_done(self) -> bool:
        """Whether the thread ended."""
        if not self._done:
            tried_in_vain()
        return self._done

    def _set_done(self) -> None:
        if not self._ident:
            raise RuntimeError("thread not started")
        self._finish()

    def _finish(self) -> None:
        self._done = True
        _joined_at_exit.discard(self)
        if self._ended.locked():
            self._ended.release()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end, at most ``timeout`` seconds."""
        if not self._ident:
            raise RuntimeError("thread not started")
        if self._done:
            give_way()  # as any wait: a signal that the thread has sent is handled now
            return
        if self._ident == get_ident():
            raise RuntimeError("Cannot join current thread")
        if self._ended.acquire(True, -1 if timeout is None or timeout < 0 else timeout):
            self._ended.release()


_handles: WeakSet[_ThreadHandle] = WeakSet()
_joined_at_exit: set[_ThreadHandle] = set()


def start_joinable_thread(
    function: Callable[[], object], handle: _ThreadHandle | None = None, daemon: bool = True
) -> _ThreadHandle:
    """See ``_thread.start_joinable_thread`` (Python 3.13)."""
    if not callable(function):
        raise TypeError("thread function must be callable")
    if handle is None:
        handle = _ThreadHandle()
    elif not isinstance(handle, _ThreadHandle):
        raise TypeError("'handle' must be a _ThreadHandle")
    sys.audit("_thread.start_joinable_thread", function, daemon, handle)
    if handle._ident or handle._starting:
        raise RuntimeError("thread already started")
    handle._starting = True
    made = _start(function, (), {})
    handle._ident = id(made)
    _at_end[made] = [handle._finish]
    if not daemon:
        _joined_at_exit.add(handle)
    begin_now()
    return handle


def _make_thread_handle(ident: int) -> _ThreadHandle:
    """See ``_thread._make_thread_handle`` (Python 3.13)."""
    handle = _ThreadHandle()
    handle._ident = ident
    return handle


def _shutdown() -> None:
    """See ``_thread._shutdown`` (Python 3.13): wait for all threads that are not daemons."""
    while _joined_at_exit:
        for handle in list(_joined_at_exit):
            handle.join()
    ORIGINAL["_thread"]._shutdown()


_native_frames: Any = sys._current_frames


def _current_frames() -> dict[int, Any]:
    """See ``sys._current_frames``, with the threads on greenlets, and this OS thread's first greenlet as itself."""
    found: dict[int, Any] = _native_frames()
    here, me = sys._getframe(1), root_greenlet()
    root = me
    while root.parent is not None:
        root = root.parent
    found[_native_ident()] = here if root is me else root.gr_frame
    for ident, one in list(_green.items()):
        frame = here if one is me else one.gr_frame
        if frame is not None:
            found[ident] = frame
    return found


def _after_fork_in_child() -> None:
    global _running, _forked_in
    me = root_greenlet()
    mine = _at_end.get(me)
    _at_end.clear()
    if mine is not None:
        _at_end[me] = mine
    for other in [one for one in _green if one != id(me)]:
        del _green[other]
    _running = len(_green)
    _forked_in = me if me.parent is not None else None
    ident = get_ident()
    for handle in list(_handles):
        if handle._ident == ident:
            handle._ended._at_fork_reinit()
            handle._ended.acquire()
        elif handle._ident:
            handle._ended._at_fork_reinit()
            handle._done = True
            _joined_at_exit.discard(handle)


os.register_at_fork(after_in_child=_after_fork_in_child)

__all__ = ["RLock", "allocate_lock", "get_ident", "lock", "start_new_thread"]
