"""The steps of a lookup, as values and as one line of text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import accel
from .answers.cache import CacheStats
from .errors import ResolveError
from .frozen import field, frozen
from .model import rcode_name, type_name

#: The kinds of Events about a whole lookup or about all; the others are about one question or message.
WHOLE = frozenset(("start", "answer", "error", "cancelled", "kept"))


@frozen
class Event:
    """One step of a lookup.

    ``kind`` of a lookup is ``start``, then ``answer``, ``error`` or ``cancelled``. On the way it is ``hit``, ``miss``
    or ``stale`` for each reading of the cache, and ``sent``, ``retry`` or ``tcp`` for each message. ``kept``, told once
    and without a name, says that a file of the system (``detail``) is gone or unusable, and that what it said earlier
    still holds. ``when`` is the
    hub's time in seconds; ``seconds``, at the end, how long the lookup took. ``call`` is the function called
    (``getaddrinfo``, ``query``…), ``rdtype`` the record type of a question. ``source``, at the end, is where the result
    came from: ``memo`` (the finished result of an earlier call), ``policy`` (a literal, hosts file, overrides, special
    names), ``cache``, ``dns``, ``libc``, or ``resolver`` (one of the program's own). ``attempt`` counts the messages
    for a question from 1. ``error`` is what the lookup raised; ``detail``, at the start, why this resolver was chosen.
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
        if self.kind == "kept":
            return f"what was read earlier still holds ({self.detail})"
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


@frozen
class ResolverStats:
    """A snapshot of a resolver's counts since it was made.

    ``lookups`` counts those that no finished result answered, ``errors`` the failed ones by kind. ``waiting`` is the
    number of lookups of the calling hub that wait for servers now, ``questions`` the number of their questions under
    way, ``memo`` the number of finished results kept. ``engine`` has the counts of the hub's engine. ``cache`` is None
    if there is none. ``members`` are those of a chain, or the resolver under a crawler's. ``accelerator`` says whether
    messages are made and read in C: ``on``, ``off``, or ``not built``.
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
    accelerator: str = field(default_factory=accel.state)


OnEvent = Callable[[Event], object]


def printer(level: int, write: Callable[[str], object]) -> OnEvent:
    """A listener that writes a line for each Event: on level 1 about whole lookups, on level 2 about all steps."""

    def tell(event: Event) -> None:
        if level > 1 or event.kind in WHOLE:
            write(f"celadon: {event}\n")

    return tell
