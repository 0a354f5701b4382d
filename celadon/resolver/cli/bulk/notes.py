"""What the checks of a run found out about an answer, on its way to the record: that a wildcard gave it, and so on."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any

from ...errors import ResolveError
from ...frozen import frozen
from ...model import Question
from ...protocols import Outcome
from .names_in import Key
from .outcome_words import Schema
from .stop import Unfit


class Notes:
    """Notes by question. The oldest are dropped: there are never more answers to be written than ``most``."""

    def __init__(self, most: int) -> None:
        #: Why the run must not go on; empty while it may.
        self.unfit = ""
        self._most = most
        self._found: OrderedDict[Question, dict[str, Any]] = OrderedDict()

    def put(self, question: Question, word: str, value: Any) -> None:
        """Note ``word`` of the answer to a question."""
        found = self._found
        if question in found:
            found.move_to_end(question)
            found[question][word] = value
        else:
            found[question] = {word: value}
            if len(found) > self._most:
                found.popitem(last=False)

    def begin(self, question: Question) -> None:
        """A question is asked again: what is noted of it is over."""
        self._found.pop(question, None)

    def of(self, question: Question) -> dict[str, Any]:
        """What is noted."""
        return self._found.get(question, _NOTHING)


_NOTHING: dict[str, Any] = {}


@frozen
class Noted:
    """Writes records with their notes: into JSON as further keys; in other forms they cannot be seen.

    ``unwanted``: a note with this value, or with another that is as true, has no record; None is neither.
    """

    render: Schema
    notes: Notes
    json: bool
    unwanted: dict[str, bool]

    def __call__(self, key: Key, outcome: Outcome) -> str:
        """The record; empty for one that is not wanted. Unfit if the run must not go on."""
        if self.notes.unfit:
            raise Unfit(self.notes.unfit)
        found = _NOTHING if isinstance(outcome, ResolveError) else self.notes.of(outcome.question)
        for word in found:
            if word in self.unwanted and found[word] is not None and bool(found[word]) == self.unwanted[word]:
                return ""
        line = self.render(key, outcome)
        if not found or not self.json or not line:
            return line
        at = line.rindex("}")
        return f"{line[:at]},{json.dumps(found, separators=(',', ':'))[1:]}{line[at + 1 :]}"
