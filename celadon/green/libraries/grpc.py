"""grpc: its own hooks for gevent, on our hub, so that a call or a server waits in threads and stops nobody.

``grpc.experimental.gevent.init_gevent`` asks gevent for two things, which are given to it here by these names: a pool
of threads, in which it polls its core, and a group to spawn in. See grpc's src/python/grpcio/grpc/_cython/_cygrpc/
grpc_gevent.pyx.pxi and completion_queue.pyx.pxi.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import ModuleType, SimpleNamespace
from typing import Any

from ...hub import Group, ThreadPool, get_hub, shield
from ..patching.hook import Hook

#: Each channel and each server that is open has one or two calls under way that end with it only.
_MOST_THREADS = 10_000
_POOL = object()


def _pool() -> ThreadPool:
    variables = get_hub().vars
    found: ThreadPool | None = variables.get(_POOL)
    if found is None or found.closed:
        found = variables[_POOL] = ThreadPool(_MOST_THREADS)
    return found


class _Threads:
    """The pool that grpc keeps, though each hub has one of its own."""

    def apply(self, function: Callable[..., Any], args: Iterable[Any] = (), kwds: dict[str, Any] | None = None) -> Any:
        """``function(*args, **kwds)`` in a thread, waited for to its end.

        A kill or a Timeout does not end the wait: grpc would free what the thread works on. A call's own deadline does.
        """
        call = _pool().spawn(function, *args, **(kwds or {}))
        with shield():
            return call.get()


def _module(name: str, **names: Any) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(names)
    return made


def _install(cygrpc: Any) -> None:
    """Call grpc's initialization; what it imports as gevent is ours meanwhile."""
    hub = _module("gevent.hub", get_hub=lambda: SimpleNamespace(threadpool=_Threads()))
    pool = _module("gevent.pool", Group=Group)
    stands_in = {"gevent": _module("gevent", hub=hub, pool=pool), "gevent.hub": hub, "gevent.pool": pool}
    before = {name: sys.modules.get(name) for name in stands_in}
    sys.modules.update(stands_in)
    try:
        cygrpc.init_grpc_gevent()
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


#: For ``grpc._cython.cygrpc``. What grpc has initialized stays so.
HOOKS = Hook(_install, lambda module: None)

__all__ = ["HOOKS"]
