"""``resolve bulk``: many names as massdns and zdns do it, one record for each name and type."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any

from .. import registry
from ..bulk import bulk
from ..files import System
from ..model import Config, RRType
from . import schemas
from .bulkoptions import Options, help_text, parse
from .exits import UsageError


def _lines(source: str) -> Iterator[str]:
    file: IO[bytes] = sys.stdin.buffer if source == "-" else open(source, "rb")  # noqa: SIM115  (closed below)
    try:
        for raw in file:
            name = raw.decode("utf-8", "surrogateescape").strip()
            if name:
                yield name
    finally:
        if source != "-":
            file.close()


def main(words: list[str]) -> int:
    """Run ``resolve bulk`` with these arguments; returns the exit status."""
    options = parse(words)
    if "--help" in options.values:
        print(help_text())
        return 0
    return _many(options)


def _config(options: Options) -> Config:
    base = System().world().config
    changes: dict[str, Any] = {
        "timeout": options.values.get("--timeout", 2.0),
        "attempts": options.values.get("--attempts", 3),
    }
    if options.servers:
        changes["servers"] = tuple(options.servers)
    elif "--port" in options.values:
        changes["servers"] = tuple(replace(one, port=int(str(options.values["--port"]))) for one in base.servers)
    return replace(base, **changes)


def _many(options: Options) -> int:
    name = str(options.values.get("--resolver", "python"))
    if name not in registry.ENGINES:
        raise UsageError(f"bulk asks DNS: --resolver is one of {', '.join(registry.ENGINES)}, not {name!r}")
    if len(options.names) > 1:
        raise UsageError("bulk reads one file")
    source = options.names[0] if options.names else "-"
    target = str(options.values.get("--output", "-"))
    if source != "-":
        with open(source, "rb"):
            pass  # say now, not after the output was truncated, that it cannot be read
    engine = registry.make_engine(name, _config(options))
    out: IO[str] = sys.stdout if target == "-" else open(target, "w", encoding="utf-8")  # noqa: SIM115
    counts: dict[str, int] = {}
    code = 0
    run = bulk(
        _lines(source),
        options.types or [RRType.A],
        engine=engine,
        concurrency=int(str(options.values.get("--concurrency", 500))),
    )
    try:
        for question, outcome in run:
            word = schemas.status(outcome)
            counts[word] = counts.get(word, 0) + 1
            out.write(schemas.as_json(question.name, question, outcome) + "\n")
    except KeyboardInterrupt:
        code = 130
    finally:
        run.close()  # type: ignore[attr-defined]  # a generator, which cancels what is in flight
        engine.close()
        out.flush()
        if target != "-":
            out.close()
    summary = ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
    print(f"resolve: {sum(counts.values())} answers: {summary or 'none'}", file=sys.stderr)
    return code
