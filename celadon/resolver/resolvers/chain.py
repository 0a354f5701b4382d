"""An ordered list of resolvers: the next one is asked where one fails or leaves the name to others.

What one says of a name is said: NXDOMAIN is an answer. Only a resolver that could not find out (no server answers, all
refuse, its library is missing) or that says that the name is not its own has the next one asked; an error
that is ``final`` ends the chain whatever it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import KIND_OF_RCODE, Kind, ResolveError, ResolverConfigError, ResolverUnavailable
from ..events import ResolverStats
from ..model import AddrInfo, Answer, Question, SockAddr
from ..policy.explain import Explanation

#: The failures that are a resolver's and not an answer about the name.
FAILURES = frozenset(
    (
        Kind.NOT_MINE, Kind.TIMEOUT, Kind.NETWORK, Kind.SERVFAIL, Kind.REFUSED, Kind.FORMERR, Kind.NOTIMP,
        Kind.CANCELLED, Kind.UNSUPPORTED,
    )
)  # fmt: skip
_EAI_AGAIN, _EAI_FAIL, _EAI_SYSTEM = -3, -4, -11  # of resolvers whose errors have no kind
_TRY_AGAIN, _NO_RECOVERY = 2, 3  # herror's


def goes_on(error: Exception) -> bool:
    """Whether the next resolver is asked after this error."""
    if isinstance(error, ResolverUnavailable):
        return True
    if isinstance(error, ResolveError):
        return not error.final and (error.kind in FAILURES or (error.kind is Kind.OTHER and error.errno == _EAI_AGAIN))
    name = type(error).__name__
    number = getattr(error, "errno", None)
    if name == "gaierror":
        return number in (_EAI_AGAIN, _EAI_FAIL, _EAI_SYSTEM)
    return name == "herror" and number in (_TRY_AGAIN, _NO_RECOVERY)


class ChainResolver:
    """See the module. ``members`` are resolvers that have every call; ``close`` closes them all.

    The error of a lookup that nobody could answer is the last one's that the name was its own for.
    """

    name = "chain"

    def __init__(self, members: Sequence[Any]) -> None:
        if not members:
            raise ResolverConfigError("a chain of no resolvers")
        self.members = tuple(members)

    def __repr__(self) -> str:
        return f"<chain of {', '.join(map(repr, self.members))}>"

    def _first(self, name: Any, call: Callable[[Any], Any], members: Sequence[Any] | None = None) -> Any:
        failure: Exception | None = None
        for member in self.members if members is None else members:
            try:
                return call(member)
            except (OSError, ResolverUnavailable) as error:
                if not goes_on(error):
                    raise
                if failure is None or getattr(error, "kind", None) is not Kind.NOT_MINE:
                    failure = error
        if failure is None:
            raise ResolveError(Kind.UNSUPPORTED, str(name), detail=f"nobody in {self!r} can tell")
        raise failure

    def getaddrinfo(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[AddrInfo]:
        """See ``socket.getaddrinfo``; the first member's that can tell."""
        found: list[AddrInfo] = self._first(host, lambda one: one.getaddrinfo(host, port, family, type, proto, flags))
        return found

    def _reverse(self) -> list[Any]:
        return [one for one in self.members if not getattr(one, "forward_only", False)]

    def getnameinfo(self, sockaddr: SockAddr, flags: int = 0) -> tuple[str, str]:
        """See ``socket.getnameinfo``."""
        members = self._reverse() or self.members
        found: tuple[str, str] = self._first(sockaddr, lambda one: one.getnameinfo(sockaddr, flags), members)
        return found

    def gethostbyname(self, host: str | bytes) -> str:
        """See ``socket.gethostbyname``."""
        return str(self._first(host, lambda one: one.gethostbyname(host)))

    def gethostbyname_ex(self, host: str | bytes) -> tuple[str, list[str], list[str]]:
        """See ``socket.gethostbyname_ex``. A function in the chain may know the name and give its addresses."""
        found: tuple[str, list[str], list[str]] = self._first(host, lambda one: one.gethostbyname_ex(host))
        return found

    def gethostbyaddr(self, address: str | bytes) -> tuple[str, list[str], list[str]]:
        """See ``socket.gethostbyaddr``."""
        members = self._reverse() or self.members
        found: tuple[str, list[str], list[str]] = self._first(address, lambda one: one.gethostbyaddr(address), members)
        return found

    def query(self, question: Question, deadline: float | None = None) -> Answer:
        """One DNS question as it stands, of the first member that can ask it. Raises ResolveError."""
        able = [one for one in self.members if callable(getattr(one, "query", None))]

        def ask(one: Any) -> Answer:
            answer: Answer = one.query(question, deadline)
            kind = KIND_OF_RCODE.get(answer.rcode)
            if kind in FAILURES:
                raise ResolveError(kind, question.name, rcode=answer.rcode, answer=answer)
            return answer

        try:
            found: Answer = self._first(question.name, ask, able)
        except ResolveError as error:
            if error.answer is None:
                raise
            return error.answer
        return found

    def permit(self, address: str) -> None:
        """Raise BlockedAddress where a member forbids sending to this literal address."""
        for one in self.members:
            check = getattr(one, "permit", None)
            if check is not None:
                check(address)

    def stats(self) -> ResolverStats:
        """The members' counts."""
        told = [one.stats() if hasattr(one, "stats") else ResolverStats(repr(one)) for one in self.members]
        return ResolverStats(self.name, members=tuple(told))

    def explain(self, name: str) -> Explanation:
        """How the members would look ``name`` up, one after the other where the one before fails."""
        told: list[str] = []
        for one in self.members:
            inner = one.explain(name) if hasattr(one, "explain") else Explanation(name, repr(one), "it is in the chain")
            told.append(f"{inner.resolver}: {inner.reason}")
            told += [f"  {step}" for step in inner.steps]
        return Explanation(
            name, "a chain", "the next one is asked where one fails or leaves the name to others", tuple(told)
        )

    def discard(self, host: str, address: str) -> bool:
        """Forget one address of a host wherever it is kept; True if it was."""
        kept = [one for one in self.members if callable(getattr(one, "discard", None))]
        return True in [bool(one.discard(host, address)) for one in kept]

    def close(self) -> None:
        """Close all members."""
        for one in self.members:
            one.close()
