"""Which answers a wildcard gave: an engine in front of the run's own, that asks for random names beside what it finds.

It holds an answer back until it knows, so at most as many wait as are in flight, and keeps what it knows of the parents
that were asked last. The rules are in ``wildcard_rules``.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from ...answers.cname import pruned
from ...errors import ResolveError
from ...model import QueryOptions, Question
from ...protocols import Cancel, Done, Engine, Outcome
from .notes import Notes
from .wildcard_rules import Evidence, Given, given_by, parents

_PARENTS = 4096  # that are remembered
_ROOTS = 100_000  # that are remembered as reported
_LABEL = 12  # random bytes of a name that nobody has registered


# A parent's name, the type that is asked for, and how.
_Place = tuple[str, int, QueryOptions | None]


class _Parent(Evidence):
    """A parent: what its random names got, who waits for that, and where its wildcard begins."""

    __slots__ = ("asked", "pending", "root", "waiting")

    asked: int
    pending: int

    def __init__(self) -> None:
        super().__init__()
        self.asked = self.pending = 0
        self.root: str = ""
        self.waiting: list[Callable[[], None]] | None = None

    def wait(self, go_on: Callable[[], None]) -> None:
        """Call it when all random names under way have come."""
        if self.waiting is None:
            self.waiting = []
        self.waiting.append(go_on)


class WildcardCheck:
    """See the module. ``asker`` is asked for ``tests`` random names at a time; ``report`` gets each wildcard once."""

    name = "wildcards"

    asked: int
    found: int
    roots: int

    def __init__(
        self, engine: Engine, asker: Engine, tests: int, notes: Notes, report: Callable[[str], object]
    ) -> None:
        self.engine = engine
        self._asker = asker
        self.tests = tests
        self.notes = notes
        self.asked = self.found = self.roots = 0
        self._report = report
        self._reported: set[str] = set()
        self._parents: OrderedDict[_Place, _Parent] = OrderedDict()

    def submit(self, question: Question, done: Done) -> Cancel:
        """See ``Engine.submit``."""
        self.notes.begin(question)
        return _Held(self, question, done).cancel

    def close(self) -> None:
        """See ``Engine.close``."""
        self.engine.close()

    def counts(self) -> dict[str, int]:
        """For the summary."""
        return {"wildcard_records": self.found, "wildcard_roots": self.roots, "wildcard_tests": self.asked}

    def parent(self, name: str, question: Question) -> _Parent:
        """What is known of a parent; nothing was asked yet of a new one."""
        key = (name, question.rdtype, question.options)
        found = self._parents.get(key)
        if found is not None:
            self._parents.move_to_end(key)
            return found
        while len(self._parents) >= _PARENTS:
            oldest, idle = next(iter(self._parents.items()))
            if idle.pending:
                break
            del self._parents[oldest]
        made = self._parents[key] = _Parent()
        return made

    def known(self, name: str, question: Question) -> _Parent | None:
        """A parent whose random names have come, if it is remembered."""
        found = self._parents.get((name, question.rdtype, question.options))
        return None if found is None or found.pending else found

    def ask(self, parent: _Parent, name: str, question: Question, count: int) -> None:
        """Ask for so many random names under a parent; who waits goes on when all of them came."""
        parent.pending += count
        parent.asked += count
        self.asked += count
        came = partial(self._came, parent)
        for _ in range(count):
            label = os.urandom(_LABEL).hex()
            try:
                self._asker.submit(question._replace(name=f"{label}.{name}"), came)
            except ResolveError:
                parent.pending -= 1  # the name would be too long

    def _came(self, parent: _Parent, outcome: Outcome) -> None:
        parent.pending -= 1
        parent.add(outcome if isinstance(outcome, ResolveError) else pruned(outcome))
        if not parent.pending:
            waiting, parent.waiting = parent.waiting, None
            for go_on in waiting or ():
                go_on()

    def is_wildcard(self, question: Question, parent: _Parent) -> None:
        """Note it, and report a wildcard that is new."""
        self.found += 1
        root = f"*.{parent.root}"
        self.notes.put(question, "wildcard", root)
        if root not in self._reported:
            if len(self._reported) >= _ROOTS:
                self._reported.clear()
            self._reported.add(root)
            self.roots += 1
            self._report(root)


class _Held:
    """A question, and then its answer until it is known where that comes from."""

    __slots__ = ("_above", "_cancel", "_check", "_done", "_given", "_outcome", "_parent", "_question")

    _parent: _Parent

    def __init__(self, check: WildcardCheck, question: Question, done: Done) -> None:
        self._check = check
        self._question = question
        self._done: Done | None = done
        self._above: list[str] = []
        self._given: Given = frozenset()
        self._outcome: Outcome | None = None
        self._cancel = check.engine.submit(question, self._came)

    def cancel(self) -> None:
        """Nobody waits any more. The random names under way are asked for others as well."""
        self._done = None
        if self._outcome is None:
            self._cancel()

    def _came(self, outcome: Outcome) -> None:
        self._outcome = outcome = outcome if isinstance(outcome, ResolveError) else pruned(outcome)
        self._given = given_by(outcome)
        self._above = parents(self._question.name) if self._given else []
        if self._above:
            self._parent = self._check.parent(self._above[-1], self._question)
            self._go_on()
        else:
            self._end()

    def _go_on(self) -> None:
        """Ask what is missing, or say what is known."""
        if self._done is None:
            return
        check, parent = self._check, self._parent
        verdict = None if parent.pending or not parent.asked else self._verdict()
        if verdict is not None:
            self._decide(verdict)
            return
        if not parent.pending:
            # Under a wildcard that is known already, one name tells whether this parent is its own.
            first = not parent.asked and self._known_above() is not None
            missing = check.tests if parent.asked >= check.tests else check.tests - parent.asked
            check.ask(parent, self._above[-1], self._question, 1 if first else missing)
        if parent.pending:
            parent.wait(self._go_on)
        else:
            self._decide(False)  # no random name fits under this one

    def _verdict(self) -> bool | None:
        """Whether it is the parent's wildcard that gave this; None to ask for more names."""
        parent, known = self._parent, self._known_above()
        if known is not None and known.given & parent.given:
            parent.given |= known.given  # the same wildcard, of which more is known further up
        verdict = parent.settles(self._given)
        return None if verdict is False and parent.asked < self._check.tests else verdict

    def _known_above(self) -> _Parent | None:
        """A parent further up whose wildcard gives the same."""
        for name in self._above[:-1]:
            found = self._check.known(name, self._question)
            if found is not None and self._given <= found.given:
                return found
        return None

    def _decide(self, verdict: bool) -> None:
        if not verdict:
            self._check.notes.put(self._question, "wildcard", False if self._parent.replies else None)
        elif self._parent.root or self._find_root():
            self._check.is_wildcard(self._question, self._parent)
        else:
            return  # a name further up is asked first
        self._end()

    def _find_root(self) -> bool:
        """How far up the wildcard is, from the top down; False while names are asked."""
        check, parent = self._check, self._parent
        for name in self._above[:-1]:
            other = check.parent(name, self._question)
            if not other.asked:
                check.ask(other, name, self._question, check.tests)
            if other.pending:
                other.wait(self._go_on)
                return False
            if other.given & parent.given:
                parent.root = name
                return True
        parent.root = self._above[-1]
        return True

    def _end(self) -> None:
        done, self._done = self._done, None
        if done is not None and self._outcome is not None:
            done(self._outcome)
