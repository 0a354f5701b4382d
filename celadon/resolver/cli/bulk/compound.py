"""Questions that lead to others: the addresses of a domain's mail and name servers, SPF, DMARC, and CAA up the tree.

An engine in front of the run's own; what it finds is noted, and so stands in the record of the first question.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ...answers.cname import follow, pruned
from ...errors import ResolveError
from ...model import Answer, Question, RRType
from ...names.address import normal
from ...protocols import Cancel, Done, Engine, Outcome
from .notes import Notes
from .wildcard_rules import parents

_MOST = 30  # servers of a domain whose addresses are asked for


def policy(answer: Answer, version: str) -> str | None:
    """The TXT record that begins with the word ``version``, its strings joined; None unless it is the only one.

    RFC 7208 §4.5 for SPF, RFC 7489 §6.6.3 for DMARC.
    """
    found = [text for text in map(joined, follow(answer).data) if _begins(text, version)]
    return found[0] if len(found) == 1 else None


def _begins(text: str, version: str) -> bool:
    return text.lower().startswith(version) and text[len(version) : len(version) + 1] in ("", " ", ";")


def joined(data: str) -> str:
    """The strings of a TXT record's data as one text (RFC 7208 §3.3)."""
    parts, inside, at = [], False, 0
    while at < len(data):
        one = data[at]
        if one == '"':
            inside = not inside
        elif one == "\\":
            digits = data[at + 1 : at + 4]
            parts.append(chr(int(digits)) if digits.isdigit() and len(digits) == 3 else data[at + 1 : at + 2])
            at += 3 if digits.isdigit() and len(digits) == 3 else 1
        elif inside or one != " ":
            parts.append(one)
        at += 1
    return "".join(parts)


def targets(answer: Answer) -> list[tuple[str, int | None]]:
    """The servers that MX or NS data names, with their preference, the most preferred first."""
    found: list[tuple[str, int | None]] = []
    for data in follow(answer).data:
        preference, space, name = data.rpartition(" ")[0], " " in data, data.rpartition(" ")[2]
        found.append((name.removesuffix("."), int(preference) if space else None))
    return sorted(dict.fromkeys(found), key=lambda one: (one[1] or 0, one[0]))[:_MOST]


class Compound:
    """See the module. ``kind`` is what ``--lookup`` takes."""

    name = "compound"

    def __init__(self, engine: Engine, notes: Notes, kind: str) -> None:
        self.engine = engine
        self.notes = notes
        self.asked = 0
        self._finish = _FINISH[kind]

    def submit(self, question: Question, done: Done) -> Cancel:
        """See ``Engine.submit``."""
        self.notes.begin(question)
        return _Chain(self, question, done, self._finish).cancel

    def close(self) -> None:
        """See ``Engine.close``."""
        self.engine.close()

    def counts(self) -> dict[str, int]:
        """For the summary."""
        return {"further_questions": self.asked}


class _Chain:
    """A question with what follows from its answer; ``cancels`` undo what is under way."""

    def __init__(self, home: Compound, question: Question, done: Done, finish: Callable[[_Chain], None]) -> None:
        self.home = home
        self.question = question
        self.answer: Any = None
        self.left: list[str] = []  # of names up the tree
        self._done: Done | None = done
        self._finish = finish
        self._cancels: dict[int, Cancel] = {}
        self._cancels[0] = home.engine.submit(question, self._came)

    def cancel(self) -> None:
        """Nobody waits any more."""
        self._done = None
        for one in self._cancels.values():
            one()
        self._cancels.clear()

    def _came(self, outcome: Outcome) -> None:
        self._cancels.clear()
        self.answer = outcome if isinstance(outcome, ResolveError) else pruned(outcome)
        if isinstance(outcome, ResolveError):
            self.end()
        else:
            self._finish(self)

    def ask(self, name: str, rdtype: int, done: Callable[[Outcome], None]) -> None:
        """Ask for something more, as the first question was asked."""
        number = self.home.asked = self.home.asked + 1

        def came(outcome: Outcome) -> None:
            self._cancels.pop(number, None)
            done(outcome if isinstance(outcome, ResolveError) else pruned(outcome))

        try:
            self._cancels[number] = self.home.engine.submit(self.question._replace(name=name, rdtype=rdtype), came)
        except ResolveError as error:
            done(error)

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
        return bool(self._cancels)

    def note(self, **found: Any) -> None:
        """Put these into the record."""
        for word, value in found.items():
            self.home.notes.put(self.question, word, value)

    def end(self) -> None:
        """All is known."""
        done, self._done = self._done, None
        if done is not None:
            done(self.answer)


def _with_addresses(word: str, chain: _Chain) -> None:
    rows: list[dict[str, Any]] = []
    wanted = targets(chain.answer) if chain.answer.rcode == 0 else []
    for name, preference in wanted:
        rows.append({"name": name, **({} if preference is None else {"preference": preference}), "addresses": []})
    chain.note(**{word: rows})

    def came(row: dict[str, Any], outcome: Outcome) -> None:
        if isinstance(outcome, Answer):
            row["addresses"] += follow(outcome).data
        if not chain.busy:
            for one in rows:
                one["addresses"].sort(key=lambda text: (":" in text, normal(text) or text))
            chain.end()

    asked = False
    for row in rows:
        for rdtype in (RRType.A, RRType.AAAA) if row["name"] else ():
            asked = True
            chain.ask(row["name"], rdtype, partial(came, row))
    if not asked:
        chain.end()


def _spf(chain: _Chain) -> None:
    chain.note(spf=policy(chain.answer, "v=spf1"))
    chain.end()


def _up_the_tree(prefix: str, rdtype: int, found: Callable[[Answer], Any], word: str, chain: _Chain) -> None:
    """Note what is found at the name, or at the nearest name above it."""
    name = chain.question.name[len(prefix) :]
    above = [name.lower(), *reversed(parents(name))]

    def look(outcome: Outcome) -> None:
        at = above.pop(0)
        value = found(outcome) if isinstance(outcome, Answer) else None
        if value:
            chain.note(**{word: value, f"{word}_name": at})
        elif above:
            chain.ask(prefix + above[0], rdtype, look)
            return
        else:
            chain.note(**{word: None})
        chain.end()

    look(chain.answer)


_FINISH: dict[str, Callable[[_Chain], None]] = {
    "mx+a": partial(_with_addresses, "exchanges"),
    "ns+a": partial(_with_addresses, "servers"),
    "spf": _spf,
    "dmarc": partial(_up_the_tree, "_dmarc.", RRType.TXT, lambda answer: policy(answer, "v=dmarc1"), "dmarc"),
    "caa": partial(_up_the_tree, "", RRType.CAA, lambda answer: list(follow(answer).data), "caa"),
}
