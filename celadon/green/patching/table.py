"""What is patched, as one table: keyword of ``patch_all`` -> object of the library -> attribute -> replacement.

An object is a dotted name that begins with its module's. In place of the attributes may stand a function that is called
with the module and returns them, or a Hook, which is installed. A module that is not imported yet is patched when it is
imported.
"""

from __future__ import annotations

import _thread
import os
import selectors
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from .. import (
    asyncio,
    children,
    connections,
    ctypes,
    local,
    multiprocessing,
    queue,
    select,
    signal,
    socket,
    subprocess,
    thread,
    threading,
    time,
)
from ..as_builtin import builtins
from ..files import buffered, descriptor, open_file, std_streams
from ..hook import Hook
from ..libraries import psycopg, urllib3
from ..ssl import context
from .polled import polled, repeated

Attributes = Mapping[str, Any] | Callable[[ModuleType], Mapping[str, Any]] | Hook


def _names(module: Any, *more: str) -> dict[str, Any]:
    return {name: getattr(module, name) for name in (*module.__all__, *more)}


_JOINABLE = hasattr(_thread, "start_joinable_thread")  # Python 3.13
_THREAD: dict[str, Any] = {
    "start_new_thread": thread.start_new_thread,
    "start_new": thread.start_new_thread,
    "allocate_lock": thread.lock if _thread.allocate_lock is _thread.LockType else thread.allocate_lock,
    "allocate": thread.lock if _thread.allocate_lock is _thread.LockType else thread.allocate_lock,
    "LockType": thread.lock,
    "RLock": thread.RLock,
    "get_ident": thread.get_ident,
    "_count": thread._count,
    "_local": local.local,
    **(
        {
            "lock": thread.lock,
            "start_joinable_thread": thread.start_joinable_thread,
            "_ThreadHandle": thread._ThreadHandle,
            "_make_thread_handle": thread._make_thread_handle,
            "_shutdown": thread._shutdown,
        }
        if _JOINABLE
        else {"_set_sentinel": thread._set_sentinel}
    ),
}

# One object in both modules, as the original is.
_OPEN = builtins(open.__module__, {"open": open_file.open})
_OPEN_IN_THREADS = builtins(open.__module__, {"open": open_file.open_in_threads})
_OS = builtins("posix", {**_names(descriptor), **_names(children)})
TABLE: dict[str, dict[str, Attributes]] = {
    "os": {"os": {**_OS, "supports_dir_fd": {*os.supports_dir_fd, _OS["open"]}}},
    "thread": {
        "_thread": builtins("_thread", _THREAD),
        "threading": threading.module,
        "threading._main_thread": threading.main_thread,
        "threading.Thread": threading.joining,
        "sys": builtins("sys", {"_current_frames": thread._current_frames}),
        "_threading_local": {"local": local.local},
        "threading.Event": polled("Event", "is_set"),
        "concurrent.futures._base.Future": polled("Future", "done", "running"),
        "ctypes.pythonapi": ctypes.pythonapi,
        "syslog": repeated("openlog", "syslog"),
    },
    "signal": {"signal": _names(signal)},
    "time": {"time": builtins("time", {"sleep": time.sleep})},
    "socket": {
        "socket": {**_names(socket), **_names(connections), "io": open_file.FileModule()},
        "urllib3.util.connection": urllib3.bounded,
    },
    "select": {
        "select": builtins("select", _names(select)),
        "selectors.SelectSelector": {"_select": staticmethod(select.select)},
        "selectors.PollSelector": {"_selector_cls": staticmethod(select.poll)},
        **({"selectors.EpollSelector": {"_selector_cls": select.epoll}} if hasattr(selectors, "EpollSelector") else {}),
    },
    "ssl": {"ssl.SSLContext": context},
    "queue": {
        "_queue": queue.classes,
        "queue": queue.classes,
        "queue.Queue": polled("Queue", "empty", "full", "qsize"),
    },
    "builtins": {
        "io": {**_OPEN, **_names(buffered)},
        "builtins": _OPEN,
    },
    "subprocess": {"subprocess": subprocess.MODULE, "subprocess.Popen": subprocess.popen},
    "asyncio": {
        "asyncio.events": asyncio.events,
        "asyncio.events.BaseDefaultEventLoopPolicy": asyncio.policy,
        "asyncio.tasks": asyncio.tasks,
        "asyncio.base_events.BaseEventLoop": asyncio.loop,
        "asyncio": asyncio.package,
    },
    "multiprocessing": {
        "multiprocessing.synchronize.SemLock": multiprocessing.semlock,
        "multiprocessing.connection.Connection._send": multiprocessing.SEND,
        "multiprocessing.connection.Connection._recv": multiprocessing.RECV,
    },
    "psycopg": {
        "psycopg2": psycopg.connecting,
        "psycopg2.extensions": psycopg.PATIENT,
        "psycopg.waiting": psycopg.waiting,
        "psycopg.connection": psycopg.interruptions,
    },
    "sys": {"sys": std_streams.streams},
    "files": {
        "io": _OPEN_IN_THREADS,
        "builtins": _OPEN_IN_THREADS,
    },
}

#: Patched only if asked for by name.
BY_CHOICE = frozenset(("sys", "files"))
