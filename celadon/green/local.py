"""``threading.local``, for greenlets."""

from __future__ import annotations

from typing import Any

from ..hub import local as _local
from ..hub.lowlevel import root_greenlet


class local(_local):  # noqa: N801  (the standard library's name)
    """See ``threading.local``."""

    __module__ = "_thread"
    _local__owner = staticmethod(root_greenlet)

    def __delattr__(self, name: str) -> Any:
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        super().__delattr__(name)


__all__ = ["local"]
