"""What is patched, as one table: keyword of ``patch_all`` -> object of the library -> attribute -> replacement.

An object is a dotted name that begins with its module's. In place of the attributes may stand a Hook, which is
installed, or a function that is called with the module and returns either. A module that is not imported yet is patched
when it is imported, and only then is what replaces it imported.
"""

from __future__ import annotations

import _thread
import os
import selectors
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from .. import children, connections, local, queue, select, signal, socket, thread, threading, time
from ..files import buffered, descriptor, open_file
from .as_builtin import builtins
from .hook import Hook
from .polled import polled, repeated

Attributes = Mapping[str, Any] | Callable[[ModuleType], Mapping[str, Any]] | Hook


def _later(module: str, name: str) -> Callable[[ModuleType], Any]:
    """What a module of ``green`` gives under ``name``: imported once the module that it is for is there."""

    def found(patched: ModuleType) -> Any:
        given = getattr(import_module(f"celadon.green.{module}"), name)
        return given(patched) if callable(given) else given

    return found


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
        "ctypes.pythonapi": _later("ctypes", "pythonapi"),
        "syslog": repeated("openlog", "syslog"),
    },
    "signal": {"signal": _names(signal)},
    "time": {"time": builtins("time", {"sleep": time.sleep})},
    "socket": {
        "socket": {**_names(socket), **_names(connections), "io": open_file.FileModule()},
        "urllib3.util.connection": _later("libraries.urllib3", "bounded"),
    },
    "select": {
        "select": builtins("select", _names(select)),
        "selectors.SelectSelector": {"_select": staticmethod(select.select)},
        "selectors.PollSelector": {"_selector_cls": staticmethod(select.poll)},
        **({"selectors.EpollSelector": {"_selector_cls": select.epoll}} if hasattr(selectors, "EpollSelector") else {}),
    },
    "ssl": {"ssl.SSLContext": _later("tls_socket", "context")},
    "queue": {
        "_queue": queue.classes,
        "queue": queue.classes,
        "queue.Queue": polled("Queue", "empty", "full", "qsize"),
    },
    "builtins": {
        "io": {**_OPEN, **_names(buffered)},
        "builtins": _OPEN,
    },
    "subprocess": {"subprocess": _later("subprocess", "MODULE"), "subprocess.Popen": _later("subprocess", "popen")},
    "asyncio": {
        "asyncio.events": _later("asyncio", "events"),
        "asyncio.events.BaseDefaultEventLoopPolicy": _later("asyncio", "policy"),
        "asyncio.tasks": _later("asyncio", "tasks"),
        "asyncio.base_events.BaseEventLoop": _later("asyncio", "loop"),
        "asyncio": _later("asyncio", "package"),
        "uvloop.Loop": _later("libraries.uvloop", "loop"),
    },
    "multiprocessing": {
        "multiprocessing.synchronize.SemLock": _later("multiprocessing", "semlock"),
        "multiprocessing.connection.Connection._send": _later("multiprocessing", "SEND"),
        "multiprocessing.connection.Connection._recv": _later("multiprocessing", "RECV"),
    },
    "psycopg": {
        "psycopg2": _later("libraries.psycopg", "connecting"),
        "psycopg2.extensions": _later("libraries.psycopg", "PATIENT"),
        "psycopg.waiting": _later("libraries.psycopg", "waiting"),
        "psycopg.connection": _later("libraries.psycopg", "interruptions"),
    },
    "grpc": {"grpc._cython.cygrpc": _later("libraries.grpc", "HOOKS")},
    "sys": {"sys": _later("files.std_streams", "streams")},
    "files": {
        "io": _OPEN_IN_THREADS,
        "builtins": _OPEN_IN_THREADS,
    },
}

#: Patched only if asked for by name.
BY_CHOICE = frozenset(("sys", "files"))
