"""The standard library's five calls, written out once: as a value, as a base for resolvers, and as one for wrappers."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..answers.cache import Cache
from ..events import ResolverStats
from ..model import AddrInfo, Answer, Question, SockAddr
from ..policy.explain import Explanation
from ..protocols import FullResolver

NAMES = ("getaddrinfo", "getnameinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr")
_REVERSE = frozenset(("getnameinfo", "gethostbyaddr"))


class Call(NamedTuple):
    """One call of the standard library's: its name, and all its arguments by position."""

    name: str
    args: tuple[Any, ...]

    @property
    def subject(self) -> Any:
        """The host or address as the caller wrote it; None for a socket address that has none."""
        first = self.args[0]
        if self.name != "getnameinfo":
            return first
        return first[0] if isinstance(first, tuple) and first else None

    @property
    def shown(self) -> str:
        """The subject as text, for errors and events."""
        subject = self.subject
        return subject.decode("latin-1") if isinstance(subject, bytes) else "" if subject is None else str(subject)

    @property
    def reverse(self) -> bool:
        """True if an address is given and its name is wanted."""
        return self.name in _REVERSE

    def on(self, resolver: Any) -> Any:
        """The result of this call on a resolver."""
        return getattr(resolver, self.name)(*self.args)


class CallResolver(FullResolver):
    """A resolver that answers the five calls in one method, ``call``."""

    def call(self, call: Call) -> Any:
        """What the standard library's function of that name returns or raises."""
        raise NotImplementedError

    def getaddrinfo(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[AddrInfo]:
        """See ``socket.getaddrinfo``."""
        return self.call(Call("getaddrinfo", (host, port, family, type, proto, flags)))  # type: ignore[no-any-return]

    def getnameinfo(self, sockaddr: SockAddr, flags: int = 0) -> tuple[str, str]:
        """See ``socket.getnameinfo``."""
        return self.call(Call("getnameinfo", (sockaddr, flags)))  # type: ignore[no-any-return]

    def gethostbyname(self, host: str | bytes) -> str:
        """See ``socket.gethostbyname``."""
        return self.call(Call("gethostbyname", (host,)))  # type: ignore[no-any-return]

    def gethostbyname_ex(self, host: str | bytes) -> tuple[str, list[str], list[str]]:
        """See ``socket.gethostbyname_ex``."""
        return self.call(Call("gethostbyname_ex", (host,)))  # type: ignore[no-any-return]

    def gethostbyaddr(self, address: str | bytes) -> tuple[str, list[str], list[str]]:
        """See ``socket.gethostbyaddr``."""
        return self.call(Call("gethostbyaddr", (address,)))  # type: ignore[no-any-return]


class Wrapper(CallResolver):
    """A resolver in front of another one, ``inner``. What a subclass does not define is the inner one's."""

    def __init__(self, inner: FullResolver) -> None:
        self.inner = inner

    def __repr__(self) -> str:
        return repr(self.inner)

    def __getattr__(self, name: str) -> Any:
        # What no resolver must have: a program reads its own resolver's attributes from ``current()``.
        return getattr(self.inner, name)

    @property
    def cache(self) -> Cache | None:
        """The inner one's."""
        return self.inner.cache

    @property
    def idna(self) -> int:
        """The inner one's."""
        return self.inner.idna

    @property
    def forward_only(self) -> bool:
        """The inner one's."""
        return self.inner.forward_only

    def call(self, call: Call) -> Any:
        """See CallResolver."""
        return call.on(self.inner)

    def query(self, question: Question, deadline: float | None = None) -> Answer:
        """See FullResolver."""
        return self.inner.query(question, deadline)

    def stats(self) -> ResolverStats:
        """See FullResolver."""
        return self.inner.stats()

    def explain(self, name: str) -> Explanation:
        """See FullResolver."""
        return self.inner.explain(name)

    def discard(self, host: str, address: str) -> bool:
        """See FullResolver."""
        return self.inner.discard(host, address)

    def permit(self, address: str) -> None:
        """See FullResolver."""
        self.inner.permit(address)

    def close(self) -> None:
        """See FullResolver."""
        self.inner.close()
