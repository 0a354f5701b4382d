"""An outcome as text: dig's skeleton, dig's short form, and JSON."""

from __future__ import annotations

import json

from ..errors import ResolveError
from ..model import Answer, Question, Record, rcode_name, type_name
from ..protocols import Outcome

_FLAGS = (
    ("qr", 0x8000),
    ("aa", 0x0400),
    ("tc", 0x0200),
    ("rd", 0x0100),
    ("ra", 0x0080),
    ("ad", 0x0020),
    ("cd", 0x0010),
)


def status(outcome: Outcome) -> str:
    """One word: the response code's mnemonic, NODATA for an answer without records, or the kind of failure."""
    return outcome.kind.value if isinstance(outcome, ResolveError) else rcode_name(outcome.rcode)


def _line(record: Record) -> str:
    return f"{record.name}.\t{record.ttl}\tIN\t{type_name(record.rdtype)}\t{record.data}"


def dig(answer: Answer) -> str:
    """The skeleton of dig's output, without the figures that the engine cannot tell."""
    flags = " ".join(name for name, bit in _FLAGS if answer.flags & bit)
    question = answer.question
    out = [
        f";; ->>HEADER<<- opcode: QUERY, status: {rcode_name(answer.rcode)}",
        f";; flags: {flags}; QUERY: 1, ANSWER: {len(answer.records)}, AUTHORITY: {len(answer.authority)}, "
        f"ADDITIONAL: {len(answer.additional)}",
        "",
        ";; QUESTION SECTION:",
        f";{question.name}.\t\tIN\t{type_name(question.rdtype)}",
    ]
    for title, records in (
        ("ANSWER", answer.records),
        ("AUTHORITY", answer.authority),
        ("ADDITIONAL", answer.additional),
    ):
        if records:
            out += ["", f";; {title} SECTION:", *map(_line, records)]
    out += ["", f";; Query time: {answer.rtt * 1000:.0f} msec"]
    if answer.server:
        out.append(f";; SERVER: {answer.server} ({'TCP' if answer.tcp else 'UDP'})")
    if answer.size:
        out.append(f";; MSG SIZE  rcvd: {answer.size}")
    return "\n".join([*out, ""])


def short(answer: Answer) -> str:
    """The data alone, a line each."""
    return "\n".join(record.data for record in answer.records)


def _records(records: tuple[Record, ...]) -> list[dict[str, object]]:
    return [{"name": one.name, "type": type_name(one.rdtype), "ttl": one.ttl, "data": one.data} for one in records]


def as_json(name: str, question: Question, outcome: Outcome) -> str:
    """One object on one line; ``name`` is the name as it was given."""
    row: dict[str, object] = {"name": name, "type": type_name(question.rdtype), "status": status(outcome)}
    if isinstance(outcome, ResolveError):
        row["error"] = outcome.detail or outcome.strerror or ""
        if outcome.server:
            row["server"] = outcome.server
    else:
        row["answers"] = _records(outcome.records)
        if outcome.authority:
            row["authority"] = _records(outcome.authority)
        row["ms"] = round(outcome.rtt * 1000, 3)
        if outcome.server:
            row["server"] = outcome.server
    return json.dumps(row, ensure_ascii=True, separators=(",", ":"))
