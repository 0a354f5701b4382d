"""The resolver's optional accelerator: DNS messages made and read in C, the same as ``dns/wire`` makes and reads them.

Built by an ordinary install where there is a C compiler, left out silently where there is none. ``CELADON_ACCEL=0`` in
the environment keeps it off, and the hub's as well. ``stats().accelerator`` and ``resolve --version`` tell. In a
checkout it may be older than the Python beside it: then it counts as not built, with a warning.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

_FORM = 1  # of the C source that this code goes with


def current(built: Any) -> Any:
    """The compiled module, or None with a RuntimeWarning if it was built from another form of its source."""
    if getattr(built, "FORM", 0) == _FORM:
        return built
    warnings.warn(
        "celadon.resolver: the accelerator is of an older source and is not used; build it again: pip install -e .",
        RuntimeWarning,
        stacklevel=2,
    )
    return None


try:
    from . import _codec as _built

    _codec: Any = current(_built)
except ImportError:  # there was no compiler
    _codec = None

#: The accelerator's functions; None where it was not built, or is kept off.
codec: Any = _codec if os.environ.get("CELADON_ACCEL", "1") != "0" else None


def state() -> str:
    """``on``, ``off``, or ``not built``."""
    return "not built" if _codec is None else "off" if codec is None else "on"


__all__ = ["codec", "state"]
