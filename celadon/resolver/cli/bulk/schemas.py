"""An outcome of ``resolve bulk`` as a line: our own JSON, zdns' and dnsx', and the plain forms.

massdns' forms are in ``massdns_forms``.

The line that is written a million times, an answer of one address, is put together by hand.
"""

from __future__ import annotations

import csv
import io
import json
import time
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from ...dns.wire import Changed, OneAddress, WireAnswer
from ...errors import Kind, ResolveError
from ...model import Answer, Record, RRType, type_name
from ...protocols import Outcome
from ..commands import load
from .files import Encode, lines, octets, whole
from .names_in import Key
from .outcome_words import FLAGS, Schema, holds, server_label, status

_NAMES = {
    bits: ",".join(f'"{name}"' for name, bit in FLAGS if bits & bit)
    for bits in range(0, 0x0800, 0x10)
}  # fmt: skip
_TYPES = {n: type_name(n) for n in range(260)}
_now = time.time


def _type(rdtype: int) -> str:
    return _TYPES.get(rdtype) or type_name(rdtype)


def _class(rdclass: int) -> str:
    return {1: "IN", 3: "CH", 4: "HS", 255: "ANY"}.get(rdclass, f"CLASS{rdclass}")


@lru_cache(64)
def _told(flags: int, server: str | None, tcp: bool, milliseconds: int) -> str:
    """What many answers of one millisecond have in common: the header's flags, by whom, how and when."""
    return (
        f'"flags":[{_NAMES[flags & 0x07F0]}],"resolver":"{server_label(server)}",'
        f'"proto":"{"tcp" if tcp else "udp"}","ts":{milliseconds / 1000:.3f},'
    )


def _row(one: Record, dot: str = "") -> str:
    return (
        f'{{"name":{_quoted(one.name + dot)},"type":"{_type(one.rdtype)}","class":"{_class(one.rdclass)}",'
        f'"ttl":{one.ttl},"data":{_quoted(one.data)}}}'
    )


def native(key: Key, outcome: Outcome) -> str:
    """A superset of massdns' keys, numbers as numbers, no final dots; every failure has a status."""
    name = key.text
    if type(outcome) is OneAddress and key.meta is None:
        asked, (ttl, data) = outcome.question.name, outcome.one
        message, _, server, rtt, tcp, tries = outcome.told
        given = "" if asked == name else f',"input":{_quoted(name)}'
        asked = _quoted(asked)
        return (
            f'{{"name":{asked},"type":"A","class":"IN","status":"NOERROR","data":{{"answers":[{{"name":{asked},'
            f'"type":"A","class":"IN","ttl":{ttl},"data":"{data}"}}]}},'
            f"{_told(message[2] << 8 | message[3], server, tcp, int(_now() * 1000))}"
            f'"rtt_ms":{rtt * 1000:.3f},"tries":{tries}{given}}}'
        )
    kind = _type(key.rdtype)
    meta = "" if key.meta is None else f',"meta":{json.dumps(key.meta)}'
    if isinstance(outcome, ResolveError):
        server = f',"resolver":"{server_label(outcome.server)}"' if outcome.server else ""
        return (
            f'{{"name":{_quoted(name)},"type":"{kind}","class":"IN","status":"{outcome.kind.value}",'
            f'"error":{_quoted(outcome.detail or outcome.strerror or "")}{server},"tries":{len(outcome.tried)}{meta}}}'
        )
    asked = outcome.question.name
    given = "" if asked == name else f',"input":{_quoted(name)}'
    data = f'"answers":[{_rows(outcome, 0, "records") if outcome.one is None else _address_row(outcome)}]'
    for index, title, section in (1, "authorities", "authority"), (2, "additionals", "additional"):
        rows = _rows(outcome, index, section)
        if rows:
            data += f',"{title}":[{rows}]'
    found = outcome.validation
    dnssec = "" if found is None else f',"dnssec":{json.dumps(found.row(), separators=(",", ":"))}'
    nodata = "" if outcome.one or outcome.rcode or holds(outcome, key.rdtype) else ',"nodata":true'
    return (
        f'{{"name":{_quoted(asked)},"type":"{kind}","class":"IN","status":"{status(outcome)}","data":{{{data}}}{nodata},'
        f"{_told(outcome.flags, outcome.server, outcome.tcp, int(_now() * 1000))}"
        f'"rtt_ms":{outcome.rtt * 1000:.3f},"tries":{outcome.attempts}{dnssec}{given}{meta}}}'
    )


def _rows(outcome: Answer, index: int, section: str) -> str:
    """A section's records; by the accelerator if that can."""
    rows = outcome.rows(index) if isinstance(outcome, WireAnswer) and not isinstance(outcome, Changed) else None
    return ",".join(map(_row, getattr(outcome, section))) if rows is None else rows


def _address_row(outcome: Answer) -> str:
    assert outcome.one is not None
    ttl, address = outcome.one
    return f'{{"name":{_quoted(outcome.question.name)},"type":"A","class":"IN","ttl":{ttl},"data":"{address}"}}'


