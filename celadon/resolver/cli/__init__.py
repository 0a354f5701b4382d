"""The ``resolve`` command: one name as dig, many as massdns. stdout is data only; an error is one line on stderr.

Exit status as dig's: 0 for any answer, 1 for bad usage, 8 for files that cannot be read or written, 9 when no server
answered, 10 for what went wrong inside; 130 after Ctrl-C.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ...hub import joinall, spawn
from .. import registry
from ..errors import Kind, ResolveError, ResolverConfigError, ResolverUnavailable
from ..files import System
from ..front import ask
from ..hosts import normal
from ..model import Answer, Config, Question, Record, RRType
from ..names import reverse, to_ascii
from ..protocols import Engine, Outcome, Resolver
from . import bulk, formats
from .exits import FILES, NO_REPLY, USAGE, UsageError, complain
from .options import Options, help_text, parse


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if words[:1] == ["bulk"]:
            return bulk.main(words[1:])
        options = parse(words)
        if "--help" in options.values or (not words):
            print(help_text())
            return 0 if words else USAGE
        if "--version" in options.values:
            print(f"celadon {_version()}")
            return 0
        return _few(options)
    except (UsageError, ResolverConfigError, ResolverUnavailable) as error:
        return complain(str(error), USAGE)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:
        return complain(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "), FILES)
    except KeyboardInterrupt:
        return 130


def _version() -> str:
    try:
        return version("celadon")
    except PackageNotFoundError:
        return "(not installed)"


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


# -- a few names -----------------------------------------------------------------------------------------------


def _few(options: Options) -> int:
    name = str(options.values.get("--resolver", "python"))
    config = _config(options)
    if not options.names:
        raise UsageError("no name given; try resolve --help")
    kinds: list[int | None] = [*options.types] or [None]
    questions = [_question(one, kind, options) for one in options.names for kind in kinds]
    made: Engine | Resolver
    if name in registry.RESOLVERS:
        made = registry.make_resolver(name, config if options.servers else None)
    else:
        made = registry.make_engine(name, config)
    try:
        asked = [spawn(_outcome, made, one) for one in questions]
        joinall(asked)
        outcomes = [one.get() for one in asked]
    finally:
        made.close()
    code = 0
    for given, question, outcome in zip(
        (one for one in options.names for _ in kinds), questions, outcomes, strict=True
    ):
        if isinstance(outcome, ResolveError):
            code = complain(outcome.explain(), USAGE if outcome.kind is Kind.ILLEGAL else NO_REPLY)
            if "--json" in options.values:
                print(formats.as_json(given, question, outcome))
        elif "--json" in options.values:
            print(formats.as_json(given, question, outcome))
        elif options.short:
            text = formats.short(outcome)
            if text:
                print(text)
        else:
            print(formats.dig(outcome))
    sys.stdout.flush()
    return code


def _question(name: str, kind: int | None, options: Options) -> Question:
    if "--reverse" in options.values:
        found = normal(name)
        if found is None:
            raise UsageError(f"-x: {name!r} is not an IP address")
        return Question(reverse(found[1]), RRType.PTR if kind is None else kind)
    return Question(name, RRType.A if kind is None else kind)


def _outcome(made: Engine | Resolver, question: Question) -> Outcome:
    try:
        if isinstance(made, Engine):
            if not question.name:
                raise ResolveError(Kind.ILLEGAL, question.name, detail="an empty name")
            plain = to_ascii(question.name).removesuffix(".")
            return ask(made, (replace(question, name=plain),))[0]
        return _through_libc(made, question)
    except ResolveError as error:
        return error


_FAMILIES = {int(RRType.A): 2, int(RRType.AAAA): 10}


def _through_libc(made: Resolver, question: Question) -> Outcome:
    family = _FAMILIES.get(question.rdtype)
    if family is None:
        raise ResolveError(
            Kind.UNSUPPORTED, question.name, detail="libc answers A and AAAA only; use --resolver ares or python"
        )
    try:
        found = made.getaddrinfo(question.name, None, family, 1)
    except OSError as error:
        kind = {-2: Kind.NXDOMAIN, -5: Kind.NODATA}.get(error.errno or 0, Kind.TIMEOUT)
        if kind is Kind.TIMEOUT:
            return ResolveError(kind, question.name, detail=error.strerror or "")
        return Answer(question, 3 if kind is Kind.NXDOMAIN else 0, engine="thread")
    except (ValueError, TypeError) as error:  # UnicodeError of a name without an IDNA form, a NUL
        return ResolveError(Kind.ILLEGAL, question.name, detail=str(error))
    records = tuple(Record(question.name, question.rdtype, 0, str(one[4][0])) for one in found)
    return Answer(question, 0, records, engine="thread")
