"""``threading`` on greenlets: the standard library's own classes over the functions of ``thread``.

``threading`` takes its primitives from ``_thread``. Three things it makes at import are replaced as well: the handle
(or lock) of the main thread, the locals behind dummy threads, and the class of dummy threads, which must end with
their greenlets.
"""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any
from weakref import ref

from ..hub import Greenlet
from ..hub.lowlevel import root_greenlet
from . import local, thread
from .fairness import give_way
from .patching.as_builtin import builtin


def _forget(std: Any, ident: int, dummy: Any) -> None:
    if std._active.get(ident) is dummy:
        del std._active[ident]


def _dummy(module: ModuleType) -> type:
    """The class of dummy threads before Python 3.13: each ends with its greenlet, whose ident may be used again."""
    std: Any = module
    base: type = std._DummyThread
    dummies: dict[int, tuple[Any, Any]] = {}

    def ended(ident: int, _: object) -> None:
        thread_of, _ = dummies.pop(ident)
        _forget(std, ident, thread_of)

    class _DummyThread(base):  # type: ignore[misc]
        """The Thread of a greenlet that ``threading`` did not start. It goes when that ends, a bare one's later."""

        def __init__(self) -> None:
            super().__init__()
            me = root_greenlet()
            if me.parent is not None:
                gone = partial(ended, self.ident)
                if isinstance(me, Greenlet):
                    me.rawlink(gone)
                dummies[self.ident] = (self, ref(me, gone))

    _DummyThread.__qualname__ = "_DummyThread"
    _DummyThread.__module__ = "threading"
    return _DummyThread


def _end_of_dummy(module: ModuleType) -> type:
    """What removes a dummy thread since Python 3.13. A greenlet may outlive ``threading``, at the interpreter's end.

    There was an "Exception ignored" then for each; CPython has mended the same for its own threads in later releases.
    """
    std: Any = module
    base: type = std._DeleteDummyThreadOnDel

    class _DeleteDummyThreadOnDel(base):  # type: ignore[misc]
        def __init__(self, dummy: Any) -> None:
            super().__init__(dummy)
            me = root_greenlet()
            if isinstance(me, Greenlet):  # not only when the greenlet is forgotten
                me.rawlink(lambda _: _forget(std, dummy.ident, dummy))

        def __del__(self) -> None:
            if std._active_limbo_lock is not None and std._active is not None:
                super().__del__()

    _DeleteDummyThreadOnDel.__qualname__ = "_DeleteDummyThreadOnDel"
    _DeleteDummyThreadOnDel.__module__ = "threading"
    return _DeleteDummyThreadOnDel


#: The main thread's new lock, made by ``module`` and put in place by ``main_thread`` (before Python 3.13).
_main_locks: dict[ModuleType, Any] = {}


def module(std_module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``threading``."""
    std: Any = std_module
    allocate_lock = builtin(thread.allocate_lock, "allocate_lock", "_thread")
    found: dict[str, Any] = {
        "_allocate_lock": allocate_lock,
        "Lock": thread.lock if isinstance(std.Lock, type) else allocate_lock,
        "_CRLock": thread.RLock,
        "get_ident": builtin(thread.get_ident, "get_ident", "_thread"),
        "local": local.local,
    }
    if hasattr(std, "_start_joinable_thread"):
        found |= {
            "_start_joinable_thread": thread.start_joinable_thread,
            "_LockType": thread.lock,
            "_thread_shutdown": thread._shutdown,
            "_make_thread_handle": thread._make_thread_handle,
            "_ThreadHandle": thread._ThreadHandle,
            # Asked for when a forked child has no Thread object for who called fork: that one is its main thread now.
            "_get_main_thread_ident": thread.get_ident,
        }
    else:
        found |= {"_start_new_thread": thread.start_new_thread, "_set_sentinel": thread._set_sentinel}
    old = getattr(std._main_thread, "_tstate_lock", None)
    if old is not None:
        made = _main_locks[std_module] = thread.allocate_lock()
        made.acquire()
        # The interpreter waits at its end for what is in this set; the one that was there comes back with `restore`.
        found["_shutdown_locks"] = {made if one is old else one for one in std._shutdown_locks}
    if not hasattr(std, "_thread_local_info"):
        found["_DummyThread"] = _dummy(std_module)
    else:
        found["_thread_local_info"] = local.local()
        found["_DeleteDummyThreadOnDel"] = _end_of_dummy(std_module)
    return found


def joining(std_module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``threading.Thread`` before Python 3.13, whose handles do this themselves.

    Joining a thread that has ended lets others run, as any wait does: a signal that the thread sent is handled then.
    A join that a kill or a Timeout ends leaves the thread as it is. The library takes an exception in its wait as a
    sign that the lock was taken (bpo-45274), and would count a thread that still runs as ended.
    """
    std: Any = std_module
    if hasattr(std, "_start_joinable_thread"):
        return {}
    original, original_wait = std.Thread.join, std.Thread._wait_for_tstate_lock

    def join(self: Any, timeout: float | None = None) -> None:
        original(self, timeout)
        give_way()

    def wait(self: Any, block: bool = True, timeout: float = -1) -> None:
        lock = self._tstate_lock
        if lock is not None:
            if not lock.acquire(block, timeout):
                return
            lock.release()
        original_wait(self, False)  # the lock is free: this does not wait

    join.__doc__ = original.__doc__
    return {"join": join, "_wait_for_tstate_lock": wait}


def main_thread(std_module: ModuleType) -> dict[str, Any]:
    """What is replaced in the object of the main thread, so that its end can be waited for."""
    std: Any = std_module
    main = std._main_thread
    if hasattr(main, "_handle"):
        return {"_handle": thread._make_thread_handle(main.ident)}
    made = _main_locks.pop(std_module, None)
    return {} if made is None else {"_tstate_lock": made}


__all__ = ["joining", "main_thread", "module"]
