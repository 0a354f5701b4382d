"""Plain HTTP through a proxy, without I/O: the heads of requests and responses, as they are to be passed on.

A client names the whole URL (the absolute form, RFC 9112 section 3.2.2). What is meant for one connection only is not
passed on: the hop-by-hop fields, and those that Connection names (RFC 9110 section 7.6.1). Each side's framing is made
anew, from what was read, so that no two parsers can disagree on where a message ends.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import httptools

from ..wsgi.errors import BadRequest
from ..wsgi.request_head import RequestHead, framing
from ..wsgi.request_target import split_target
from ..wsgi.response_head import HOP_BY_HOP

Fields = list[tuple[bytes, bytes]]

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_RESPONSE = re.compile(
    rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: ([\t -~\x80-\xff]*+))?\r\n"
    rb"(?:%b:[\t -~\x80-\xff]*+\r\n)*\r\n" % _TOKEN
)
#: Never passed on; Host, Content-Length and Via are written anew.
_DROPPED = frozenset(one.encode() for one in HOP_BY_HOP) | {b"host", b"content-length", b"via"}
_NO_BODY = frozenset((204, 304))
#: Bytes and count of fields of a response's head that are accepted.
LONGEST_HEAD, MOST_FIELDS = 65536, 200


class BadResponse(ValueError):
    """A response that is not passed on; the text says what is wrong."""


class Request(NamedTuple):
    """A request as it is to be passed on: where, and its head. ``length`` None and not ``chunked``: it has no body."""

    host: str
    port: int
    head: bytes
    length: int | None
    chunked: bool


class Response(NamedTuple):
    """The head of a response. Its body ends by ``length``, by ``chunked``, or, if neither is set, with the connection.

    ``head`` is to be completed by ``passed_on``.
    """

    status: int
    reason: bytes
    fields: Fields
    length: int | None
    chunked: bool


def authority(text: str, default: int | None = None) -> tuple[str, int]:
    """Host, without brackets, and port of ``host:port`` or ``[address]:port``. BadRequest for port 0, or none."""
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port:
        host, port = text, ""
    number = int(port) if port else default
    if not number:
        raise BadRequest(400, f"{text} names no port")
    return host.removeprefix("[").removesuffix("]"), number


def _options(fields: Fields) -> set[bytes]:
    """The names of fields that are for this connection only."""
    return {
        one.strip(b" \t").lower()
        for name, value in fields
        if name.lower() in (b"connection", b"proxy-connection")
        for one in value.split(b",")
    }


def _kept(fields: Fields) -> Fields:
    dropped = _DROPPED | _options(fields)
    return [(name, value.strip(b" \t")) for name, value in fields if name.lower() not in dropped]


def _via(fields: Fields, version: bytes, me: bytes) -> tuple[bytes, bytes]:
    before = [value.strip(b" \t") for name, value in fields if name.lower() == b"via"]
    return b"Via", b", ".join([*before, version + b" " + me])


def _bytes(first: bytes, fields: Fields) -> bytes:
    return b"".join([first, b"\r\n", *(b"%b: %b\r\n" % one for one in fields), b"\r\n"])


def is_loop(fields: Fields, me: bytes) -> bool:
    """Whether a request has been here before: RFC 9110 section 7.6.3."""
    return any(me in one.split() for name, value in fields if name.lower() == b"via" for one in value.split(b","))


def request(asked: RequestHead, me: bytes) -> Request:
    """The request to pass on. BadRequest for what a proxy is not asked: a path, https, TRACE."""
    if asked.method == "TRACE":
        raise BadRequest(405, "TRACE is not passed on")
    if asked.target[:7].lower() != "http://":
        if asked.target[:8].lower() == "https://":
            raise BadRequest(501, "https is for CONNECT: this proxy sees no encrypted pages")
        raise BadRequest(400, "this is a proxy: ask for a whole URL, http://host/path, or CONNECT host:port")
    where = split_target(asked.method, asked.target)
    assert where.authority is not None
    host, port = authority(where.authority, 80)
    path = where.path + (f"?{where.query}" if "?" in asked.target else "") or "*"
    fields: Fields = [(b"Host", where.authority.encode()), *_kept(asked.fields)]
    fields.append(_via(asked.fields, asked.version[5:].encode(), me))
    if asked.chunked:
        fields.append((b"Transfer-Encoding", b"chunked"))
    elif asked.length is not None:
        fields.append((b"Content-Length", b"%d" % asked.length))
    fields.append((b"Connection", b"close"))
    head = _bytes(f"{asked.method} {path} HTTP/1.1".encode(), fields)
    return Request(host, port, head, asked.length, asked.chunked)


class _Collector:
    def __init__(self) -> None:
        self.fields: Fields = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))


def response(head: bytes, method: str) -> Response:
    """The value of a response's head that ends with its empty line. BadResponse for a doubt about where it ends."""
    match = _RESPONSE.fullmatch(head)
    if match is None:
        raise BadResponse("the head of the response is malformed")
    collector, status = _Collector(), int(match[2])
    try:
        httptools.HttpResponseParser(collector).feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # said at the end of a head with Upgrade, or of an answer to CONNECT
    except httptools.HttpParserError as error:
        raise BadResponse(f"llhttp refuses the head of the response: {error}") from None
    fields = collector.fields
    if len(fields) > MOST_FIELDS:
        raise BadResponse(f"the response has more than {MOST_FIELDS} fields")
    codings = [value for name, value in fields if name.lower() == b"transfer-encoding"]
    variables = {}
    for name, value in fields:  # one has it: llhttp refuses two
        if name.lower() == b"content-length":
            variables["CONTENT_LENGTH"] = value.decode("latin-1").strip(" \t")
    if codings:
        variables["HTTP_TRANSFER_ENCODING"] = b",".join(codings).decode("latin-1")
    try:
        chunked, length = framing(variables, match[1] == b"1")
    except BadRequest as error:
        raise BadResponse(f"the framing of the response: {error}") from None
    if status == 101:
        raise BadResponse("the server switches protocols, which nobody asked for")
    if method == "HEAD" or status in _NO_BODY or status < 200:
        chunked = False  # what the fields say is of the body that there would be
        return Response(status, match[3] or b"", fields, 0 if length is None else length, chunked)
    return Response(status, match[3] or b"", fields, length, chunked)


def has_body(method: str, status: int) -> bool:
    """Whether a response has one at all: RFC 9112 section 6.3."""
    return method != "HEAD" and status not in _NO_BODY and status >= 200


def passed_on(found: Response, method: str, version: str, keep_alive: bool, me: bytes) -> bytes:
    """The head for the client, of HTTP ``version``; the connection stays open after it if ``keep_alive``."""
    fields = _kept(found.fields)
    fields.append(_via(found.fields, b"1.1", me))
    if has_body(method, found.status):
        if found.chunked and version == "HTTP/1.1":
            fields.append((b"Transfer-Encoding", b"chunked"))
        elif found.length is not None:
            fields.append((b"Content-Length", b"%d" % found.length))
    elif found.status >= 200:
        fields += [(name, value.strip(b" \t")) for name, value in found.fields if name.lower() == b"content-length"][:1]
    if found.status >= 200:
        fields.append((b"Connection", b"keep-alive" if keep_alive else b"close"))
    return _bytes(b"HTTP/1.1 %d %b" % (found.status, found.reason), fields)
