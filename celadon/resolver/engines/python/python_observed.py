"""The python engine that tells of each message it sends."""

from __future__ import annotations

from ...dns.exchange import Query, Tuning
from ...dns.server_health import Health
from ...events import Event, OnEvent
from ...model import Config
from .links import Link
from .python_engine import PythonEngine


class ObservedPython(PythonEngine):
    """See the module. ``on_event`` is called from the hub, and must not wait."""

    def __init__(self, config: Config, tuning: Tuning | None, on_event: OnEvent) -> None:
        super().__init__(config, tuning)
        self._on_event = on_event

    def _send(self, query: Query, state: Health, now: float) -> tuple[Link, bytes]:
        link, name = super()._send(query, state, now)
        more = query.more
        attempt = 1 + (query.link is not None) + (len(more.old) if more is not None else 0)
        kind = "tcp" if link.tcp else "retry" if attempt > 1 else "sent"
        question = query.question
        self._on_event(
            Event(
                kind, question.name, self.name, now, rdtype=int(question.rdtype), server=str(state.server),
                attempt=attempt,
            )
        )  # fmt: skip
        return link, name


def make(config: Config, tuning: Tuning | None, on_event: OnEvent) -> ObservedPython:
    """The engine for the calling thread's hub."""
    return ObservedPython(config, tuning, on_event)
