"""What other libraries take from ``gevent._compat``."""

from __future__ import annotations

import importlib
import io
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

PYPY = sys.implementation.name == "pypy"
PY311, PY312, PY313, PY314 = (sys.version_info >= (3, minor) for minor in (11, 12, 13, 14))
WIN = sys.platform.startswith("win")
LINUX = sys.platform.startswith("linux")
OSX = MAC = sys.platform == "darwin"
PURE_PYTHON = GLOBAL_PURE_PYTHON = True
string_types: tuple[type, ...] = (str,)
integer_types: tuple[type, ...] = (int,)
text_type = str
native_path_types: tuple[type, ...] = (str,)
hostname_types: tuple[type, ...] = (str, bytes, bytearray)
thread_mod_name = "_thread"
NativeStrIO = io.StringIO
PathLike = os.PathLike
fspath = _fspath = os.fspath
fsencode, fsdecode = os.fsencode, os.fsdecode
perf_counter, monotonic, get_clock_info = time.perf_counter, time.monotonic, time.get_clock_info
xrange, izip = range, zip


def reraise(kind: Any, value: Any, trace: Any = None) -> None:
    """Raise what ``sys.exc_info()`` gave."""
    raise value.with_traceback(trace) if value.__traceback__ is not trace else value


def exc_clear() -> None:
    """Nothing."""


def iteritems(mapping: Mapping[Any, Any]) -> Any:
    """Its items."""
    return mapping.items()


def itervalues(mapping: Mapping[Any, Any]) -> Any:
    """Its values."""
    return mapping.values()


def get_this_psutil_process() -> Any:
    """Psutil's Process of this one; None without psutil."""
    try:
        return importlib.import_module("psutil").Process()
    except ImportError:
        return None
