"""Answers for programs: a JSON object per question, dig's YAML, a table for people."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from ...errors import ResolveError
from ...model import Answer, Record, rcode_name, type_name
from ..escapes import printable, strict
from .asker import Reply, server_of
from .record_text import class_name, data_of, dotted, shown
from .settings import Settings
from .text import counts, edns_options, flag_words


def status(reply: Reply) -> str:
    """One word: the response code's mnemonic, or the kind of failure."""
    outcome = reply.outcome
    return outcome.kind.value if isinstance(outcome, ResolveError) else rcode_name(outcome.rcode)


def no_data(answer: Answer) -> bool:
    """Whether a name exists without a record of the asked type."""
    wanted = answer.question.rdtype
    return answer.rcode == 0 and not any(wanted in (one.rdtype, 255) for one in answer.records)


# -- JSON --------------------------------------------------------------------------------------------------------


def as_json(reply: Reply) -> str:
    """One object on one line. Names have no final dot, times are in milliseconds, ``ts`` in seconds of the epoch."""
    lookup, outcome = reply.lookup, reply.outcome
    name = lookup.name if isinstance(outcome, ResolveError) else outcome.question.name
    row: dict[str, object] = {
        "name": strict(name.removesuffix(".") or "."),
        "type": type_name(lookup.rdtype),
        "class": class_name(lookup.settings.rdclass),
        "status": status(reply),
    }
    if isinstance(outcome, ResolveError):
        row["error"] = strict(outcome.detail or outcome.strerror or "")
        if outcome.server:
            row["resolver"] = _host_port(outcome.server)
        if outcome.tried:
            row["tried"] = [strict(one) for one in outcome.tried]
    else:
        row |= _facts(outcome, lookup.settings)
    row["ts"] = round(reply.when, 3)
    row["input"] = strict(lookup.given)
    return json.dumps(row, ensure_ascii=True, separators=(",", ":"))


def _facts(answer: Answer, settings: Settings) -> dict[str, object]:
    sections = (("answers", answer.records), ("authorities", answer.authority), ("additionals", answer.additional))
    row: dict[str, object] = {"data": {key: _rows(records) for key, records in sections if records}}
    if no_data(answer):
        row["nodata"] = True
    row["flags"] = flag_words(answer).split()
    if answer.edns is not None:
        row["edns"] = {
            "version": answer.edns.version,
            "do": answer.edns.dnssec,
            "udp": answer.edns.bufsize,
            "options": [{"code": code, "data": data.hex()} for code, data in answer.edns.options],
        }
    if answer.server:
        row["resolver"] = _host_port(answer.server)
    row["proto"] = "tcp" if answer.tcp else "udp"
    row["rtt_ms"] = round(answer.rtt * 1000, 3)
    row["tries"] = answer.attempts
    if answer.size:
        row["size"] = answer.size
    if answer.validation is not None:
        row["dnssec"] = answer.validation.row()
    return row


def _rows(records: Sequence[Record]) -> list[dict[str, object]]:
    return [
        {
            "name": one.name or ".",
            "type": type_name(one.rdtype),
            "class": class_name(one.rdclass),
            "ttl": one.ttl,
            "data": one.data,
        }
        for one in records
    ]


def _host_port(server: str) -> str:
    address, _, port = server.rpartition("#")
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


# -- YAML, in the shape of dig's +yaml -----------------------------------------------------------------------------


def as_yaml(reply: Reply) -> str:
    """An item of a list; a failure is one as well, as dig's DIG_ERROR."""
    outcome = reply.outcome
    if isinstance(outcome, ResolveError):
        return f"- type: DIG_ERROR\n  message: {_quote(outcome.explain())}\n"
    settings = reply.lookup.settings
    server = server_of(outcome.server) if outcome.server else None
    kind = "RECURSIVE_RESPONSE" if outcome.flags & 0x0080 else "AUTH_RESPONSE"
    six = server is not None and ":" in server.address
    lines = [
        "- type: MESSAGE",
        "  message:",
        f"    type: {kind}",
        f"    query_time: !!timestamp {_stamp(reply.when - outcome.rtt)}",
        f"    response_time: !!timestamp {_stamp(reply.when)}",
        f"    message_size: {outcome.size}b",
        f"    socket_family: {'INET6' if six else 'INET'}",
        f"    socket_protocol: {'TCP' if outcome.tcp else 'UDP'}",
    ]
    if server is not None:
        lines += [f'    response_address: "{server.address}"', f"    response_port: {server.port}"]
    if outcome.validation is not None:
        lines.append(f"    dnssec: {_quote(str(outcome.validation))}")
    lines += [
        f'    query_address: "{"::" if six else "0.0.0.0"}"',
        "    query_port: 0",
        "    response_message_data:",
        *(f"      {line}".rstrip() for line in _message(outcome, settings)),
    ]
    return "".join(f"{line}\n" for line in lines)


