"""Resolvers whose lookups are told to somebody. A class of their own, so that the others do not even ask whether."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...hub import get_hub, getcurrent
from ..events import Event, OnEvent
from ..model import AddrInfo, Answer, Config, Question, SockAddr
from ..policy.libc_or_engine import Choice
from ..protocols import FullResolver, Outcome
from .calls import Call
from .deadline import Bounded
from .stub import Elsewhere, StubResolver


def harmless(on_event: OnEvent) -> OnEvent:
    """What the listener raises is reported as what a greenlet raises is, and does no harm to the lookup."""

    def tell(event: Event) -> None:
        try:
            on_event(event)
        except Exception as error:  # noqa: BLE001  (somebody else's code)
            get_hub().exception_handler(getcurrent(), error)

    return tell


class Teller:
    """Calls ``on_event``, which is harmless, with what is known of the lookup."""

    def __init__(self, resolver: str, on_event: OnEvent) -> None:
        self.resolver = resolver
        self._on_event = on_event
        #: What is known by now of the lookup of each greenlet: source, server, rcode.
        self.known: dict[Any, list[Any]] = {}

    def tell(self, kind: str, name: str, **facts: Any) -> None:
        """Tell of one step."""
        self._on_event(Event(kind, name, self.resolver, get_hub().now(), **facts))

    def around(self, call: str, given: Any, source: str, detail: str, work: Callable[..., Any], *args: Any) -> Any:
        """Do the work of one lookup, and tell of its start and end. ``source`` is who knew if nobody else is found."""
        name = given.decode("latin-1") if isinstance(given, bytes) else str(given) if given is not None else ""
        me = getcurrent()
        before = self.known.get(me)  # a resolver of the program's own may look up names itself
        known = self.known[me] = [source, None, None]
        self.tell("start", name, call=call, detail=detail)
        begin = get_hub().now()
        try:
            found = work(*args)
        except BaseException as error:
            kind = "error" if isinstance(error, Exception) else "cancelled"
            server, rcode = getattr(error, "server", None) or known[1], getattr(error, "rcode", None)
            self.tell(
                kind, name, call=call, source=known[0], server=server, rcode=rcode, error=error,
                seconds=get_hub().now() - begin,
            )  # fmt: skip
            raise
        finally:
            if before is None:
                del self.known[me]
            else:
                self.known[me] = before
        seconds = get_hub().now() - begin
        self.tell("answer", name, call=call, source=known[0], server=known[1], rcode=known[2], seconds=seconds)
        return found


class ObservedStub(StubResolver):
    """A StubResolver that tells ``on_event`` (an Event) of every step; all else as that one's."""

    def __init__(self, *args: Any, on_event: OnEvent, **options: Any) -> None:
        super().__init__(*args, **options)
        self._teller = Teller(self.name, on_event)
        self._inner = self._elsewhere
        if self._inner is not None:
            self._elsewhere = _Noted(self._inner, self._teller)

    def _why(self, name: Any) -> str:
        if self._inner is None or not isinstance(name, str | bytes):
            return ""
        text = name.decode("latin-1") if isinstance(name, bytes) else name
        return str(self._inner.choice(text).reason)

    def _run(self, plan: Any, config: Config, lookup: Any = None) -> Any:
        known = self._teller.known.get(getcurrent())
        if known is not None:
            known[0] = "policy"
        return super()._run(plan, config, lookup)

    def _outcomes(self, questions: tuple[Question, ...], config: Config, lookup: Any) -> list[Outcome]:
        known = self._teller.known.get(getcurrent()) or [None, None, None]
        missing = self._look(questions)
        known[0] = "dns" if missing else "cache"
        outcomes = super()._outcomes(questions, config, lookup)
        self._note(known, outcomes)
        return outcomes

    def _look(self, questions: tuple[Question, ...]) -> int:
        """Tell what the cache has; how many it has not."""
        missing = 0
        now = get_hub().now()
        for one in questions:
            entry = self.cache.peek(one) if self.cache is not None else None
            if entry is None or (now >= entry.expires and now >= entry.rest_until):
                missing += 1
                self._teller.tell("miss", one.name, rdtype=int(one.rdtype))
            else:
                kind = "hit" if now < entry.expires else "stale"
                server, rcode = entry.answer.server, entry.answer.rcode
                self._teller.tell(kind, one.name, rdtype=int(one.rdtype), server=server, rcode=rcode)
        return missing

    def _note(self, known: list[Any], outcomes: list[Outcome]) -> None:
        for one in outcomes:
            if isinstance(one, Answer):
                known[1], known[2] = one.server, one.rcode
                if one.stale:
                    known[0] = "cache"
                    question = one.question
                    self._teller.tell("stale", question.name, rdtype=int(question.rdtype), server=one.server)

    def getaddrinfo(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[AddrInfo]:
        """See StubResolver."""
        found: list[AddrInfo] = self._teller.around(
            "getaddrinfo", host, "memo", self._why(host), super().getaddrinfo, host, port, family, type, proto, flags
        )
        return found

    def getnameinfo(self, sockaddr: SockAddr, flags: int = 0) -> tuple[str, str]:
        """See StubResolver."""
        shown = sockaddr[0] if isinstance(sockaddr, tuple) and sockaddr else ""
        found: tuple[str, str] = self._teller.around(
            "getnameinfo", shown, "policy", "", super().getnameinfo, sockaddr, flags
        )
        return found

    def gethostbyname(self, host: str | bytes) -> str:
        """See StubResolver."""
        return str(self._teller.around("gethostbyname", host, "policy", self._why(host), super().gethostbyname, host))

    def gethostbyname_ex(self, host: str | bytes) -> tuple[str, list[str], list[str]]:
        """See StubResolver."""
        found: tuple[str, list[str], list[str]] = self._teller.around(
            "gethostbyname_ex", host, "policy", self._why(host), super().gethostbyname_ex, host
        )
        return found

    def gethostbyaddr(self, address: str | bytes) -> tuple[str, list[str], list[str]]:
        """See StubResolver."""
        found: tuple[str, list[str], list[str]] = self._teller.around(
            "gethostbyaddr", address, "policy", "", super().gethostbyaddr, address
        )
        return found

    def query(self, question: Question, deadline: float | None = None) -> Answer:
        """See StubResolver."""
        found: Answer = self._teller.around("query", question.name, "dns", "", self._asked, question, deadline)
        return found

    def _asked(self, question: Question, deadline: float | None) -> Answer:
        known = self._teller.known[getcurrent()]
        if question.options is None and self._asking is not None:
            question = question._replace(options=self._asking)
        known[0] = "dns" if self._look((question,)) else "cache"
        answer = super().query(question, deadline)
        self._note(known, [answer])
        return answer


class _Noted(Elsewhere):
    """Notes which lookups go to libc."""

    def __init__(self, inner: Elsewhere, teller: Teller) -> None:
        self._inner = inner
        self._teller = teller

    def __call__(self, name: Any, reverse: bool = False) -> FullResolver | None:
        other = self._inner(name, reverse)
        known = self._teller.known.get(getcurrent())
        if other is not None and known is not None:
            known[0] = "libc"
        return other

    def choice(self, name: str, reverse: bool = False) -> Choice:
        return self._inner.choice(name, reverse)

    def close(self) -> None:
        self._inner.close()


class Observed(Bounded):
    """Any other resolver, told of from outside; bounded in time as well if ``seconds`` are given."""

    def __init__(
        self, inner: FullResolver, name: str, source: str, on_event: OnEvent, seconds: float | None = None
    ) -> None:
        super().__init__(inner, seconds or 0.0, owned=True)
        self._teller = Teller(name, on_event)
        self._source = source

    def __repr__(self) -> str:
        return repr(self.inner)

    def _within(self, name: str, work: Callable[..., Any], *args: Any) -> Any:
        return super()._within(name, work, *args) if self.seconds else work(*args)

    def call(self, call: Call) -> Any:
        """See CallResolver."""
        return self._teller.around(call.name, call.subject, self._source, "", super().call, call)

    def query(self, question: Question, deadline: float | None = None) -> Answer:
        """See FullResolver."""
        return self._teller.around("query", question.name, self._source, "", super().query, question, deadline)  # type: ignore[no-any-return]
