"""``resolve compare @A @B NAME``: what several servers answer to the same questions, with what differs marked.

Order and TTLs do not count: servers rotate, and count down. Response codes, and the records of the answer, do.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator

from ...hub import Pool
from ..errors import ResolveError
from ..frozen import frozen
from ..model import Answer, Server, rcode_name, type_name
from ..protocols import Outcome
from .dig.asker import Asker
from .dig.settings import Lookup
from .escapes import printable, strict
from .exits import NO_REPLY, OK

_DIFFER = 2
_AT_ONCE = 50  # names under way


@frozen
class Compared:
    """One question, and what each server said: its name as given -> a word, and its records as lines."""

    lookup: Lookup
    answers: tuple[tuple[str, str, tuple[str, ...]], ...]

    @property
    def same(self) -> bool:
        """Whether all said the same."""
        return len({(word, lines) for _, word, lines in self.answers}) == 1

    @property
    def silent(self) -> bool:
        """Whether none of them replied."""
        return all(word in ("TIMEOUT", "UNREACHABLE") for _, word, _ in self.answers)


def compared(asker: Asker, lookups: Iterable[Lookup]) -> Iterator[Compared]:
    """Each question put to each of its servers, side by side, in the order of the questions."""
    pool: Pool = Pool(_AT_ONCE)
    yield from pool.imap(lambda one: _one(asker, one), lookups, maxsize=_AT_ONCE)


def _one(asker: Asker, lookup: Lookup) -> Compared:
    servers = asker.servers(lookup.settings)
    name = lookup.name.removesuffix(".")
    told = Pool(len(servers.found)).map(lambda server: asker.ask_one(lookup, name, server), servers.found)
    labels = [servers.names.get(str(one), _label(one)) for one in servers.found]
    return Compared(lookup, tuple((label, *said(outcome)) for label, outcome in zip(labels, told, strict=True)))


def _label(server: Server) -> str:
    return server.address if server.port == 53 else str(server)


def said(outcome: Outcome) -> tuple[str, tuple[str, ...]]:
    """A word for what became of a question, and the records of the answer, sorted, without TTLs."""
    if isinstance(outcome, ResolveError):
        return outcome.kind.value, ()
    assert isinstance(outcome, Answer)
    lines = {f"{one.name.lower()}. {type_name(one.rdtype)} {one.data}" for one in outcome.records}
    return rcode_name(outcome.rcode), tuple(sorted(lines))


def show(found: Iterable[Compared], as_json: bool) -> int:
    """Print each as it comes; returns the exit status: 2 if any differ, 9 if nobody replied to anything."""
    code, heard = OK, False
    for one in found:
        sys.stdout.write(_row(one) if as_json else _table(one))
        sys.stdout.flush()
        heard = heard or not one.silent
        code = code if one.same else _DIFFER
    return code if heard else NO_REPLY


def _row(one: Compared) -> str:
    told = {strict(name): {"status": word, "answers": [*map(strict, lines)]} for name, word, lines in one.answers}
    name = strict(one.lookup.name.removesuffix(".") or ".")
    row = {"name": name, "type": type_name(one.lookup.rdtype), "same": one.same, "servers": told}
    return json.dumps(row, separators=(",", ":")) + "\n"


def _table(one: Compared) -> str:
    """The first server's answer in full, and of each other one what it has more or less."""
    first = one.answers[0]
    width = max(len(name) for name, _, _ in one.answers)
    out = [f"{printable(one.lookup.name)} {type_name(one.lookup.rdtype)}"]
    for name, word, lines in one.answers:
        mark = "!" if word != first[1] else " "
        out.append(f"{mark} {printable(name):{width}}  {word}")
        blank = " " * width
        if (name, word, lines) == first or not set(lines) & set(first[2]):
            mark = " " if lines == first[2] else "!"
            out += [f"{mark} {blank}  {printable(line)}" for line in lines]
            continue
        out += [f"! {blank}  {printable(line)}" for line in lines if line not in first[2]]
        out += [f"! {blank}  (without {printable(line)})" for line in first[2] if line not in lines]
        if lines == first[2]:
            out.append(f"  {blank}  (the same records)")
    out.append("  all agree" if one.same else "  they differ")
    return "".join(f"{line}\n" for line in out)
