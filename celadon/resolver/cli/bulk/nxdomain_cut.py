"""The cut of RFC 8020: under a name that does not exist nothing exists, so nothing is asked there."""

from __future__ import annotations

from collections import OrderedDict

from ....hub import get_hub
from ...answers.cname import follow
from ...errors import ResolveError
from ...model import Answer, Question
from ...protocols import Cancel, Done, Engine, Outcome
from .notes import Notes
from .wildcard_rules import parents

_NAMES = 65536  # that are remembered as not there


def denied(outcome: Outcome) -> str:
    """The name, in lower case, of which a reply says that it does not exist (RFC 8020 §2); empty if none."""
    if isinstance(outcome, ResolveError) or outcome.rcode != 3:
        return ""
    return (follow(outcome).canonical if outcome.records else outcome.question.name).lower()


class NxdomainCut:
    """An engine in front of another, which gets no questions about names under one that does not exist."""

    name = "nxdomain-cut"

    def __init__(self, engine: Engine, notes: Notes) -> None:
        self.engine = engine
        self.notes = notes
        self.cut: int = 0
        self._denied: OrderedDict[str, str | None] = OrderedDict()

    def submit(self, question: Question, done: Done) -> Cancel:
        """See ``Engine.submit``."""
        self.notes.begin(question)
        for name in (*parents(question.name), question.name.lower()):
            if name in self._denied:
                self._denied.move_to_end(name)
                return self._answer(question, name, done)

        def came(outcome: Outcome) -> None:
            name = denied(outcome)
            if name:
                self._denied[name] = outcome.server
                if len(self._denied) > _NAMES:
                    self._denied.popitem(last=False)
            done(outcome)

        return self.engine.submit(question, came)

    def close(self) -> None:
        """See ``Engine.close``."""
        self.engine.close()

    def counts(self) -> dict[str, int]:
        """For the summary."""
        return {"nxdomain_cut": self.cut}

    def _answer(self, question: Question, name: str, done: Done) -> Cancel:
        self.cut += 1
        self.notes.put(question, "cut", name)
        waiting: list[Done] = [done]
        answer = Answer(question, 3, server=self._denied[name], attempts=0, engine=self.name)
        get_hub().call_soon(_give, waiting, answer)
        return waiting.clear


def _give(waiting: list[Done], answer: Answer) -> None:
    if waiting:
        waiting.pop()(answer)
