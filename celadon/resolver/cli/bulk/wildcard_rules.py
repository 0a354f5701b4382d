"""When an answer is a wildcard's (RFC 4592), decided from answers to names that nobody can have registered. Pure.

A name that does not exist gets what ``*`` gives under its closest encloser, and so does a random name beside it. So the
name's own parent decides; names above it only tell how far up the wildcard is.
"""

from __future__ import annotations

import re

from ...errors import ResolveError
from ...model import RRType
from ...protocols import Outcome

#: What an answer gives: pairs of type and data. ``(0, "")`` is an answer without records.
Given = frozenset[tuple[int, str]]

_NOTHING: Given = frozenset()
_EMPTY: Given = frozenset(((0, ""),))
_QUIET = 8  # replies without news, for each thing given so far, after which there will be none
_ENOUGH = 1000  # replies after which no more are asked for
_part = re.compile(r"(?:[^.\\]|\\\d{3}|\\.)+").findall


def given_by(outcome: Outcome) -> Given:
    """What an outcome says that its name has; nothing for a name that does not exist, and where nobody answered.

    An alias counts alone, since what is behind it may change; a name in the data that begins as the question does
    stands for any. An alias to nowhere (NXDOMAIN with a CNAME) is something as well.
    """
    if isinstance(outcome, ResolveError):
        return _NOTHING
    if outcome.one is not None:
        return frozenset(((1, outcome.one[1]),))
    if not outcome.records:
        return _EMPTY if outcome.rcode == 0 else _NOTHING
    name = outcome.question.name.lower()
    aliases = [one for one in outcome.records if one.rdtype == RRType.CNAME and one.name.lower() == name]
    label = name.partition(".")[0] + "."
    found = set()
    for one in aliases or outcome.records:
        data = one.data.lower() if one.rdtype in (RRType.CNAME, RRType.NS, RRType.PTR, RRType.MX) else one.data
        if data.startswith(label):
            data = "*." + data[len(label) :]
        found.add((int(one.rdtype), data))
    return frozenset(found)


def parents(name: str) -> list[str]:
    """The names above a name, the highest first, without the root; in lower case."""
    low = name.lower()
    labels = _part(low) if "\\" in low else low.split(".")
    return [".".join(labels[at:]) for at in range(len(labels) - 1, 0, -1)]


class Evidence:
    """What random names under one parent were answered.

    ``given`` is all that they were given; ``replies`` counts who was answered. A wildcard may give another of many
    addresses each time, so replies are asked for until several in a row bring nothing new.
    """

    __slots__ = ("_quiet", "given", "replies")

    def __init__(self) -> None:
        self.given: Given = _NOTHING
        self.replies: int = 0
        self._quiet = 0

    def add(self, outcome: Outcome) -> None:
        """What a random name got; no reply, or a refusal, says nothing."""
        if isinstance(outcome, ResolveError) or outcome.rcode not in (0, 3):
            return
        given = given_by(outcome)
        self.replies += 1
        self._quiet = self._quiet + 1 if given <= self.given else 0
        self.given |= given

    def settles(self, given: Given) -> bool | None:
        """Whether an answer that gives this is the wildcard's; None if more replies are needed to know."""
        if not self.given:
            return False
        if given <= self.given:
            return True
        if self._quiet >= _QUIET * (len(self.given) + 1):
            return False
        if self.replies < _ENOUGH:
            return None
        return self._quiet < len(self.given)  # it goes on giving something else: nothing can be told from its own
