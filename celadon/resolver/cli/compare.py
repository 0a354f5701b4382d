"""``resolve compare``: one name under every engine and libc, side by side, with what differs marked.

With several servers it is these that are compared: see ``compare_servers``.

Without types the resolvers are compared, through getaddrinfo: addresses and the canonical name. With types the engines
are, record by record, without TTLs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .. import registry
from ..errors import ResolveError, ResolverUnavailable
from ..factory import make
from ..model import Answer, rcode_name, type_name
from . import compare_servers, help_texts
from .dig.asker import Asker
from .dig.dig_command import batch
from .dig.grammar import parse
from .dig.settings import Command, Lookup, Run
from .escapes import printable
from .exits import NO_REPLY, OK, UsageError

_DIFFER = 2


def main(words: list[str]) -> int:
    """Run ``resolve compare`` with these arguments; returns the exit status."""
    command = parse(words)
    if command.run.action == "help":
        print(help_texts.COMPARE, end="")
        return OK
    several = len(command.base.servers) > 1 or any(len(one.settings.servers) > 1 for one in command.lookups)
    if several and (command.lookups or command.run.batch is not None):
        return _servers(command)
    if not command.lookups:
        raise UsageError("no name given; try resolve compare --help")
    code = OK
    done: set[str] = set()
    for lookup in command.lookups:
        if lookup.settings.types:
            title = f"{lookup.name} {type_name(lookup.rdtype)}"
            rows = [(name, _records(name, command.run, lookup)) for name in registry.ENGINES]
        elif lookup.name in done:
            continue
        else:
            done.add(lookup.name)
            title = f"{lookup.name} getaddrinfo"
            rows = [(name, _addresses(name, command, lookup)) for name in (*registry.ENGINES, *registry.RESOLVERS)]
        code = max(code, show(title, rows))
    return code


def _servers(command: Command) -> int:
    if command.run.resolver in registry.RESOLVERS:
        raise UsageError("libc does not let a program choose the server; leave out --resolver")
    lookups = command.lookups
    if command.run.batch is not None:
        lines = [line.split() for line in batch(command.run.batch)]
        for words in lines:
            if words and words[0][0] not in "#;":
                lookups += parse(words, command.run, command.base).lookups
    if not lookups:
        raise UsageError("no name given; try resolve compare --help")
    asker = Asker(command.run)
    try:
        found = compare_servers.compared(asker, lookups)
        return compare_servers.show(found, command.base.format == "json" or lookups[0].settings.format == "json")
    finally:
        asker.close()


def show(title: str, rows: list[tuple[str, list[str]]]) -> int:
    """Print the table; returns the exit status."""
    first = next((lines for _, lines in rows if not lines[0].startswith("unavailable")), rows[0][1])
    sys.stdout.write(f"{printable(title)}\n")
    differ = False
    for name, lines in rows:
        skip = lines[0].startswith("unavailable")
        missing = [] if skip else [line for line in first if line not in lines]
        same = skip or sorted(lines) == sorted(first)
        differ = differ or not same
        for number, line in enumerate(lines):
            other = not skip and line not in first
            sys.stdout.write(f"{'!' if other else ' '} {name if number == 0 else '':8} {printable(line)}\n")
        for line in missing:
            sys.stdout.write(f"! {'':8} (without {printable(line)})\n")
        if same and not skip and lines != first:
            sys.stdout.write(f"  {'':8} (in another order)\n")
    sys.stdout.write("  they differ\n" if differ else "  all agree\n")
    if all(lines[0].startswith(("TIMEOUT", "UNREACHABLE", "unavailable")) for _, lines in rows):
        return NO_REPLY
    return _DIFFER if differ else OK


def _guarded(call: Callable[[], list[str]]) -> list[str]:
    try:
        return call() or ["nothing"]
    except ResolverUnavailable as error:
        return [f"unavailable: {error}"]
    except ResolveError as error:
        return [f"{error.errno} {error.strerror}"]
    except OSError as error:
        return [f"{error.errno} {error.strerror}"]
    except ValueError as error:
        return [f"{type(error).__name__}: {error}"]


def _addresses(name: str, command: Command, lookup: Lookup) -> list[str]:
    settings = lookup.settings
    options: dict[str, Any] = {"timeout": settings.timeout, "attempts": settings.tries}
    asker = Asker(command.run)
    if settings.servers or command.run.port:
        options["servers"] = [f"{one.address}#{one.port}" for one in asker.servers(settings).found]
    elif name in registry.RESOLVERS:
        options = {}

    def call() -> list[str]:
        made = make(name, **options)
        try:
            found = made.getaddrinfo(lookup.name, None, 0, 1, 0, 2)  # SOCK_STREAM, AI_CANONNAME
        finally:
            made.close()
        canonical = [f"canonical name {found[0][3]}"] if found else []
        return [*(str(one[4][0]) for one in found), *canonical]

    return _guarded(call)


def _records(name: str, run: Run, lookup: Lookup) -> list[str]:
    asker = Asker(run._replace(resolver=name))

    def call() -> list[str]:
        try:
            outcome = asker.ask(lookup).outcome
        finally:
            asker.close()
        if isinstance(outcome, Answer):
            lines = sorted(f"{one.name}. {type_name(one.rdtype)} {one.data}" for one in outcome.records)
            return [rcode_name(outcome.rcode), *lines]
        return [outcome.kind.value]

    return _guarded(call)
