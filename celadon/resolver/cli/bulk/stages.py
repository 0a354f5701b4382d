"""The checks that a run was asked for, each an engine in front of its own. Without any, nothing of this is loaded."""

from __future__ import annotations

from functools import partial

from ...model import Server
from ...protocols import Engine
from ..exits import FileError
from .canary import Canary
from .checks import Checks
from .notes import Noted, Notes
from .nxdomain_cut import NxdomainCut
from .outcome_words import Schema
from .wildcards import WildcardCheck


def staged(
    checks: Checks, engine: Engine, render: Schema, concurrency: int, servers: tuple[Server, ...]
) -> tuple[Engine, Schema]:
    """The engine with the checks before it, and the schema that writes what they note."""
    notes = Notes(concurrency + 1)
    if checks.canary:
        engine = Canary(engine, notes, servers, checks)
    if checks.wildcard:
        path = checks.wildcards_file
        report = partial(_append, path) if path else bool
        engine = WildcardCheck(engine, checks.wildcard_tests, notes, report)
    if checks.nxdomain_cut:
        engine = NxdomainCut(engine, notes)
    unwanted = frozenset(("wildcard",)) if checks.wildcard == "drop" else frozenset()
    return engine, Noted(render, notes, checks.json, unwanted)


def _append(path: str, root: str) -> None:
    """One line, which several processes may write to one file at a time."""
    with open(path, "ab", buffering=0) as file:
        file.write(f"{root}\n".encode())


def begin_wildcards(path: str, anew: bool) -> None:
    """Make the file of wildcards, or empty it. FileError if that cannot be."""
    try:
        with open(path, "wb" if anew else "ab"):
            pass
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from None


def end_wildcards(path: str) -> None:
    """Sort the wildcards; what several processes found is there once."""
    with open(path, "rb") as file:
        found = sorted(set(file), key=lambda line: line[::-1])
    with open(path, "wb") as file:
        file.writelines(found)
