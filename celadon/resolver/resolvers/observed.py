"""A resolver whose lookups are told to a function of the program's, step by step."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ...hub import get_hub, getcurrent
from ...hub.lowlevel import hub_if_any
from ..answers.cache import Entry
from ..events import Event, OnEvent
from ..model import Answer, Question
from ..protocols import FullResolver, Observer, Outcome
from .calls import Call, Wrapper
from .lookups import Elsewhere


def harmless(on_event: OnEvent) -> OnEvent:
    """The listener, whose exceptions are reported as a greenlet's are, and do no harm to the lookup.

    In a thread without a hub, as those of a program on asyncio are, ``sys.excepthook`` reports them.
    """

    def tell(event: Event) -> None:
        try:
            on_event(event)
        except Exception as error:  # noqa: BLE001  (somebody else's code)
            hub = hub_if_any()
            if hub is None:
                sys.excepthook(type(error), error, error.__traceback__)
            else:
                hub.exception_handler(getcurrent(), error)

    return tell


class _Known:
    """What is known by now of one lookup: the source of its result, the server and its rcode."""

    __slots__ = ("rcode", "server", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self.server: str | None = None
        self.rcode: int | None = None

    def note(self, source: str, answer: Answer) -> None:
        self.source, self.server, self.rcode = source, answer.server, answer.rcode


class Teller(Observer):
    """Makes Events of a StubResolver's steps, and of lookups as a whole. ``on_event`` must be harmless.

    ``kept`` is ``World.kept`` as it is now: each text is told once.
    """

    #: Who looks up: steps are told in that greenlet. For other loops a subclass says which task it is.
    me: Callable[[], Any] = staticmethod(getcurrent)

    def __init__(self, resolver: str, on_event: OnEvent, kept: Callable[[], str] = str) -> None:
        self.resolver = resolver
        self._on_event = on_event
        self._kept = kept
        self._kept_before = ""
        #: By who looks up.
        self.known: dict[Any, _Known] = {}

    def now(self) -> float:
        """The time of Events, in seconds."""
        return get_hub().now()

    def _tell(self, kind: str, name: str, **facts: Any) -> None:
        self._on_event(Event(kind, name, self.resolver, self.now(), **facts))

    def _now(self) -> _Known:
        return self.known.get(self.me()) or _Known("")  # a query under no lookup of ours is told, but not noted

    def planned(self) -> None:
        """See Observer."""
        self._now().source = "policy"

    def read(self, questions: tuple[Question, ...], entries: list[Entry | None], now: float) -> None:
        """See Observer."""
        known = self._now()
        for question, entry in zip(questions, entries, strict=True):
            if entry is None:
                self._tell("miss", question.name, rdtype=int(question.rdtype))
            else:
                known.note("cache", entry.answer)
                self._tell_kept("hit" if now < entry.expires else "stale", question, entry.answer)
        if not all(entries):
            known.source = "dns"

    def came(self, outcomes: list[Outcome]) -> None:
        """See Observer."""
        known = self._now()
        for one in outcomes:
            if isinstance(one, Answer):
                known.note("cache" if one.stale else known.source, one)
                if one.stale:
                    self._tell_kept("stale", one.question, one)

    def _tell_kept(self, kind: str, question: Question, answer: Answer) -> None:
        rdtype = int(question.rdtype)
        self._tell(kind, question.name, rdtype=rdtype, server=answer.server, rcode=answer.rcode)

    @contextmanager
    def around(self, call: str, name: str, source: str, detail: str) -> Iterator[None]:
        """For the block that does one lookup: tells of its start and end. ``source`` holds if no step says another."""
        me = self.me()
        before = self.known.get(me)  # a resolver of the program's own may look up names itself
        known = self.known[me] = _Known(source)
        kept, before_kept = self._kept(), self._kept_before
        if kept != before_kept:
            self._kept_before = kept
            if kept:
                self._tell("kept", "", detail=kept)
        self._tell("start", name, call=call, detail=detail)
        begin = self.now()
        try:
            yield
        except BaseException as error:
            kind = "error" if isinstance(error, Exception) else "cancelled"
            server, rcode = getattr(error, "server", None) or known.server, getattr(error, "rcode", None)
            self._tell(
                kind, name, call=call, source=known.source, server=server, rcode=rcode, error=error,
                seconds=self.now() - begin,
            )  # fmt: skip
            raise
        finally:
            if before is None:
                del self.known[me]
            else:
                self.known[me] = before
        seconds = self.now() - begin
        self._tell(
            "answer", name, call=call, source=known.source, server=known.server, rcode=known.rcode, seconds=seconds
        )

    def around_call(self, call: Call, source: str, elsewhere: Elsewhere | None) -> Any:
        """``around`` for a call; ``elsewhere`` says whether it is libc's, and why."""
        why = ""
        if elsewhere is not None and isinstance(call.subject, str | bytes):
            who, why = elsewhere.choice(call.shown, call.reverse)
            source = "libc" if who == "thread" else source
        return self.around(call.name, call.shown, source, why)


class Observed(Wrapper):
    """Another resolver, whose lookups ``teller`` tells of. ``source`` is the Event's if no step says another.

    ``elsewhere`` is what a StubResolver of the name ``auto`` was given: it says why libc or an engine was chosen.
    """

    def __init__(self, inner: FullResolver, teller: Teller, source: str, elsewhere: Elsewhere | None = None) -> None:
        super().__init__(inner)
        self._teller = teller
        self._source = source
        self._elsewhere = elsewhere

    def call(self, call: Call) -> Any:
        """See CallResolver."""
        with self._teller.around_call(call, self._source, self._elsewhere):
            return call.on(self.inner)

    def query(self, question: Question, deadline: float | None = None) -> Answer:
        """See FullResolver."""
        with self._teller.around("query", question.name, self._source, ""):
            return self.inner.query(question, deadline)
