"""The checks that a run was asked for, each an engine in front of its own. Without any, nothing of this is loaded."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from ... import registry
from ...dns.exchange import Tuning
from ...frozen import replace
from ...model import Config
from ...protocols import Engine
from ..exits import FileError
from .canary import Canary
from .checks import Checks
from .compound import Compound
from .fields import EdnsNotes, Fields
from .notes import Noted, Notes
from .nxdomain_cut import NxdomainCut
from .outcome_words import Schema
from .recheck import Recheck
from .verified import Verified
from .wildcards import WildcardCheck


def staged(checks: Checks, engine: Engine, render: Schema, concurrency: int, config: Config) -> tuple[Engine, Schema]:
    """The engine with the checks before it, and the schema that writes what they note."""
    notes = Notes(concurrency + 1)
    unwanted: dict[str, Any] = {}
    if checks.recheck:
        exchange = cast(Any, engine).exchange
        engine = Recheck(engine, exchange, notes, config.servers, checks)
    if checks.canary:
        engine = Canary(engine, notes, config.servers, checks)
    asker = engine
    if checks.trusted:
        tuning = Tuning(in_flight=concurrency, rate=checks.rate_trusted, adaptive=True)
        asker = registry.make_engine("python", _of_trusted(checks, config), tuning)
        engine = Verified(engine, asker, notes)
        if not checks.json:
            unwanted["verified"] = False
    if checks.wildcard:
        path = checks.wildcards_file
        engine = WildcardCheck(engine, asker, checks.wildcard_tests, notes, partial(_append, path) if path else bool)
        if checks.wildcard == "drop":
            unwanted["wildcard"] = True
    if checks.nxdomain_cut:
        engine = NxdomainCut(engine, notes)
    if checks.lookup:
        engine = Compound(engine, notes, checks.lookup)
    if checks.edns:
        engine = EdnsNotes(engine, notes)
    noted: Schema = Noted(render, notes, checks.json, unwanted)
    return engine, Fields(noted, checks.fields) if checks.fields else noted


def _of_trusted(checks: Checks, config: Config) -> Config:
    return replace(config, servers=checks.trusted, rotate=len(checks.trusted) > 1, attempts=max(config.attempts, 3))


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
