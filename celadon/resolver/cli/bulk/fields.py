"""Records cut down to some of their fields, and what EDNS options of a reply say, as notes."""

from __future__ import annotations

import json
from typing import Any

from ...dns.wire import WireAnswer
from ...errors import ResolveError
from ...frozen import frozen
from ...model import Question
from ...protocols import Cancel, Done, Engine, Outcome
from ..escapes import printable
from .names_in import Key
from .notes import Notes
from .outcome_words import Schema


@frozen
class Fields:
    """Writes only the wanted keys of each JSON record, in that order.

    ``data.answers`` is a key inside another, ``data.answers.data`` that of each in a list.
    """

    render: Schema
    wanted: tuple[str, ...]

    def __call__(self, key: Key, outcome: Outcome) -> str:
        """The record; empty if it is not wanted at all."""
        line = self.render(key, outcome)
        if not line:
            return line
        row = json.loads(line)
        made = {word: value for word in self.wanted if (value := _at(row, word.split("."))) is not None}
        return json.dumps(made, separators=(",", ":")) + "\n" * line.endswith("\n")


def _at(row: Any, path: list[str]) -> Any:
    for at, part in enumerate(path):
        if isinstance(row, list):
            found = [_at(one, path[at:]) for one in row]
            return [one for one in found if one is not None]
        row = row.get(part) if isinstance(row, dict) else None
    return row


class EdnsNotes:
    """An engine in front of another: the server's identity (RFC 5001) and the subnet's scope (RFC 7871) as notes."""

    name = "edns"

    def __init__(self, engine: Engine, notes: Notes) -> None:
        self.engine = engine
        self.notes = notes

    def submit(self, question: Question, done: Done) -> Cancel:
        """See ``Engine.submit``."""
        self.notes.begin(question)

        def came(outcome: Outcome) -> None:
            for code, data in () if isinstance(outcome, ResolveError) else options_of(outcome):
                if code == 3:
                    self.notes.put(question, "nsid", printable(data.decode("utf-8", "replace")))
                elif code == 8 and len(data) >= 4:
                    self.notes.put(question, "subnet_scope", data[3])
            done(outcome)

        return self.engine.submit(question, came)

    def close(self) -> None:
        """See ``Engine.close``."""
        self.engine.close()

    def counts(self) -> dict[str, int]:
        """For the summary: nothing."""
        return {}


def options_of(outcome: Any) -> tuple[tuple[int, bytes], ...]:
    """The EDNS options of a reply."""
    edns = outcome.edns if isinstance(outcome, WireAnswer) else None
    return () if edns is None else edns.options
