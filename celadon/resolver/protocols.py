"""The two seams of the resolver layer: what sockets need (Resolver), what answers DNS questions (Engine).

Everything getaddrinfo does except asking DNS stands between the two, written once (``stub``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from .errors import ResolveError
from .model import AddrInfo, Answer, Question, SockAddr

Outcome = Answer | ResolveError
Done = Callable[[Outcome], None]
Cancel = Callable[[], None]


@runtime_checkable
class Resolver(Protocol):
    """What green sockets need: the standard library's two calls, blocking only the calling greenlet.

    Raises what the standard library raises. Safe to call from many greenlets of one hub at once.
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
