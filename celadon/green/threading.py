"""``threading``, on greenlets: the standard library's own classes, over the functions of ``thread``.

Besides what ``threading`` takes from ``_thread`` there are three objects made when it was imported: the main thread's
handle (or lock), the locals behind dummy threads, and the class of these, which must go with its greenlet.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any
from weakref import ref

from ..hub import getcurrent
from . import local, thread


def _dummy(module: ModuleType) -> type:
    std: Any = module
    base: type = std._DummyThread

    class _DummyThread(base):  # type: ignore[misc]
        """Stands for a greenlet that ``threading`` did not start; it is forgotten as the greenlet ends."""

        def __init__(self) -> None:
            super().__init__()
            ident = self.ident

            def gone(_: object) -> None:
                _gone.pop(ident, None)
                if std._active.get(ident) is self_ref():
                    std._active.pop(ident, None)

            self_ref = ref(self)
            me = getcurrent()
            if me.parent is not None:
                _gone[id(me)] = ref(me, gone)

    _DummyThread.__qualname__ = "_DummyThread"
    _DummyThread.__module__ = "threading"
    return _DummyThread


_gone: dict[int, Any] = {}


def module(std_module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``threading``."""
    std: Any = std_module
    found: dict[str, Any] = {
        "_allocate_lock": thread.allocate_lock,
        "Lock": thread.lock if isinstance(std.Lock, type) else thread.allocate_lock,
        "_CRLock": thread.RLock,
        "get_ident": thread.get_ident,
        "local": local.local,
        "_DummyThread": _dummy(std_module),
    }
    if hasattr(std, "_start_joinable_thread"):
        found |= {
            "_start_joinable_thread": thread.start_joinable_thread,
            "_LockType": thread.lock,
            "_thread_shutdown": thread._shutdown,
            "_make_thread_handle": thread._make_thread_handle,
            "_ThreadHandle": thread._ThreadHandle,
        }
    else:
        found |= {"_start_new_thread": thread.start_new_thread, "_set_sentinel": thread._set_sentinel}
    if hasattr(std, "_thread_local_info"):
        found["_thread_local_info"] = local.local()
    return found


def main_thread(std_module: ModuleType) -> dict[str, Any]:
    """What is replaced in the object of the main thread, so that its end can be waited for."""
    std: Any = std_module
    main = std._main_thread
    if hasattr(main, "_handle"):
        return {"_handle": thread._make_thread_handle(main.ident)}
    if main._tstate_lock is None:
        return {}
    made = thread.allocate_lock()
    made.acquire()
    # The interpreter waits at its end for what is in this set.
    if main._tstate_lock in std._shutdown_locks:
        std._shutdown_locks.discard(main._tstate_lock)
        std._shutdown_locks.add(made)
    return {"_tstate_lock": made}


__all__ = ["main_thread", "module"]
