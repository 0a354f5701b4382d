"""``gevent.config``: gevent's settings by name, with its environment variables. Some are kept and do not matter."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pprint import saferepr
from typing import Any, NamedTuple


def validate_bool(value: Any) -> bool:
    """Whether a text such as ``on``, ``yes`` or ``1`` means yes; ValueError for one that means nothing."""
    if isinstance(value, str):
        value = value.lower().strip()
        if value not in _WORDS:
            raise ValueError(f"Invalid boolean string: {value!r}")
        return _WORDS[value]
    return bool(value)


_WORDS = {**dict.fromkeys(("1", "true", "on", "yes"), True), **dict.fromkeys(("0", "false", "off", "no", ""), False)}
_SIZES = {"kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}


def validate_invalid(value: Any) -> Any:
    """ValueError."""
    raise ValueError(f"Not a valid value: {value!r}")


def validate_anything(value: Any) -> Any:
    """The value."""
    return value


def _positive(value: Any) -> float | None:
    number = float(value) if value else None
    if number is not None and number <= 0:
        raise ValueError("Must be positive")
    return number


def _seconds(value: Any) -> float | None:
    return float(value) if value else None


def _bytes(value: Any) -> Any:
    if not value or not isinstance(value, str):
        return value
    factor = _SIZES.get(value[-2:].lower())
    return int(value) if factor is None else int(value[:-2]) * factor


def _whole(value: Any) -> int | None:
    return int(value) if value else None


def _importable(short: dict[str, str]) -> Callable[[Any], Any]:
    """The first that can be imported of names (``package.module.name`` or short ones), or the object given."""

    def convert(value: Any) -> Any:
        names = value.split(",") if isinstance(value, str) else value
        if not isinstance(names, list | tuple):
            return value
        error: Exception = ImportError("Cannot import from empty list")
        for name in names:
            if not isinstance(name, str):
                return name
            try:
                module, _, item = short.get(name, name).rpartition(".")
                if not module or "/" in module:
                    raise ImportError(f"Cannot import {name!r}. Required format: [package.]module.class")
                return getattr(importlib.import_module(module), item)
            except (ImportError, AttributeError) as failure:
                error = failure
        raise ImportError(str(error))

    return convert


def _text_list(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


class _Setting(NamedTuple):
    variable: str
    default: Any
    convert: Callable[[Any], Any]


_HERE = __package__
RESOLVERS = {
    "ares": f"{_HERE}.resolver.ares.Resolver",
    "thread": f"{_HERE}.resolver.thread.Resolver",
    "block": f"{_HERE}.resolver.blocking.Resolver",
    "dnspython": f"{_HERE}.resolver.dnspython.Resolver",
}
_FILES = {
    "posix": f"{_HERE}.fileobject.FileObjectPosix",
    "thread": f"{_HERE}.fileobject.FileObjectThread",
    "block": f"{_HERE}.fileobject.FileObjectBlock",
}
SETTINGS = {
    "resolver": _Setting("GEVENT_RESOLVER", ["thread"], _importable(RESOLVERS)),
    "threadpool": _Setting("GEVENT_THREADPOOL", f"{_HERE}.threadpool.ThreadPool", _importable({})),
    "threadpool_idle_task_timeout": _Setting("GEVENT_THREADPOOL_IDLE_TASK_TIMEOUT", 5.0, _seconds),
    "loop": _Setting("GEVENT_LOOP", f"{_HERE}.core.loop", lambda value: _importable({})(f"{_HERE}.core.loop")),
    "format_context": _Setting("GEVENT_FORMAT_CONTEXT", saferepr, _importable({})),
    "libev_backend": _Setting("GEVENT_BACKEND", None, validate_anything),
    "fileobject": _Setting("GEVENT_FILE", ["posix"], _importable(_FILES)),
    "disable_watch_children": _Setting("GEVENT_NOWAITPID", False, validate_bool),
    "trace_malloc": _Setting("PYTHONTRACEMALLOC", False, _whole),
    "track_greenlet_tree": _Setting("GEVENT_TRACK_GREENLET_TREE", True, validate_bool),
    "monitor_thread": _Setting("GEVENT_MONITOR_THREAD_ENABLE", False, validate_bool),
    "max_blocking_time": _Setting("GEVENT_MAX_BLOCKING_TIME", 0.1, _positive),
    "print_blocking_reports": _Setting("GEVENT_MONITOR_PRINT_BLOCKING_REPORTS", True, validate_bool),
    "memory_monitor_period": _Setting("GEVENT_MONITOR_MEMORY_PERIOD", 5.0, _positive),
    "max_memory_usage": _Setting("GEVENT_MONITOR_MEMORY_MAX", None, _bytes),
    "resolver_nameservers": _Setting("GEVENT_RESOLVER_NAMESERVERS", None, _text_list),
    "resolver_timeout": _Setting("GEVENT_RESOLVER_TIMEOUT", None, _positive),
    "ares_flags": _Setting("GEVENTARES_FLAGS", None, _whole),
    "ares_timeout": _Setting("GEVENTARES_TIMEOUT", None, _positive),
    "ares_tries": _Setting("GEVENTARES_TRIES", None, _whole),
    "ares_ndots": _Setting("GEVENTARES_NDOTS", None, _whole),
    "ares_udp_port": _Setting("GEVENTARES_UDP_PORT", None, _whole),
    "ares_tcp_port": _Setting("GEVENTARES_TCP_PORT", None, _whole),
    "ares_servers": _Setting("GEVENTARES_SERVERS", None, _text_list),
}


class Config:
    """The settings as attributes. Each is read from its environment variable at its first use, and may be set."""

    settings = SETTINGS

    def __init__(self) -> None:
        vars(self)["_values"] = {}
        vars(self)["_told"] = {}

    def __getattr__(self, name: str) -> Any:
        values = vars(self)["_values"]
        if name not in values:
            if name not in SETTINGS:
                raise AttributeError(f"No configuration setting for: {name!r}")
            setting = SETTINGS[name]
            values[name] = setting.convert(os.environ.get(setting.variable, setting.default))
        return values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self.set(name, value)

    def set(self, name: str, value: Any) -> None:
        """Set one by name. AttributeError for a name that there is not, ValueError for a value that cannot be."""
        if name not in SETTINGS:
            raise AttributeError(f"No configuration setting for: {name!r}")
        vars(self)["_values"][name] = value = SETTINGS[name].convert(value)
        if name in vars(self)["_told"]:
            vars(self)["_told"][name](value)

    def when_set(self, name: str, function: Callable[[Any], object]) -> None:
        """Call ``function(value)`` whenever that one is set, and now if the environment says anything about it."""
        vars(self)["_told"][name] = function
        if SETTINGS[name].variable in os.environ:
            function(getattr(self, name))

    def is_set(self, name: str) -> bool:
        """Whether the program or its environment says anything about it."""
        return name in vars(self)["_values"] or SETTINGS[name].variable in os.environ

    def __dir__(self) -> list[str]:
        return list(SETTINGS)

    def print_help(self) -> None:
        """Names, environment variables and defaults."""
        for name, setting in SETTINGS.items():
            print(f"{name}\n    {setting.variable}, default {setting.default!r}")


config = Config()

if __name__ == "__main__":
    config.print_help()

__all__ = ["config"]
