"""An engine over a mapping: for Celadon's tests and users' tests."""

from __future__ import annotations

from collections.abc import Mapping

from ...hub import get_hub
from ..errors import Kind, ResolveError
from ..model import Answer, Question, Record, RRType
from ..protocols import Cancel, Done


class StaticEngine:
    """Answers from ``{name: {type: [data, …]}}``, names without final dot and in any case. Belongs to one hub."""

    name = "static"

    def __init__(self, zone: Mapping[str, Mapping[str, list[str]]], ttl: int = 300) -> None:
        self._hub = get_hub()
        self._ttl = ttl
        self._zone = {
            name.lower().rstrip("."): {int(RRType[kind]): tuple(data) for kind, data in node.items()}
            for name, node in zone.items()
        }
        self._pending: dict[object, tuple[Question, Done]] = {}
        self._closed = False

    def submit(self, question: Question, done: Done) -> Cancel:
        """See ``Engine.submit``."""
        if self._closed:
            raise ResolveError(Kind.CANCELLED, question.name, detail="the engine is closed")
        key = object()
        self._pending[key] = (question, done)
        self._hub.call_soon(self._answer, key)
        return lambda: self._pending.pop(key, None) and None

    def _answer(self, key: object) -> None:
        pending = self._pending.pop(key, None)
        if pending is not None:
            question, done = pending
            done(self.lookup(question))

    def lookup(self, question: Question) -> Answer:
        """The answer, CNAMEs followed as far as the mapping goes."""
        name = question.name
        records: list[Record] = []
        seen: set[str] = set()
        while name.lower() not in seen:
            seen.add(name.lower())
            node = self._zone.get(name.lower())
            if node is None:
                return Answer(question, 3, tuple(records), engine=self.name)
            found = node.get(question.rdtype)
            if found is not None or RRType.CNAME not in node:
                records += [Record(name, question.rdtype, self._ttl, data) for data in found or ()]
                break
            target = node[RRType.CNAME][0]
            records.append(Record(name, RRType.CNAME, self._ttl, target))
            name = target.rstrip(".")
        return Answer(question, 0, tuple(records), engine=self.name)

    def close(self) -> None:
        """See ``Engine.close``."""
        self._closed = True
        pending, self._pending = self._pending, {}
        for question, done in pending.values():
            self._hub.call_soon(done, ResolveError(Kind.CANCELLED, question.name, detail="the engine was closed"))


def make_static(zone: Mapping[str, Mapping[str, list[str]]], ttl: int = 300) -> StaticEngine:
    """The engine for the calling thread's hub; ``ttl`` in seconds."""
    return StaticEngine(zone, ttl)
