"""An outcome of ``resolve bulk`` as a line of JSON."""

from __future__ import annotations

import json

from ..errors import ResolveError
from ..model import Question, Record, rcode_name, type_name
from ..protocols import Outcome


def status(outcome: Outcome) -> str:
    """One word: the response code's mnemonic, NODATA for an answer without records, or the kind of failure."""
    return outcome.kind.value if isinstance(outcome, ResolveError) else rcode_name(outcome.rcode)


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
