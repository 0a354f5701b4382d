"""A list of resolvers: the next one is asked if one fails or leaves the name to others.

An answer ends the chain, and NXDOMAIN is an answer. The next resolver is asked only if one could not find out (no
server answers, all refuse, its library is missing) or says that the name is not its own. An error that is ``final``
ends the chain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..errors import KIND_OF_RCODE, Kind, ResolveError, ResolverConfigError, ResolverUnavailable
from ..events import ResolverStats
from ..model import Answer, Question
from ..policy.explain import Explanation
from ..protocols import FullResolver
from .calls import Call, CallResolver

T = TypeVar("T")

#: The failures of a resolver; the others are answers about the name.
FAILURES = frozenset(
    (
        Kind.NOT_MINE, Kind.TIMEOUT, Kind.NETWORK, Kind.SERVFAIL, Kind.REFUSED, Kind.FORMERR, Kind.NOTIMP,
        Kind.CANCELLED, Kind.UNSUPPORTED,
    )
)  # fmt: skip
# The failures that say nothing of the name: another member's failure is worth more to the caller.
_COULD_NOT_KNOW = frozenset((Kind.NOT_MINE, Kind.UNSUPPORTED))
_EAI_AGAIN, _EAI_FAIL, _EAI_SYSTEM = -3, -4, -11  # for errors without a kind
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


class ChainResolver(CallResolver):
    """See the module. ``close`` closes all ``members``.

    If no member could answer, the lookup raises the last error of a member that could have known the name.
    """

    name = "chain"

    def __init__(self, members: Sequence[FullResolver]) -> None:
        if not members:
            raise ResolverConfigError("resolver: the list is empty")
        self.members: tuple[FullResolver, ...] = tuple(members)

    def __repr__(self) -> str:
        return f"<chain of {', '.join(map(repr, self.members))}>"

    def _first(self, work: Callable[[FullResolver], T], members: Sequence[FullResolver]) -> T:
        failure: Exception | None = None
        for member in members:
            try:
                return work(member)
            except (OSError, ResolverUnavailable) as error:
                if not goes_on(error):
                    raise
                if failure is None or not (isinstance(error, ResolveError) and error.kind in _COULD_NOT_KNOW):
                    failure = error
        assert failure is not None
        raise failure

    def call(self, call: Call) -> Any:
        """See CallResolver. The name of an address is asked of the members that can know one, if there are any."""
        able = [one for one in self.members if not (call.reverse and one.forward_only)]
        return self._first(call.on, able or self.members)

    def query(self, question: Question, deadline: float | None = None) -> Answer:
        """See FullResolver: the answer of the first member that can ask, and whose servers do not refuse."""

        def ask(one: FullResolver) -> Answer:
            answer = one.query(question, deadline)
            kind = KIND_OF_RCODE.get(answer.rcode)
            if kind in FAILURES:
                raise ResolveError(kind, question.name, rcode=answer.rcode, answer=answer)
            return answer

        try:
            return self._first(ask, self.members)
        except ResolveError as error:
            if error.answer is None:
                raise
            return error.answer

    def permit(self, address: str) -> None:
        """See FullResolver; every member is asked."""
        for one in self.members:
            one.permit(address)

    def stats(self) -> ResolverStats:
        """The members' counts."""
        return ResolverStats(self.name, members=tuple(one.stats() for one in self.members))

    def explain(self, name: str) -> Explanation:
        """How the members would look ``name`` up, in their order."""
        steps: list[str] = []
        for one in self.members:
            inner = one.explain(name)
            steps.append(f"{inner.resolver}: {inner.reason}")
            steps += [f"  {step}" for step in inner.steps]
        return Explanation(
            name, "a chain", "the next one is asked if one fails or leaves the name to others", tuple(steps)
        )

    def discard(self, host: str, address: str) -> bool:
        """Forget one address of a host in every member's cache; True if it was in one."""
        return True in [one.discard(host, address) for one in self.members]

    def close(self) -> None:
        """Close all members."""
        for one in self.members:
            one.close()
