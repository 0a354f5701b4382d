"""The garbage collector seldom looks at a run of many lookups: what comes and goes there is no cycle."""

from __future__ import annotations

import _thread
import gc
from collections.abc import Iterator
from contextlib import contextmanager

_EVERY = 50_000  # objects: more than what is in flight has, or that is gone through again and again

_lock = _thread.allocate_lock()
_runs = 0
_before = (0, 0, 0)
_froze = False


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Spare the collector what was imported, and most of what comes and goes, while a block lasts.

    The settings are the process' own, so of several threads the first changes them and the last restores them.
    """
    global _runs, _before, _froze
    with _lock:
        _runs += 1
        if _runs == 1:
            _before = gc.get_threshold()
            _froze = not gc.get_freeze_count()  # what a program froze itself stays frozen
            if _froze:
                gc.freeze()
            gc.set_threshold(_EVERY, *_before[1:])
    try:
        yield
    finally:
        with _lock:
            _runs -= 1
            if not _runs:
                gc.set_threshold(*_before)
                if _froze:
                    gc.unfreeze()
