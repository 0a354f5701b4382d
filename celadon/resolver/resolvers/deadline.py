"""A bound in time around any resolver's lookups: libc's, a program's own, or one that has a bound already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ...hub import move_on_after
from ..errors import Kind, ResolveError
from ..model import AddrInfo, Answer, Question, SockAddr

T = TypeVar("T")


class Bounded:
    """Another resolver, each of whose lookups ends after ``seconds`` at the latest: ResolveError with Kind.TIMEOUT.

    All else is the other's, who is closed with it if it is ``owned``.
    """

    def __init__(self, inner: Any, seconds: float, owned: bool) -> None:
        self.inner = inner
        self.seconds = seconds
        self._owned = owned

    def __repr__(self) -> str:
        return f"<{self.inner!r} within {self.seconds:g} s>"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def _within(self, name: Any, call: Callable[..., T], *args: Any) -> T:
        with move_on_after(self.seconds):
            return call(*args)
        shown = name.decode("latin-1") if isinstance(name, bytes) else str(name)
        raise ResolveError(Kind.TIMEOUT, shown, detail=f"no answer within the lookup's {self.seconds:g} s")

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
        found: list[AddrInfo] = self._within(host, self.inner.getaddrinfo, host, port, family, type, proto, flags)
        return found

    def getnameinfo(self, sockaddr: SockAddr, flags: int = 0) -> tuple[str, str]:
        """See ``socket.getnameinfo``."""
        found: tuple[str, str] = self._within(sockaddr, self.inner.getnameinfo, sockaddr, flags)
        return found

    def gethostbyname(self, host: str | bytes) -> str:
        """See ``socket.gethostbyname``."""
        return str(self._within(host, self.inner.gethostbyname, host))

    def gethostbyname_ex(self, host: str | bytes) -> tuple[str, list[str], list[str]]:
        """See ``socket.gethostbyname_ex``."""
        found: tuple[str, list[str], list[str]] = self._within(host, self.inner.gethostbyname_ex, host)
        return found

    def gethostbyaddr(self, address: str | bytes) -> tuple[str, list[str], list[str]]:
        """See ``socket.gethostbyaddr``."""
        found: tuple[str, list[str], list[str]] = self._within(address, self.inner.gethostbyaddr, address)
        return found

    def query(self, question: Question, deadline: float | None = None) -> Answer:
        """One DNS question as it stands. Raises ResolveError."""
        query = getattr(self.inner, "query", None)
        if query is None:
            raise ResolveError(Kind.UNSUPPORTED, question.name, detail=f"{self.inner!r} knows no record types")
        found: Answer = self._within(question.name, query, question, deadline)
        return found

    def close(self) -> None:
        """Close the other one if it is ours."""
        if self._owned:
            self.inner.close()
