"""The system's libc, called in threads: nsswitch, mDNS, LDAP and all, while the program goes on.

The threads are not those of the pool for user code, so neither delays the other. There are many of them: a lookup
mostly waits, and libc cannot wait for several in one thread.

Whoever makes a call that is under way already waits for that one: libc asks servers once however many wait. This holds
within one hub, as it does for the engines (``answers/single_flight``).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from copy import copy
from importlib import import_module
from typing import Any

from ...hub import ThreadPool, ThreadResult, get_hub
from ...hub.lowlevel import hub_if_any
from ..model import Config
from .calls import Call
from .libc import BlockResolver, at_once

_WIDTH = 64
_IDLE = 5.0  # seconds


def ready() -> None:
    """Import what libc's calls import, before there are threads.

    Threads that wait for each other's import wait in a hub of their own, and one that wakes there while the interpreter
    ends crashes it: greenlet's frames do not stand a thread's sudden end.
    """
    import_module("encodings.idna")
    import_module("ctypes")


class _Lane:
    """One hub's threads, and the calls under way there with the number of greenlets that wait for each."""

    def __init__(self) -> None:
        ready()
        self.pool = ThreadPool(_WIDTH, _IDLE)
        self._flights: dict[Hashable, list[Any]] = {}

    def call(self, ask: Callable[[Call], Any], call: Call) -> Any:
        """The result of ``ask(call)`` in a thread, shared with others who wait for the same call.

        One waiter that is killed or times out leaves the others alone; with the last one the call is cancelled, if no
        thread has begun it. Every waiter gets a result or an error of its own.
        """
        key = key_of(call)
        flight = self._flights.get(key)
        if flight is None or flight[0].ready():
            flight = self._flights[key] = [self.pool.spawn(ask, call), 0]
        result: ThreadResult[Any] = flight[0]
        flight[1] += 1
        try:
            result.wait()
        finally:
            flight[1] -= 1
            if not flight[1]:
                if self._flights.get(key) is flight:
                    del self._flights[key]
                if not result.ready():
                    result.cancel()
        error = result.exception
        if error is not None:
            raise copy(error)
        return own(result.get())


def key_of(call: Call) -> Hashable:
    """Equal for calls that libc cannot tell apart: 80 and 80.0 are equal, but the latter is no port."""
    flat = [one for arg in call.args for one in (arg if isinstance(arg, tuple) else (arg,))]
    key = call, tuple(map(type, flat))
    try:
        hash(key)
    except TypeError:
        return object()  # a bytearray, or what is an error anyway: a call of its own
    return key


def own(value: Any) -> Any:
    """A result with lists of its own: its waiter may change them."""
    if isinstance(value, list):
        return value.copy()
    return tuple(map(own, value)) if isinstance(value, tuple) else value


class ThreadResolver(BlockResolver):
    """See the module. A kill or a Timeout returns at once; libc's own call ends alone and its answer is dropped."""

    name = "thread"

    def call(self, call: Call) -> Any:
        """See CallResolver. A getaddrinfo that asks nobody needs no thread."""
        found = at_once(call)
        if found is not None:
            return found
        variables = get_hub().vars
        lane: _Lane | None = variables.get(self)
        if lane is None:
            lane = variables[self] = _Lane()
        return lane.call(self.ask_libc, call)

    def close(self) -> None:
        """End this hub's lane; calls under way end alone."""
        hub = hub_if_any()
        lane: _Lane | None = hub.vars.pop(self, None) if hub is not None else None
        if lane is not None:
            lane.pool.close()


def make(config: Config | None) -> ThreadResolver:
    """The resolver; one serves all threads, each with a lane of its own."""
    return ThreadResolver(config)