def zdns(key: Key, outcome: Outcome) -> str:
    """As zdns v2: the result under its module, statuses for failures, no final dots."""
    result: dict[str, Any] = {"status": _zdns_status(outcome)}
    if isinstance(outcome, ResolveError):
        result["error"] = outcome.detail or outcome.strerror or ""
    else:
        flags = outcome.flags
        result["data"] = {
            "answers": [_zdns_row(one) for one in outcome.records],
            "additionals": [_zdns_row(one) for one in outcome.additional],
            "authorities": [_zdns_row(one) for one in outcome.authority],
            "protocol": "tcp" if outcome.tcp else "udp",
            "resolver": server_label(outcome.server),
            "flags": {
                "response": bool(flags & 0x8000),
                "opcode": 0,
                "authoritative": bool(flags & 0x0400),
                "truncated": bool(flags & 0x0200),
                "recursion_desired": bool(flags & 0x0100),
                "recursion_available": bool(flags & 0x0080),
                "authenticated": bool(flags & 0x0020),
                "checking_disabled": bool(flags & 0x0010),
                "error_code": outcome.rcode,
            },
        }
        if outcome.validation is not None:
            told = outcome.validation
            result["data"]["dnssec"] = {"status": told.state.capitalize(), "reason": told.reason}
        result["duration"] = round(outcome.rtt, 6)
    result["timestamp"] = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    row: dict[str, Any] = {"name": key.text, "results": {_type(key.rdtype): result}}
    if isinstance(outcome, Answer) and outcome.question.name != key.text:
        row["altered_name"] = outcome.question.name
    if key.meta is not None:
        row["metadata"] = key.meta
    return json.dumps(row, separators=(",", ":"))


def _zdns_status(outcome: Outcome) -> str:
    if isinstance(outcome, ResolveError):
        return outcome.kind.value if outcome.kind in (Kind.TIMEOUT, Kind.ILLEGAL) else "ERROR"
    return status(outcome)


def _zdns_row(one: Record) -> dict[str, Any]:
    base = {"class": _class(one.rdclass), "name": one.name, "ttl": one.ttl, "type": _type(one.rdtype)}
    if one.rdtype == 15 and " " in one.data:
        preference, _, exchange = one.data.partition(" ")
        return {"answer": exchange.removesuffix("."), **base, "preference": int(preference)}
    return {"answer": one.target if one.rdtype in (2, 5, 12, 39) else one.data, **base}


_DNSX = {1: "a", 28: "aaaa", 5: "cname", 15: "mx", 2: "ns", 16: "txt", 12: "ptr", 6: "soa", 33: "srv", 257: "caa"}


def dnsx(key: Key, outcome: Outcome) -> str:
    """As dnsx with ``-json``: the data by type, the rcode as ``status_code``; failures, which dnsx leaves out, too."""
    row: dict[str, Any] = {"host": key.text}
    if isinstance(outcome, ResolveError):
        row["error"] = outcome.kind.value
        row["status_code"] = outcome.kind.value
    else:
        row["ttl"] = min((one.ttl for one in outcome.records), default=0)
        row["resolver"] = [server_label(outcome.server)]
        for one in outcome.records:
            row.setdefault(_DNSX.get(one.rdtype, _type(one.rdtype).lower()), []).append(_dnsx_data(one))
        row["status_code"] = status(outcome)
    row["timestamp"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps(row, separators=(",", ":"))


def _dnsx_data(one: Record) -> str:
    return one.data.rpartition(" ")[2].removesuffix(".") if one.rdtype in (2, 5, 12, 15, 33) else one.data


def simple(key: Key, outcome: Outcome) -> str:
    """As massdns with ``-o S``: a line for each record of the answer, nothing for none."""
    if isinstance(outcome, ResolveError):
        return ""
    return "\n".join(f"{one.name}. {_type(one.rdtype)} {one.data}" for one in outcome.records)


def names(key: Key, outcome: Outcome) -> str:
    """As massdns with ``-o L``: the names that have data."""
    return "" if isinstance(outcome, ResolveError) or not holds(outcome, key.rdtype) else key.text


def table(key: Key, outcome: Outcome) -> str:
    """One CSV row: name, type, status, data (joined by ``;``), TTL, server, milliseconds, tries."""
    out = io.StringIO()
    row: list[object] = [_cell(key.text), _type(key.rdtype), status(outcome)]
    if isinstance(outcome, Answer):
        data = [one for one in outcome.records if key.rdtype in (one.rdtype, RRType.ANY)]
        row += [";".join([_cell(one.data) for one in data]), min((one.ttl for one in data), default="")]
        row += [server_label(outcome.server), f"{outcome.rtt * 1000:.3f}", outcome.attempts]
    else:
        row += ["", "", server_label(outcome.server) if outcome.server else "", "", len(outcome.tried)]
    csv.writer(out, lineterminator="").writerow(row)
    return out.getvalue()


def _cell(text: str) -> str:
    """The text, after an apostrophe if a spreadsheet would take it for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text[:1] in _FORMULA else text


_FORMULA = frozenset("=+-@")


_JSON: dict[str, Schema] = {"native": native, "zdns": zdns, "dnsx": dnsx}
_FORMS: dict[str, Schema] = {"S": simple, "L": names, "csv": table}


def schema(form: str, name: str, exhausted: frozenset[int] | None) -> Schema:
    """What writes records, by ``--output-format``, ``--schema`` and ``--retry``."""
    if massdns_wrote(form, name):
        made: Schema = load("bulk.massdns_forms").form(form, exhausted or frozenset())
        return made
    return _FORMS.get(form) or _JSON[name]


def massdns_wrote(form: str, name: str) -> bool:
    """Whether the form is one of massdns' own: what is written has its line ends, and may be no text."""
    return form not in ("csv", "parquet") and (name == "massdns" or form not in ("J", "Je", *_FORMS))


def encoder(form: str, name: str) -> Encode:
    """What turns records into bytes."""
    return (octets if form == "B" else whole) if massdns_wrote(form, name) else lines
