"""Libraries that wait in C, where the patch has no effect: every greenlet of the thread stops meanwhile."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

#: Name of the module that a program imports -> what to do instead, as the end of a sentence.
BLOCKS_IN_C: Final = MappingProxyType(
    {
        "zmq": "import celadon.integrations.zmq in its place, or call it with celadon.hub.to_thread",
    }
)
_warned: set[str] = set()


def warn_of(names: Iterable[str]) -> None:
    """Issue a RuntimeWarning for each of the modules that waits in C; once per module and process."""
    for name in names:
        if name in BLOCKS_IN_C and name not in _warned:
            _warned.add(name)
            effect = "where celadon.patch_all has no effect: it stops all greenlets"
            more = "see 'What differs' in docs/patching.md"
            warnings.warn(f"{name} waits in C, {effect}; {BLOCKS_IN_C[name]} ({more})", RuntimeWarning, stacklevel=2)


__all__ = ["BLOCKS_IN_C", "warn_of"]
