"""Which records of an answer answer its question: the CNAME chain from the name that was asked, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from ..model import Answer, Question, Record, RRType

_MAX_CHAIN = 32  # names; RFC 1034 §3.6.2 sets no bound, resolvers do: loops and the like end here


class Found(NamedTuple):
    """What the chain led to: the data at its end, the last name, and the names before it."""

    data: tuple[str, ...]
    canonical: str
    aliases: tuple[str, ...]


def follow(answer: Answer, any_order: bool = True) -> Found:
    """Follow the chain within the answer, in whatever order it came. A loop or an over-long chain finds nothing.

    With ``any_order`` False as glibc does: one pass, in which each CNAME says what the next owner must be.
    """
    question = answer.question
    records = answer.records
    if not any_order:
        return _one_pass(answer)
    rdtype, rdclass = question.rdtype, question.rdclass
    if len(records) == 1:
        one = records[0]
        same = one.name == question.name or one.name.lower() == question.name.lower()
        if same and one.rdtype == rdtype and one.rdclass == rdclass:
            return Found((one.data,), one.name, ())
    records = tuple(one for one in records if one.rdclass == rdclass)
    owner = question.name.lower()
    canonical = question.name
    aliases: list[str] = []
    for _ in range(_MAX_CHAIN + 1):
        ends = [one for one in records if one.rdtype == rdtype and one.name.lower() == owner]
        if ends:
            return Found(tuple([one.data for one in ends]), canonical if aliases else ends[0].name, tuple(aliases))
        target = next((one.target for one in records if one.rdtype == RRType.CNAME and one.name.lower() == owner), None)
        if target is None or target.lower() in [one.lower() for one in aliases]:
            break
        aliases.append(canonical)
        canonical, owner = target, target.lower()
    return Found((), canonical, tuple(aliases))


def _one_pass(answer: Answer) -> Found:
    expected = answer.question.name
    aliases: list[str] = []
    data = []
    for one in answer.records:
        if one.rdtype == RRType.CNAME:
            aliases.append(one.name)
            expected = one.target
        elif one.rdtype == answer.question.rdtype and one.name.lower() == expected.lower():
            data.append(one.data)
            expected = one.name
    return Found(tuple(data), expected, tuple(aliases))


def pruned(answer: Answer) -> Answer:
    """The answer without records of owners that the question does not lead to (RFC 5452 §6); itself where all do.

    It leads to the name that was asked, to every name of its CNAME chain, and to a DNAME above one of them (RFC 6672).
    """
    asked = answer.question.name
    for one in answer.records:
        if one.name != asked:
            return _pruned(answer)
    return answer


def _pruned(answer: Answer) -> Answer:
    records = answer.records
    owner = answer.question.name.lower()
    reached: set[str] = set()
    while owner not in reached and len(reached) <= _MAX_CHAIN:
        reached.add(owner)
        owner = next(
            (one.target.lower() for one in records if one.rdtype == RRType.CNAME and one.name.lower() == owner), owner
        )
    kept = tuple([one for one in records if one.name.lower() in reached or _above(one, reached)])
    dropped = len(records) - len(kept)
    return replace(answer, records=kept, unrelated=dropped) if dropped else answer


def _above(record: Record, names: set[str]) -> bool:
    end = f".{record.name.lower()}" if record.name else ""
    return record.rdtype == RRType.DNAME and any(one.endswith(end) for one in names)


def has_data(answer: Answer) -> bool:
    """Whether the answer holds what was asked for, at the end of its chain."""
    question: Question = answer.question
    if question.rdtype == RRType.ANY:
        return bool(answer.records)
    return answer.rcode == 0 and bool(follow(answer).data)
