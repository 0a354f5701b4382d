"""What all forms of a record say in the same words: statuses, flags, servers."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from ...errors import Kind, ResolveError
from ...model import Answer, RRType, rcode_name
from ...protocols import Outcome
from .names_in import Key

#: Turns an outcome into its record.
Schema = Callable[[Key, Outcome], str]

FLAGS = (("aa", 0x0400), ("tc", 0x0200), ("rd", 0x0100), ("ra", 0x0080), ("ad", 0x0020), ("cd", 0x0010))
_RCODES = {n: rcode_name(n) for n in range(24)}
_FAILED = frozenset((Kind.TIMEOUT, Kind.NETWORK))


def status(outcome: Outcome) -> str:
    """One word: the response code's mnemonic, or the kind of failure."""
    if isinstance(outcome, ResolveError):
        return outcome.kind.value
    return _RCODES.get(outcome.rcode) or rcode_name(outcome.rcode)


def unanswered(outcome: Outcome) -> bool:
    """Whether no server said anything."""
    return isinstance(outcome, ResolveError) and outcome.kind in _FAILED


def holds(answer: Answer, rdtype: int) -> bool:
    """Whether there is a record of the type that was asked for (ANY: any)."""
    return any(rdtype in (one.rdtype, RRType.ANY) for one in answer.records)


@lru_cache(256)
def server_label(label: str | None) -> str:
    """``address#port`` as massdns writes it; empty if nobody was asked."""
    if not label:
        return ""
    address, _, port = label.partition("#")
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
