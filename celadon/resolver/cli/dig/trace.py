"""``+trace``: follows the delegations from the root down to whoever answers, as a resolver with an empty cache would.

Each step asks the servers of a zone in turn, without recursion, and prints what the first of them said. The servers'
addresses are those of the reply that named them; where it gave none, the name is looked up from the root as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ...errors import Kind, ResolveError, ResolverConfigError
from ...frozen import frozen, replace
from ...model import Answer, RRType, Server
from ...protocols import Outcome
from ...system.servers import parse_server
from ..exits import FileError, UsageError
from .settings import Lookup

_STEPS = 30  # delegations, lest two zones point at each other for ever
_DEPTH = 3  # look-ups of servers' names inside one another

#: Asks this server a question of a name and a type.
AskOne = Callable[[Lookup, str, Server], Outcome]


@frozen
class Step:
    """One reply on the way down, and when it came (seconds of the epoch)."""

    answer: Answer
    when: float


def root_servers(given: str, port: int) -> tuple[Server, ...]:
    """The servers of ``--hints``: a list of addresses, or a root hints file (RFC 8109 §2), whose addresses it names."""
    try:
        found = [parse_server(one) for one in given.split(",")]
    except ResolverConfigError:
        try:
            with open(given, encoding="latin-1") as file:
                lines = [line.partition(";")[0].split() for line in file]
        except (OSError, ValueError) as unread:
            reason = unread.strerror if isinstance(unread, OSError) else unread
            raise FileError(
                f"option --hints: {given} is neither a list of addresses nor a file that can be read: {reason}"
            ) from None
        found = [parse_server(words[-1]) for words in lines if len(words) > 2 and words[-2].upper() in ("A", "AAAA")]
        if not found:
            raise UsageError(f"option --hints: {given} names no addresses") from None
    return tuple(replace(one, port=port) if port else one for one in found)


class Trace:
    """One walk from the root. ``port`` is that of all servers that replies name."""

    def __init__(self, ask: AskOne, roots: tuple[Server, ...], port: int) -> None:
        self._ask = ask
        self._roots = roots
        self._port = port
        self._first = True

    def walk(self, lookup: Lookup, depth: int = 0) -> list[Step]:
        """The replies, the last of which answers the question. ResolveError where nobody does."""
        name = lookup.name.removesuffix(".")
        steps = []
        if depth == 0:
            priming = lookup._replace(name=".", rdtype=int(RRType.NS))
            steps.append(self._any(priming, "", self._roots))
        servers = self._roots
        zone = ""
        for _ in range(_STEPS):
            step = self._any(lookup, name, servers)
            steps.append(step)
            cut = _delegation(step.answer, name, zone)
            if cut is None:
                return steps
            zone = cut
            servers = self._servers(lookup, step.answer, cut, depth)
        raise ResolveError(Kind.OTHER, name, detail=f"more than {_STEPS} delegations")

    def _any(self, lookup: Lookup, name: str, servers: tuple[Server, ...]) -> Step:
        error: ResolveError | None = None
        refused: Step | None = None
        for server in servers:
            outcome = self._ask(lookup, name, server)
            if isinstance(outcome, ResolveError):
                error = outcome
            elif outcome.rcode in (0, 3):
                return Step(outcome, time.time())
            else:
                refused = Step(outcome, time.time())  # another server of the zone may do better
        if refused is not None:
            return refused
        raise error or ResolveError(Kind.NETWORK, name, detail="no address of any server of the zone is known")

    def _servers(self, lookup: Lookup, answer: Answer, zone: str, depth: int) -> tuple[Server, ...]:
        names = [one.target for one in answer.authority if one.rdtype == RRType.NS and _same(one.name, zone)]
        found = []
        for name in names:
            found += [
                Server(one.data, self._port)
                for one in answer.additional
                if one.rdtype in (RRType.A, RRType.AAAA) and _same(one.name, name)
            ]
        for name in names if not found and depth < _DEPTH else ():
            try:
                last = self.walk(lookup._replace(name=name, rdtype=int(RRType.A)), depth + 1)[-1].answer
            except ResolveError:
                continue  # another server's name may do
            found += [Server(one.data, self._port) for one in last.records if one.rdtype == RRType.A]
            if found:
                break
        return tuple(found)


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def _delegation(answer: Answer, name: str, zone: str) -> str | None:
    """The zone that a reply sends us on to, below the one that we are in and above the name; None for an answer."""
    if answer.records or answer.rcode:
        return None
    for record in answer.authority:
        owner = record.name.lower()
        below = not zone or owner.endswith("." + zone.lower())
        if record.rdtype == RRType.NS and below and owner and f".{name.lower()}".endswith("." + owner):
            return record.name
    return None
