"""Which hub object a thread has, and waiting for a file by hand."""

from __future__ import annotations

import importlib
import inspect
import os
from types import ModuleType
from typing import Any

from greenlet import getcurrent

from celadon.hub import get_hub as _get_hub
from celadon.hub import wait_readable, wait_writable

from ..timeout import Timeout
from . import epolls
from .hub import BaseHub

_FACE = object()
_CLASS = object()


class HubError(Exception):
    """There is no hub of that name."""


def get_hub() -> Any:
    """This thread's hub."""
    variables = _get_hub().vars
    face = variables.get(_FACE)
    if face is None:
        if _CLASS not in variables and os.environ.get("EVENTLET_HUB") is not None:
            use_hub()
        face = variables[_FACE] = variables.get(_CLASS, BaseHub)()
    return face


def get_default_hub() -> ModuleType:
    """The module of the hub that is used."""
    return epolls


def use_hub(mod: Any = None) -> None:
    """Use a class, or the class Hub of a module, for the object that ``get_hub`` gives in this thread.

    It must be a subclass of ours: Celadon's loop runs, whatever is chosen. The names of eventlet's hubs all stand for
    it. ``"package.module:Class"`` names another one; None: what the environment's ``EVENTLET_HUB`` says.
    """
    if mod is None:
        mod = os.environ.get("EVENTLET_HUB", "epolls")
    name = ""
    if isinstance(mod, str):
        if not mod.strip():
            raise RuntimeError("Need to specify a hub")
        module, _, name = mod.strip().partition(":")
        mod = importlib.import_module(module if "." in mod or ":" in mod else f"{__package__}.{module}")
    available = getattr(mod, "is_available", None)
    if available is not None and not available():
        raise Exception(f"selected hub is not available on this system mod={mod}")
    made = mod if inspect.isclass(mod) else getattr(mod, name or "Hub")
    variables = _get_hub().vars
    variables.pop(_FACE, None)
    variables[_CLASS] = made


def trampoline(
    fd: Any,
    read: bool | None = None,
    write: bool | None = None,
    timeout: float | None = None,
    timeout_exc: Any = Timeout,
    mark_as_closed: Any = None,
) -> Any:
    """Wait until a file is ready to ``read`` or to ``write``; raises ``timeout_exc`` after ``timeout`` seconds.

    OSError (EBADF) if it is closed meanwhile.
    """
    if getcurrent() is _get_hub().greenlet:
        raise RuntimeError("do not call blocking functions from the mainloop")
    if read and write:
        raise RuntimeError("not allowed to trampoline for reading and writing")
    number = fd if isinstance(fd, int) else fd.fileno()
    try:
        (wait_readable if read else wait_writable)(number, timeout)
    except TimeoutError:
        raise timeout_exc from None
    return number


def notify_close(fd: int) -> None:
    """A file is about to be closed: wake who waits for it."""
    get_hub().notify_close(fd)


def notify_opened(fd: int) -> None:
    """The number is a new file: who waited for the old one is woken."""
    get_hub().mark_as_reopened(fd)


__all__ = ["HubError", "get_default_hub", "get_hub", "notify_close", "notify_opened", "trampoline", "use_hub"]
