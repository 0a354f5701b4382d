"""Whether the files that a program's modules came from have changed, for ``--reload``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from types import ModuleType

#: A file's time of change and size; None if it is not there.
Stamp = tuple[int, int] | None


def files(modules: Iterable[ModuleType], apart_from: tuple[str, ...]) -> set[str]:
    """The files of modules, without those in the folders of the interpreter and of what is installed."""
    found = {getattr(one, "__file__", None) for one in modules}
    return {one for one in found if isinstance(one, str) and not one.startswith(apart_from)}


def stamps(paths: Iterable[str]) -> dict[str, Stamp]:
    """Each file's stamp now."""
    return {path: _stamp(path) for path in paths}


def _stamp(path: str) -> Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def changed(before: Mapping[str, Stamp], now: Mapping[str, Stamp]) -> list[str]:
    """The files of ``before`` that are not as they were."""
    return sorted(path for path, stamp in before.items() if now.get(path) != stamp)


class Watched:
    """The files of the modules that are imported so far."""

    def __init__(self, apart_from: tuple[str, ...] = ()) -> None:
        self._apart_from = apart_from or (sys.base_prefix + "/lib/", sys.prefix + "/lib/")
        self._before: dict[str, Stamp] = {}
        self.changes()

    def changes(self) -> list[str]:
        """The files that were changed since they were imported, or since this was asked before."""
        found = changed(self._before, stamps(self._before))
        self._before = stamps(files(list(sys.modules.values()), self._apart_from))
        return found


__all__ = ["Watched", "changed", "files", "stamps"]
