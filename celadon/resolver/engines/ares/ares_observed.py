"""The ares engine that tells of each question it gives to c-ares, and of each message of its own exchange.

What c-ares sends by itself (to its next server, over TCP) it tells nobody.
"""

from __future__ import annotations

from dataclasses import replace

from ...dns.exchange import Tuning
from ...events import Event, OnEvent
from ...model import Config
from ...protocols import Engine
from ..python.python_observed import ObservedPython
from .ares_engine import AresEngine, _Query


class ObservedAres(AresEngine):
    """See the module. ``on_event`` is called from the hub, and must not wait."""

    def __init__(self, config: Config, on_event: OnEvent) -> None:
        super().__init__(config)
        self._on_event = on_event

    def _ask(self, query: _Query) -> int:
        question = query.question
        self._on_event(
            Event(
                "sent", question.name, self.name, self._hub.now(), rdtype=int(question.rdtype), server=self._server,
                attempt=1,
            )
        )  # fmt: skip
        return super()._ask(query)

    def _exchange_for(self, config: Config) -> Engine:
        return ObservedPython(config, None, self._again)

    def _again(self, event: Event) -> None:
        """Our own exchange sends: again, if c-ares had the question before."""
        asked = (event.name, event.rdtype)
        before = any((one.question.name, one.question.rdtype) == asked for one in self._old)
        kind = "retry" if before and event.kind == "sent" else event.kind
        self._on_event(replace(event, kind=kind, attempt=event.attempt + before, resolver=self.name))


def make(config: Config, tuning: Tuning | None, on_event: OnEvent) -> ObservedAres:
    """The engine for the calling thread's hub; not tuned."""
    return ObservedAres(config, on_event)
