"""Canaries: names that cannot exist, asked now and then of a run's servers. Whoever answers one invents answers."""

from __future__ import annotations

import os

from ...errors import ResolveError
from ...frozen import replace
from ...model import QueryOptions, Question, Server
from ...protocols import Cancel, Done, Engine, Outcome
from .checks import Checks
from .notes import Notes
from .wildcard_rules import given_by

_LABEL = 12  # random bytes


class Canary:
    """An engine in front of another. With each ``every``-th answer a canary goes to the server that gave it.

    It lies under the top-level domain of the name before, or under the one that the options give. Answers of a server
    whose last canary was answered are noted, or end the run.
    """

    name = "canary"

    asked: int

    def __init__(self, engine: Engine, notes: Notes, servers: tuple[Server, ...], checks: Checks) -> None:
        self.engine = engine
        self.notes = notes
        self.asked = self.answered = 0
        self._every = checks.canary
        self._base = checks.canary_base
        self._stop = checks.canary_stop
        self._servers = {str(one): one for one in servers}
        self._count = 0
        self._liars: dict[str, str] = {}  # server -> what it said

    def submit(self, question: Question, done: Done) -> Cancel:
        """See ``Engine.submit``."""
        self.notes.begin(question)

        def came(outcome: Outcome) -> None:
            self._came(question, outcome)
            done(outcome)

        return self.engine.submit(question, came)

    def close(self) -> None:
        """See ``Engine.close``."""
        self.engine.close()

    def counts(self) -> dict[str, int]:
        """For the summary."""
        return {"canaries": self.asked, "canaries_answered": self.answered}

    def _came(self, question: Question, outcome: Outcome) -> None:
        server = outcome.server
        if server not in self._servers:
            return
        if server in self._liars and not isinstance(outcome, ResolveError):
            self.notes.put(question, "canary", self._liars[server])
        self._count += 1
        if self._count % self._every == 1 % self._every:
            self._ask(question, server)

    def _ask(self, question: Question, server: str) -> None:
        base = self._base or question.name.rpartition(".")[2]
        asked = QueryOptions() if question.options is None else question.options
        name = f"{os.urandom(_LABEL).hex()}.{base}"

        def came(outcome: Outcome) -> None:
            if isinstance(outcome, ResolveError):
                return
            if given_by(outcome):
                self.answered += 1
                data = " ".join([one.data for one in outcome.records]) or "no data, but no NXDOMAIN"
                self._liars[server] = f"{name}: {data}"
                if self._stop:
                    self.notes.unfit = f"server {server} answers names that do not exist ({name}: {data}); leave it out"
            else:
                self._liars.pop(server, None)

        self.asked += 1
        options = replace(asked, server=self._servers[server])
        self.engine.submit(Question(name, question.rdtype, options=options), came)
