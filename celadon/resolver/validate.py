"""Which records of an answer answer its question: the CNAME chain from the name that was asked, and nothing else."""

from __future__ import annotations

from typing import NamedTuple

from .model import Answer, RRType

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
