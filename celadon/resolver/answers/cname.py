"""The records that answer a question: those of its type at the end of the chain of CNAMEs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..model import Answer, Question, Record, RRType

_MAX_CHAIN = 32  # names; RFC 1034 §3.6.2 sets no limit, but a loop must end


# Types that belong to an answer besides the type asked for; types that mean several (RFC 1035 §3.2.3).
_BESIDE = (RRType.CNAME, RRType.DNAME, RRType.RRSIG, RRType.SIG)
_MANY_TYPES = frozenset((RRType.MAILB, RRType.MAILA, RRType.ANY))


class Found(NamedTuple):
    """The end of a chain: its data, the canonical (last) name, and the names before it."""

    data: tuple[str, ...]
    canonical: str
    aliases: tuple[str, ...]


def follow(answer: Answer, any_order: bool = True) -> Found:
    """Follow the chain in the answer: first in the records' order, as glibc does, then in any order.

    glibc makes one pass: the target of each CNAME, of whatever owner, becomes the owner that it expects next.
    ``any_order`` False does exactly that. A chain that loops, or has more than 32 names, has no data. Linear in the
    number of records.
    """
    question = answer.question
    records = answer.records
    if len(records) == 1:
        one = records[0]
        same = one.name == question.name or one.name.lower() == question.name.lower()
        if same and one.rdtype == question.rdtype and one.rdclass == question.rdclass:
            return Found((one.data,), question.name, ())
    found = _one_pass(question, records, any_order)
    return found if found.data or not any_order else _in_any_order(question, records)


def _one_pass(question: Question, records: Sequence[Record], check_owners: bool) -> Found:
    expected, low = question.name, question.name.lower()
    reached = {low}
    aliases: list[str] = []
    data = []
    for one in records:
        if one.rdclass != question.rdclass:
            continue
        if one.rdtype == RRType.CNAME != question.rdtype:
            if check_owners and one.name.lower() not in reached:
                continue
            aliases.append(expected)
            expected, low = one.target, one.target.lower()
            reached.add(low)
        elif one.rdtype == question.rdtype and (one.name == expected or one.name.lower() == low):
            data.append(one.data)
    if len(aliases) > _MAX_CHAIN:
        data.clear()
    return Found(tuple(data), expected, tuple(aliases))


def _in_any_order(question: Question, records: Sequence[Record]) -> Found:
    targets: dict[str, str] = {}
    ends: dict[str, list[Record]] = {}
    for one in records:
        if one.rdclass == question.rdclass:
            if one.rdtype == question.rdtype:
                ends.setdefault(one.name.lower(), []).append(one)
            elif one.rdtype == RRType.CNAME:
                targets.setdefault(one.name.lower(), one.target)
    canonical, owner = question.name, question.name.lower()
    aliases: list[str] = []
    seen = {owner}
    while owner in targets:
        aliases.append(canonical)
        canonical, owner = targets[owner], targets[owner].lower()
        if owner in seen or len(aliases) > _MAX_CHAIN:
            return Found((), canonical, tuple(aliases))
        seen.add(owner)
    return Found(tuple([one.data for one in ends.get(owner, ())]), canonical, tuple(aliases))


def pruned(answer: Answer) -> Answer:
    """The answer without records that do not belong to it (RFC 5452 §6); the same object if all do.

    Owners that belong: the name asked for, every name of its CNAME chain, a DNAME above one of them (RFC 6672). Types
    that belong: the one asked for, aliases, signatures (RFC 4035 §3.1.1).
    """
    if answer.one is not None:
        return answer
    asked, rdtype = answer.question[:2]
    for one in answer.records:
        if one.name != asked or one.rdtype != rdtype:
            return _pruned(answer)
    return answer


def _pruned(answer: Answer) -> Answer:
    records = answer.records
    targets: dict[str, list[str]] = {}
    for one in records:
        if one.rdtype == RRType.CNAME:
            targets.setdefault(one.name.lower(), []).append(one.target.lower())
    reached = {answer.question.name.lower(): None}
    for owner in (waiting := list(reached)):  # a list that grows while it is read
        for target in targets.get(owner, ()):
            if target not in reached and len(reached) <= _MAX_CHAIN:
                reached[target] = None
                waiting.append(target)
    rdtype = answer.question.rdtype
    kinds = None if rdtype in _MANY_TYPES else {rdtype, *_BESIDE}
    kept = tuple(
        [
            one
            for one in records
            if (one.name.lower() in reached or _above(one, reached)) and (kinds is None or one.rdtype in kinds)
        ]
    )
    dropped = len(records) - len(kept)
    return answer.changed(records=kept, unrelated=dropped) if dropped else answer


def _above(record: Record, names: Iterable[str]) -> bool:
    end = f".{record.name.lower()}" if record.name else ""
    return record.rdtype == RRType.DNAME and any(one.endswith(end) for one in names)


def has_data(answer: Answer) -> bool:
    """Whether the answer has data of the type asked for, at the end of its chain."""
    question: Question = answer.question
    if question.rdtype == RRType.ANY:
        return bool(answer.records)
    return answer.rcode == 0 and bool(follow(answer).data)
