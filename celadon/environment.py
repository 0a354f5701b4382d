"""The environment variables that Celadon reads, and what each may say.

Checked as a whole before ``patch_all`` changes anything, so that a typing error is not noticed hours later. What
CELADON_RESOLVER may say is for ``celadon.resolver``.
"""

from __future__ import annotations

import math
import os
import select
from collections.abc import Callable

_POLLERS = tuple(name for name in ("epoll", "kqueue", "poll", "select") if hasattr(select, name))


def _is_seconds(text: str) -> bool:
    try:
        return 0 < float(text) < math.inf
    except ValueError:
        return False


#: Variable -> (whether a value is good, what to write).
_TABLE: dict[str, tuple[Callable[[str], bool], str]] = {
    "CELADON_ACCEL": (lambda text: text in ("0", "1"), "write 0 (off) or 1 (on, the default)"),
    "CELADON_POLLER": (_POLLERS.__contains__, f"this system has {', '.join(_POLLERS)}"),
    "CELADON_WATCHDOG": (_is_seconds, "write the limit in seconds, such as 0.05"),
}


def check(*names: str) -> None:
    """ValueError, one line, for the first of these variables (default: all) with a value that cannot be.

    An empty variable counts as not set.
    """
    for name in names or _TABLE:
        good, advice = _TABLE[name]
        value = os.environ.get(name)
        if value and not good(value):
            raise ValueError(f"{name}={value}: {advice}")
