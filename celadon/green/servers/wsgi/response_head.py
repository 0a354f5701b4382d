"""The head of a response: what an application may say in it, and its bytes. Pure but for the clock of ``Date``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from time import gmtime, time

from .errors import BadRequest

Fields = list[tuple[bytes, bytes]]

_STATUS = re.compile(r"([1-9][0-9][0-9])(?: [\t -~\x80-\xff]*)?")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t -~\x80-\xff]*")
#: PEP 3333: "it is a fatal error for an application to attempt to use" them (RFC 2616 section 13.5.1).
HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
    )
)
#: The fields that the server itself must know of.
_SPECIAL = HOP_BY_HOP | {"content-length", "date"}

# Applications use a few statuses and names: as they were given, and what was made of them.
_statuses: dict[str, tuple[int, bytes]] = {}
_names: dict[str, tuple[bytes, str]] = {}
_MOST = 500

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def check_status(status: str) -> tuple[int, bytes]:
    """The code of a status, and its bytes. TypeError or ValueError if it is none."""
    known = _statuses.get(status) if status.__class__ is str else None
    if known is not None:
        return known
    if not isinstance(status, str):
        raise TypeError(f"the status must be a str, not {status!r}")
    match = _STATUS.fullmatch(status)
    if match is None:
        raise ValueError(f"the status is not three digits, a space and a reason without control characters: {status!r}")
    made = int(match[1]), status.encode("latin-1")
    if len(_statuses) < _MOST:
        _statuses[status] = made
    return made


def _check_name(name: str) -> tuple[bytes, str]:
    """A field's name as bytes; in lower case if the server must know of it, else empty."""
    if not isinstance(name, str):
        raise TypeError(f"the name of a field must be a str, not {name!r}")
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"the name of a field is not a token: {name!r}")
    lower = name.lower()
    made = name.encode("ascii"), lower if lower in _SPECIAL else ""
    if len(_names) < _MOST:
        _names[name] = made
    return made


def check_fields(headers: Iterable[tuple[str, str]]) -> tuple[Fields, dict[str, str]]:
    """The fields as bytes, and by lower-case name those that the server must know of.

    TypeError or ValueError for a name or a value that is none: not a str, not latin-1, with control characters (a CR or
    LF would begin another field, or another response), or Content-Length twice.
    """
    fields, special = [], {}
    for name, value in headers:
        known = _names.get(name) if name.__class__ is str else None
        if known is None:
            known = _check_name(name)
        if value.__class__ is not str and not isinstance(value, str):
            raise TypeError(f"the value of {name} must be a str, not {value!r}")
        if _VALUE.fullmatch(value) is None:
            raise ValueError(f"the value of {name} is not latin-1 without control characters: {value!r}")
        if known[1]:
            if known[1] in special and known[1] == "content-length":
                raise ValueError("Content-Length is given twice")
            special[known[1]] = value
        fields.append((known[0], value.encode("latin-1")))
    return fields, special


def check_hop_by_hop(special: dict[str, str], code: int) -> None:
    """AssertionError for a field of the connection, which is the server's.

    ``Connection: close`` is allowed, as a wish; a response of 101 may say what it upgrades to.
    """
    for name, value in special.items():
        if name not in HOP_BY_HOP or (name == "connection" and value.strip().lower() == "close"):
            continue
        if code == 101 and name in ("connection", "upgrade"):
            continue
        raise AssertionError(f"an application must not set {name}: it belongs to the connection (PEP 3333)")


def content_length(special: dict[str, str]) -> int | None:
    """The Content-Length that an application gave. ValueError if it is no number."""
    text = special.get("content-length")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        raise ValueError(f"Content-Length is not a number: {text!r}")
    return int(text)


def format_head(status: bytes, fields: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The bytes of a head with its empty line."""
    parts = [b"HTTP/1.1 ", status]
    for name, value in fields:
        parts += b"\r\n", name, b": ", value
    parts.append(b"\r\n\r\n")
    return b"".join(parts)


def format_date_time(seconds: float) -> bytes:
    """A time of the Unix clock as Date has it (RFC 9110 section 5.6.7)."""
    year, month, day, hour, minute, second, weekday, _, _ = gmtime(seconds)
    text = f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year} {hour:02}:{minute:02}:{second:02} GMT"
    return text.encode("ascii")


_dated: tuple[int, bytes] = (0, b"")


def date_now() -> bytes:
    """The Date of now, made once a second."""
    global _dated
    second = int(time())
    if _dated[0] != second:
        _dated = second, format_date_time(second)
    return _dated[1]


REASONS = {
    400: "Bad Request",
    408: "Request Timeout",
    413: "Content Too Large",
    414: "URI Too Long",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}


def refusal(status: int, why: str = "") -> tuple[str, bytes]:
    """The status line of an error of the server's own, and the whole response, after which it closes."""
    line = f"{status} {REASONS[status]}"
    body = f"{why or REASONS[status]}\n".encode("latin-1", "replace")
    fields = [
        (b"Content-Type", b"text/plain; charset=utf-8"),
        (b"Content-Length", b"%d" % len(body)),
        (b"Connection", b"close"),
        (b"Date", date_now()),
    ]
    return line, format_head(line.encode("ascii"), fields) + body


def refusal_of(fault: BadRequest) -> tuple[str, bytes]:
    """See ``refusal``. The client learns which rule it broke, and nothing that it sent."""
    return refusal(fault.status, str(fault))
