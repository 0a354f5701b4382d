"""``ctypes.pythonapi.PyThreadState_SetAsyncExc`` for threads on greenlets, which the C function cannot find.

Recipes to stop a thread from outside call it with the thread's ident. A thread on a greenlet gets the exception at
its next wait; one of the operating system from the C function, as ever.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ..hub import get_hub
from .thread import green_thread


class _SetAsyncExc:
    """Called as the C function is; ``argtypes`` and ``restype`` may be set on it."""

    def __init__(self, std: Any) -> None:
        self._native = std.pythonapi["PyThreadState_SetAsyncExc"]
        self._native.argtypes = std.c_ulong, std.py_object
        self._take_back = std.pythonapi["PyThreadState_SetAsyncExc"]
        self.argtypes: Any = None
        self.restype: Any = std.c_int
        self._number, self._object = std.c_ulong, std.py_object

    def __call__(self, ident: Any, exception: Any) -> int:
        number = getattr(ident, "value", ident)
        # NULL, which takes back what is not raised yet, is None here.
        kind = getattr(exception, "value", exception) if exception is not None else None
        thread = green_thread(number) if isinstance(number, int) else None
        if thread is not None:
            if kind is not None:
                get_hub().cancel(thread, kind() if isinstance(kind, type) else kind)
            return 1
        if kind is None:
            return int(self._take_back(self._number(number), None))
        return int(self._native(number, self._object(kind)))


def pythonapi(module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``ctypes.pythonapi``."""
    return {"PyThreadState_SetAsyncExc": _SetAsyncExc(module)}


__all__ = ["pythonapi"]