def _message(answer: Answer, settings: Settings) -> list[str]:
    found, authority, additional = counts(answer)
    lines = [
        "opcode: QUERY",
        f"status: {rcode_name(answer.rcode)}",
        f"id: {answer.id}",
        f"flags: {flag_words(answer)}",
        "QUESTION: 1",
        f"ANSWER: {found}",
        f"AUTHORITY: {authority}",
        f"ADDITIONAL: {additional}",
    ]
    edns = answer.edns
    if edns is not None:
        lines += ["OPT_PSEUDOSECTION:", "  EDNS:", f"    version: {edns.version}"]
        lines += [f"    flags:{' do' if edns.dnssec else ''}", f"    udp: {edns.bufsize}"]
        for title, value in edns_options(answer):
            if title == "EDE":
                code, _, words = value.partition(": (")
                lines += ["    EDE:", f"      INFO-CODE: {code}"]
                lines += [f"      EXTRA-TEXT: {_quote(words[:-1])}", ""] if words else [""]
            else:
                lines.append(f"    {title}: {_scalar(value)}")
    question = answer.question
    if settings.question:
        asked = " ".join(
            (shown(dotted(question.name), settings), class_name(question.rdclass), type_name(question.rdtype))
        )
        lines += ["QUESTION_SECTION:", f"  - {_quote(asked)}"]
    for word, wanted, records in (
        ("ANSWER", settings.answer, answer.records),
        ("AUTHORITY", settings.authority, answer.authority),
        ("ADDITIONAL", settings.additional, answer.additional),
    ):
        if wanted and records:
            lines.append(f"{word}_SECTION:")
            lines += [f"  - {_quote(_spaced(one, settings))}" for one in records]
    return lines


def _spaced(record: Record, settings: Settings) -> str:
    words = [shown(dotted(record.name), settings), str(record.ttl), class_name(record.rdclass)]
    return " ".join([*words, type_name(record.rdtype), data_of(record, settings)])


def _quote(text: str) -> str:
    return "'" + printable(text).replace("'", "''") + "'"


def _scalar(text: str) -> str:
    """Text as it is where YAML takes it for that, else quoted."""
    return _quote(text) if ": " in text or " #" in text or text.endswith(":") else text


def _stamp(when: float) -> str:
    whole = int(when)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{int((when - whole) * 1000):03d}Z"


# -- a table -------------------------------------------------------------------------------------------------------

_HEAD = ("NAME", "TYPE", "TTL", "DATA", "STATUS", "SERVER", "MS")
_GOOD, _WARN, _BAD, _BOLD, _PLAIN = "\033[32m", "\033[33m", "\033[31m", "\033[1m", "\033[0m"


def as_table(replies: Sequence[Reply], color: bool) -> str:
    """A table of all records, a line each; one line for a question that has none, so that its status is seen."""
    rows: list[tuple[str, ...]] = [_HEAD]
    for reply in replies:
        rows += _table_rows(reply)
    widths = [max(len(row[n]) for row in rows) for n in range(len(_HEAD))]
    out = []
    for number, row in enumerate(rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if color and number:
            cells[4] = f"{_tint(row[4])}{cells[4]}{_PLAIN}"
        line = "  ".join(cells).rstrip()
        out.append(f"{_BOLD}{line}{_PLAIN}" if color and not number else line)
    return "".join(f"{line}\n" for line in out)


def _tint(word: str) -> str:
    return _GOOD if word == "NOERROR" else _WARN if word in ("NXDOMAIN", "NODATA") else _BAD


def _table_rows(reply: Reply) -> list[tuple[str, ...]]:
    lookup, outcome = reply.lookup, reply.outcome
    if isinstance(outcome, ResolveError):
        return [
            (printable(lookup.given), type_name(lookup.rdtype), "", "", outcome.kind.value, outcome.server or "", "")
        ]
    server, rtt = outcome.server or "", f"{outcome.rtt * 1000:.1f}"
    word = "NODATA" if no_data(outcome) else rcode_name(outcome.rcode)
    if outcome.validation is not None:
        word = f"{word}, {outcome.validation.state}"
    if not outcome.records:
        name = shown(dotted(outcome.question.name), lookup.settings)
        return [(name, type_name(lookup.rdtype), "", "", word, server, rtt)]
    return [
        (
            shown(dotted(one.name), lookup.settings),
            type_name(one.rdtype),
            str(one.ttl),
            data_of(one, lookup.settings),
            word,
            server,
            rtt,
        )
        for one in outcome.records
    ]
