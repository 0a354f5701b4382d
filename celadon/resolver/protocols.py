"""The seams of the resolver layer: what sockets need (Resolver), what answers DNS questions (Engine), and the loop.

Everything that getaddrinfo does except asking DNS is written once, between the first two, in ``policy``. Lookups run in
a Place and engines on a Runtime: a hub's, or those of another loop (``aio``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from .answers.cache import Cache, Entry
from .errors import Kind, ResolveError
from .events import ResolverStats
from .model import AddrInfo, Answer, Question, SockAddr
from .policy.explain import Explanation

Outcome = Answer | ResolveError
Done = Callable[[Outcome], None]
Cancel = Callable[[], None]


@runtime_checkable
class Resolver(Protocol):
    """The least that a program's own resolver must have. ``make`` adds what is missing: see FullResolver.

    The calls return and raise what the standard library's functions do, and block only the calling greenlet. They may
    be called from many greenlets of one hub at once.
    """

    def getaddrinfo(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[AddrInfo]: ...

    def getnameinfo(self, sockaddr: SockAddr, flags: int = 0) -> tuple[str, str]: ...

    def close(self) -> None: ...


class FullResolver(Resolver):
    """Every call that a resolver in use has: what ``make`` returns. A default stands here for what is optional."""

    @property
    def cache(self) -> Cache | None:
        """The cache that it reads; None if it has none."""
        return None

    @property
    def idna(self) -> int:
        """The year of the IDNA standard that names are encoded by: 2003 or 2008."""
        return 2003

    @property
    def forward_only(self) -> bool:
        """True if it never knows the name of an address, so that a chain does not ask it for one."""
        return False

    def gethostbyname(self, host: str | bytes) -> str:
        """See ``socket.gethostbyname``."""
        raise NotImplementedError

    def gethostbyname_ex(self, host: str | bytes) -> tuple[str, list[str], list[str]]:
        """See ``socket.gethostbyname_ex``."""
        raise NotImplementedError

    def gethostbyaddr(self, address: str | bytes) -> tuple[str, list[str], list[str]]:
        """See ``socket.gethostbyaddr``."""
        raise NotImplementedError

    def query(self, question: Question, deadline: float | None = None) -> Answer:
        """The answer to one DNS question as it stands, without hosts file and search list, whatever its rcode.

        ``deadline`` is in seconds, in place of the resolver's own. ResolveError if no reply came, or with
        Kind.UNSUPPORTED (the default) if it cannot ask for records.
        """
        raise ResolveError(
            Kind.UNSUPPORTED, question.name, detail=f"{self!r} knows no record types; use ares or python"
        )

    def stats(self) -> ResolverStats:
        """A snapshot of its counts; the default counts nothing."""
        return ResolverStats(repr(self))

    def explain(self, name: str) -> Explanation:
        """How ``name`` would be looked up now. Asks nobody."""
        return Explanation(name, repr(self), "it was chosen")

    def discard(self, host: str, address: str) -> bool:
        """Forget one address of a host in the cache; True if it was there."""
        return False

    def permit(self, address: str) -> None:
        """Raise BlockedAddress if a socket must not send to this literal address; by default all are permitted."""


class Observer(Protocol):
    """Who is told of each step of a StubResolver's lookups, in the greenlet that looks up. It must not wait or raise.

    The steps inside an engine are Events, told by the engine itself: which message it sent, to which server.
    """

    def planned(self) -> None:
        """The policy begins to look a name up: no finished result was at hand."""

    def read(self, questions: tuple[Question, ...], entries: list[Entry | None], now: float) -> None:
        """The cache was asked, and gave these entries, which may be stale; None: the servers are asked."""

    def came(self, outcomes: list[Outcome]) -> None:
        """The servers were asked, and these are the outcomes. A stale answer among them is the cache's."""


@runtime_checkable
class Engine(Protocol):
    """What answers DNS questions: the smallest thing that works.

    ``submit`` returns at once with a function that cancels the question; ``done`` is called exactly once, later,
    from the hub's loop and never from inside ``submit``, with an Answer (whatever its rcode) or, when no usable
    reply came, a ResolveError to be raised. After cancel, ``done`` is not called. ``submit`` itself raises
    ResolveError only for a question that cannot be put on the wire. One engine belongs to one hub.
    ``close`` cancels what is pending (each ``done`` gets Kind.CANCELLED) and leaves no fd behind.
    """

    name: str

    def submit(self, question: Question, done: Done) -> Cancel: ...

    def close(self) -> None: ...


class Cancellable(Protocol):
    """A timer. ``cancel`` may be called at any time, any number of times."""

    def cancel(self) -> object: ...


class Watching(Protocol):
    """Callbacks for an fd, level-triggered, as ``hub.lowlevel.Watch``."""

    @property
    def fd(self) -> int:
        """The number; -1 once closed."""

    def update(
        self, on_readable: Callable[[], object] | None = None, on_writable: Callable[[], object] | None = None
    ) -> None:
        """Call these from now on; None: do not watch this direction."""

    def close(self) -> None:
        """Stop, before the fd is closed. Nothing happens the second time."""


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> float:
        """Seconds since whenever."""


class Place(Clock, Protocol):
    """Where lookups run: one loop of one thread. ``Hub`` is one. For that thread only."""

    @property
    def vars(self) -> dict[object, Any]:
        """Variables of this loop; each key is owned by who made it."""

    def call_later(self, seconds: float, function: Callable[..., object], *args: Any) -> Cancellable:
        """Call ``function(*args)`` from the loop, ``seconds`` from now."""

    def on_close(self, function: Callable[[], object]) -> None:
        """Call ``function()`` when the loop ends."""


class Runtime(Protocol):
    """All that an engine needs of the loop that it runs on. For that loop's thread only."""

    @property
    def clock(self) -> Clock:
        """Tells the loop's time."""

    def call_soon(self, function: Callable[..., object], *args: Any) -> object:
        """Call ``function(*args)`` in the loop's next turn."""

    def call_later(self, seconds: float, function: Callable[..., object], *args: Any) -> Cancellable:
        """Call ``function(*args)`` from the loop, ``seconds`` from now."""

    def call_at(self, when: float, function: Callable[..., object], *args: Any) -> Cancellable:
        """Call ``function(*args)`` from the loop when its time is ``when``; a little earlier is allowed."""

    def watch(
        self, fd: int, on_readable: Callable[[], object] | None = None, on_writable: Callable[[], object] | None = None
    ) -> Watching:
        """Have these called from the loop whenever the fd is ready."""


def counts_of(engine: Engine) -> Mapping[str, int]:
    """What an engine counts, by name; empty for an engine without the optional method ``counts``."""
    counts: Callable[[], Mapping[str, int]] = getattr(engine, "counts", dict)
    return counts()
