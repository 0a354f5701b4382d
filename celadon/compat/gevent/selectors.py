"""The standard library's ``selectors``, cooperatively, whether or not anything is patched."""

from __future__ import annotations

import errno
from typing import Any

from celadon.compat.shaped import fill
from celadon.green import import_patched

_GREEN: Any = import_patched("selectors")


class GeventSelector(_GREEN.DefaultSelector):  # type: ignore[misc]  # a class that is there when this is imported
    """The default one, by gevent's name. ``register`` raises ValueError for a number that was closed."""

    def register(self, fileobj: Any, events: int, data: Any = None) -> Any:
        """See ``BaseSelector``."""
        try:
            return super().register(fileobj, events, data)
        except OSError as error:  # EINVAL if the number is this selector's own by now
            if error.errno not in (errno.EBADF, errno.EINVAL):
                raise
            raise ValueError(f"Invalid file object: {fileobj!r}") from error


DefaultSelector = GeventSelector
fill(globals(), "selectors", _GREEN)
globals()["__all__"].append("GeventSelector")
