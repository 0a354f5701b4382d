"""The standard library's ``socket``, cooperatively, whether or not anything is patched; and gevent's own names."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any

from celadon.compat.shaped import fill
from celadon.green import import_patched
from celadon.resolver import ResolveError

from ._hub_local import get_hub
from ._hub_primitives import wait_on_watcher, wait_read, wait_readwrite, wait_write  # noqa: F401
from .resolver import begin

begin()


class cancel_wait_ex(OSError):  # noqa: N801  (gevent's name)
    """What a wait for a descriptor raises that is closed: EBADF."""

    def __init__(self) -> None:
        super().__init__(9, "File descriptor was closed in another greenlet")


def cancel_wait(watcher: Any, error: Any = cancel_wait_ex) -> None:
    """Raise ``error`` in the greenlet that waits for the watcher."""
    get_hub().cancel_wait(watcher, error)


wait = wait_on_watcher
_green = import_patched("socket")


def _plainly(lookup: Callable[..., Any]) -> Callable[..., Any]:
    """The lookup with the standard library's own error, as gevent has it; ``__cause__`` says what was asked."""

    @wraps(lookup)
    def look_up(*args: Any, **kwargs: Any) -> Any:
        try:
            return lookup(*args, **kwargs)
        except ResolveError as error:
            raise _green.gaierror(*error.args) from error

    look_up.__signature__ = signature(lookup)  # type: ignore[attr-defined]
    return look_up


getaddrinfo = _plainly(_green.getaddrinfo)
getnameinfo = _plainly(_green.getnameinfo)
gethostbyname = _plainly(_green.gethostbyname)
gethostbyname_ex = _plainly(_green.gethostbyname_ex)
gethostbyaddr = _plainly(_green.gethostbyaddr)

fill(globals(), "socket", _green, ("cancel_wait", "wait_read", "wait_readwrite", "wait_write"))
