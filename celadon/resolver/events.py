"""What happens on the way of a lookup, as values, and in one line for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .answers.cache import CacheStats
from .errors import ResolveError
from .model import rcode_name, type_name

#: The kinds that a lookup as a whole has; the others are of single questions and messages.
WHOLE = frozenset(("start", "answer", "error", "cancelled"))


@dataclass(frozen=True, slots=True)
class Event:
    """One step of a lookup.

    ``kind``: ``start``, then ``answer``, ``error`` or ``cancelled`` of the lookup; on the way ``hit``, ``miss`` and
    ``stale`` of the cache, and for each message ``sent``, ``retry`` (another try) or ``tcp`` (sent over TCP).
    ``when`` is the hub's time and ``seconds`` what the lookup has taken at its end. ``call`` is what was called
    (``getaddrinfo``, ``query``…), ``rdtype`` the record type of a question. ``source`` says at the end who knew:
    ``memo`` (the finished result of a call before), ``policy`` (a literal, hosts file, overrides, special names),
    ``cache``, ``dns``, ``libc``, ``resolver`` (one of the program's own). ``attempt`` counts the messages for a
    question from 1. ``error`` is what the lookup raised, ``detail`` at the start why this resolver was taken.
    """

    kind: str
    name: str
    resolver: str
    when: float
    call: str = ""
    rdtype: int = 0
    source: str = ""
    server: str | None = None
    rcode: int | None = None
    seconds: float = 0.0
    attempt: int = 0
    error: BaseException | None = None
    detail: str = ""

    def __str__(self) -> str:
        words = [f"{self.name or '(no name)'}: {self.kind}"]
        if self.rdtype:
            words.append(type_name(self.rdtype))
        if self.call and self.kind == "start":
            words.append(f"{self.call} by {self.resolver}")
        if self.source:
            words.append(f"from {self.source}")
        if self.server:
            words.append(f"server {self.server}")
        if self.rcode is not None:
            words.append(rcode_name(self.rcode))
        if self.attempt > 1:
            words.append(f"attempt {self.attempt}")
        if self.error is not None:
            told = self.error.explain() if isinstance(self.error, ResolveError) else repr(self.error)
            words.append(f"({told})")
        if self.kind in WHOLE and self.kind != "start":
            words.append(f"{self.seconds * 1000:.1f} ms")
        if self.detail:
            words.append(f"({self.detail})")
        return " ".join(words)


@dataclass(frozen=True, slots=True)
class ResolverStats:
    """A snapshot of a resolver's counts since it was made.

    ``lookups`` are those that took more than a look at a finished result, ``errors`` what became of them otherwise, by
    the word of their kind. ``waiting`` is how many lookups of the calling hub wait for servers now, ``questions`` how
    many questions are under way for them, ``memo`` how many finished results are kept. ``engine`` is what the
    hub's engine counts. ``cache`` is None without one, and ``members`` are those of a chain.
    """

    resolver: str
    lookups: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    waiting: int = 0
    questions: int = 0
    memo: int = 0
    engine: Mapping[str, int] = field(default_factory=dict)
    cache: CacheStats | None = None
    members: tuple[ResolverStats, ...] = ()


OnEvent = Callable[[Event], object]


def printer(level: int, write: Callable[[str], object]) -> OnEvent:
    """What writes a line for each event: of level 1 those of lookups as a whole, of level 2 all."""

    def tell(event: Event) -> None:
        if level > 1 or event.kind in WHOLE:
            write(f"celadon: {event}\n")

    return tell
