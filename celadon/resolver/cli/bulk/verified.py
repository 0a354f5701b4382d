"""Trusted servers ask what was found once more: an engine in front of the run's own, and a second one beside it."""

from __future__ import annotations

from ...answers.cname import pruned
from ...errors import ResolveError
from ...frozen import replace
from ...model import Question, Rcode
from ...protocols import Cancel, Done, Engine, Outcome
from .notes import Notes
from .wildcard_rules import given_by


class Verified:
    """What the run's servers found is asked of trusted ones, and theirs is the answer if they find something.

    The note ``verified`` is True then, False if they say that there is nothing, None if they say nothing.
    """

    name = "verified"

    def __init__(self, engine: Engine, trusted: Engine, notes: Notes) -> None:
        self.engine = engine
        self.trusted = trusted
        self.notes = notes
        self.counted: dict[str, int] = {"verified": 0, "unverified": 0, "not_verified": 0}

    def submit(self, question: Question, done: Done) -> Cancel:
        """See ``Engine.submit``."""
        self.notes.begin(question)
        return _Twice(self, question, done).cancel

    def close(self) -> None:
        """See ``Engine.close``."""
        self.engine.close()
        self.trusted.close()

    def counts(self) -> dict[str, int]:
        """For the summary: hits that are verified, that are not, and about which nothing was said."""
        return self.counted


class _Twice:
    """A question, and then the same to a trusted server."""

    __slots__ = ("_cancel", "_check", "_done", "_first", "_question")

    def __init__(self, check: Verified, question: Question, done: Done) -> None:
        self._check = check
        self._question = question
        self._done: Done | None = done
        self._first: Outcome | None = None
        self._cancel = check.engine.submit(question, self._came)

    def cancel(self) -> None:
        """Nobody waits any more."""
        if self._done is not None:
            self._done = None
            self._cancel()

    def _came(self, outcome: Outcome) -> None:
        done, question = self._done, self._question
        if done is None:
            return
        if isinstance(outcome, ResolveError) or not given_by(outcome := pruned(outcome)):
            self._done = None
            done(outcome)
            return
        self._first = outcome
        if question.options is not None and question.options.server is not None:
            question = question._replace(options=replace(question.options, server=None))
        self._cancel = self._check.trusted.submit(question, self._checked)

    def _checked(self, outcome: Outcome) -> None:
        done, self._done, first = self._done, None, self._first
        if done is None or first is None:
            return
        verdict = None
        if not isinstance(outcome, ResolveError) and outcome.rcode in (Rcode.NOERROR, Rcode.NXDOMAIN):
            outcome = pruned(outcome)
            verdict = bool(given_by(outcome))
            if verdict:
                first = outcome if outcome.question == self._question else outcome.changed(question=self._question)
        self._check.counted[{True: "verified", False: "unverified", None: "not_verified"}[verdict]] += 1
        self._check.notes.put(self._question, "verified", verdict)
        done(first)
