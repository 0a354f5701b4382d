"""The head of a request, from bytes to values: pure functions over llhttp.

llhttp (through httptools) reads the fields. Before it, one regular expression admits only what RFC 9112 prescribes:
tokens, single spaces, CRLF, no control characters. After it, the rules that need whole fields: framing, Host, Expect.
What llhttp refuses by itself is refused as well. Where the head is wrong, ``fault_of`` finds out why, and the status.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .errors import BadRequest
from .limits import Limits
from .request_target import is_authority, split_target

try:
    import httptools
except ImportError:
    raise ImportError("celadon's HTTP server needs the package httptools: pip install 'celadon[serve]'") from None

# Possessive (++, *+) are sets of characters only: groups match wrongly in CPython before 3.11.5 (gh-106052). Nothing
# here goes back far: each part begins with what the one before cannot contain.
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_VALUE = rb"[\t -~\x80-\xff]*+"
_HEAD = re.compile(
    rb"(%(token)s) ([!-~]++) (HTTP/1\.[01])\r\n(?:%(token)s:%(value)s\r\n)*\r\n" % {b"token": _TOKEN, b"value": _VALUE}
)
_METHOD = re.compile(_TOKEN)
_REQUEST_LINE = re.compile(rb"%s ([!-~]++) HTTP/([0-9])\.([0-9])" % _TOKEN)
_FIELD = re.compile(rb"(%s):(%s)" % (_TOKEN, _VALUE))
_TRAILING = re.compile(rb"(?<![ \t])[ \t]++\r\n")
_BARE_LF, _BARE_CR = re.compile(rb"(?<!\r)\n"), re.compile(rb"\r(?!\n)")

# The methods that llhttp knows. With any other it is given another request line, as ours was read already.
_LLHTTP_METHODS = frozenset(
    b"GET HEAD POST PUT DELETE OPTIONS PATCH TRACE PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK SEARCH REPORT".split()
)
# Fields that a request has once (RFC 9110, 9112): two of them are two opinions on where it ends, or where it goes.
_ONCE = frozenset(("HTTP_TRANSFER_ENCODING", "CONTENT_LENGTH", "HTTP_HOST", "CONTENT_TYPE", "HTTP_EXPECT"))
# Their values are lists by semicolons: RFC 6265 section 4.2.1, and the obsolete RFC 2965 section 3.3.5.
_COOKIES = frozenset(("HTTP_COOKIE", "HTTP_COOKIE2"))
# What a client must not set: CGI programs and libraries take it for the proxy to use (CVE-2016-5385, "httpoxy").
_DROPPED = frozenset((b"proxy",))
_LARGEST = 2**63 - 1


class RequestHead(NamedTuple):
    """A valid head. ``variables`` are the fields as CGI has them; ``fields`` as they came.

    ``length`` is None without Content-Length; ``chunked`` is true if the body has that coding.
    """

    method: str
    target: str
    version: str
    path: str
    query: str
    variables: dict[str, str]
    fields: list[tuple[bytes, bytes]]
    length: int | None
    chunked: bool
    keep_alive: bool
    awaits_continue: bool
    upgrades: bool


class _Collector:
    """What llhttp calls back."""

    __slots__ = ("fields",)

    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))


def parse_head(head: bytes, limits: Limits) -> RequestHead:
    """The value of a head that ends with its empty line. BadRequest if it must be refused."""
    match = _HEAD.fullmatch(head)
    if match is None:
        raise fault_of(head, limits) or BadRequest(400, "the head is malformed")
    if match.end(3) > limits.request_line:
        raise BadRequest(414, f"the request line has more than {limits.request_line} bytes")
    word = match[1]
    method, target, version = word.decode(), match[2].decode(), match[3].decode()
    path, query, authority = split_target(method, target)
    fields = _fields(head if word in _LLHTTP_METHODS else b"GET / " + head[match.start(3) :])
    if len(fields) > limits.fields:
        raise BadRequest(431, f"there are more than {limits.fields} fields")
    if len(head) > limits.field:
        _check_sizes(fields, limits.field)
    variables = _variables(fields)
    modern = version == "HTTP/1.1"
    _check_host(variables, authority, modern, limits)
    chunked, length = framing(variables, modern)
    if length is not None and limits.body is not None and length > limits.body:
        raise BadRequest(413, f"the body has {length} bytes, more than {limits.body}")
    connection = variables.get("HTTP_CONNECTION")
    options = _NO_OPTIONS if connection is None else _options(connection)
    return RequestHead(
        method,
        target,
        version,
        path,
        query,
        variables,
        fields,
        length,
        chunked,
        "close" not in options and (modern or "keep-alive" in options),
        "HTTP_EXPECT" in variables and modern and _awaits_continue(variables["HTTP_EXPECT"]),
        modern and "upgrade" in options and "HTTP_UPGRADE" in variables,
    )


_NO_OPTIONS: frozenset[str] = frozenset()


def _options(connection: str) -> frozenset[str]:
    return frozenset(one.strip(" \t").lower() for one in connection.split(","))


def _fields(head: bytes) -> list[tuple[bytes, bytes]]:
    if b"\t\r\n" in head:  # llhttp takes a tab at the end of a value for a part of it
        head = _TRAILING.sub(b"\r\n", head)
    collector = _Collector()
    try:
        httptools.HttpRequestParser(collector).feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # said at the end of a head that has Upgrade: the fields are there
    except httptools.HttpParserError as error:
        # Our own rules say it with the right status, if it is one of theirs: they are asked about the plain split.
        fields = [(name, value) for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:-2])]
        variables = _variables(fields)
        framing(variables, b" HTTP/1.1\r\n" in head)
        raise BadRequest(400, f"llhttp refuses the head: {error}") from None
    return collector.fields


def _check_sizes(fields: list[tuple[bytes, bytes]], most: int) -> None:
    for name, value in fields:
        if len(name) + len(value) > most:
            raise BadRequest(431, f"a field has more than {most} bytes")


# The CGI names of the fields that were seen, as they were written; clients write a few hundred in all.
_names: dict[bytes, str] = {}
_MOST_NAMES = 1000


def _name(field: bytes) -> str:
    """The name of its CGI variable; "" for one that the application does not get.

    A name with ``_`` is dropped: its variable would be that of another field, with ``-``, that a proxy has checked.
    """
    lower = field.lower()
    if b"_" in lower or lower in _DROPPED:
        name = ""
    else:
        name = lower.decode().replace("-", "_").upper()
        if name not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            name = "HTTP_" + name
    if len(_names) < _MOST_NAMES:
        _names[field] = name
    return name


def _variables(fields: list[tuple[bytes, bytes]]) -> dict[str, str]:
    variables: dict[str, str] = {}
    for field, value in fields:
        name = _names.get(field)
        if name is None:
            name = _name(field)
        text = value.decode("latin-1").strip(" \t")
        if name in variables:
            if name in _ONCE:
                raise BadRequest(400, f"the field {field.decode()} stands twice")
            text = variables[name] + ("; " if name in _COOKIES else ",") + text
        if name:
            variables[name] = text
    return variables


def _check_host(variables: dict[str, str], authority: str | None, modern: bool, limits: Limits) -> None:
    host = variables.get("HTTP_HOST")
    if host is None:
        if modern and limits.host:
            raise BadRequest(400, "an HTTP/1.1 request without Host")
    elif not is_authority(host):
        raise BadRequest(400, "Host is not valid")
    if authority is not None:
        variables["HTTP_HOST"] = authority  # RFC 9112 section 3.2.2: what the target says is right


def framing(variables: dict[str, str], modern: bool) -> tuple[bool, int | None]:
    """Whether the body is chunked, and its Content-Length (RFC 9112 section 6.3). BadRequest for any doubt."""
    coding, length = variables.get("HTTP_TRANSFER_ENCODING"), variables.get("CONTENT_LENGTH")
    if coding is not None:
        if not modern:
            raise BadRequest(400, "Transfer-Encoding in an HTTP/1.0 request")
        if length is not None:
            raise BadRequest(400, "both Transfer-Encoding and Content-Length")
        codings = [one.strip(" \t").lower() for one in coding.split(",")]
        if codings[-1] != "chunked" or "chunked" in codings[:-1]:
            raise BadRequest(400, "the transfer coding is not chunked, last and once")
        if len(codings) > 1:
            raise BadRequest(501, "a transfer coding other than chunked is not implemented")
        return True, None
    if length is None:
        return False, None
    # isdigit by itself holds for digits of other scripts and for superscripts.
    if not (length.isascii() and length.isdigit()) or len(length) > 19 or int(length) > _LARGEST:
        raise BadRequest(400, "Content-Length is not a number")
    return False, int(length)


def _awaits_continue(expect: str) -> bool:
    if expect.lower() != "100-continue":
        raise BadRequest(417, "the only expectation that can be met is 100-continue")
    return True


def fault_of(part: bytes, limits: Limits) -> BadRequest | None:
    """Why a head is malformed, from its whole lines so far; None if they are right. Not for speed: few are wrong."""
    if b"\0" in part:
        return BadRequest(400, "a NUL in the head")
    if _BARE_LF.search(part):
        return BadRequest(400, "a line ends in LF without CR")
    if _BARE_CR.search(part):
        return BadRequest(400, "a CR without LF")
    line, _, rest = part.partition(b"\r\n")
    if len(line) > limits.request_line:
        return BadRequest(414, f"the request line has more than {limits.request_line} bytes")
    fault = _fault_of_request_line(line)
    if fault is not None:
        return fault
    lines = rest.split(b"\r\n")
    for number, one in enumerate(lines):
        if not one:
            break
        if number >= limits.fields:
            return BadRequest(431, f"there are more than {limits.fields} fields")
        if len(one) > limits.field + 1:
            return BadRequest(431, f"a field has more than {limits.field} bytes")
        fault = _fault_of_field(one)
        if fault is not None:
            return fault
    return None


def fault_of_unfinished(part: bytes, limits: Limits) -> BadRequest | None:
    """What is wrong already with a head whose end has not come, so that nobody waits for it; None if nothing is."""
    if _METHOD.match(part) is None:
        return BadRequest(400, "the method is not a token")
    end = part.rfind(b"\n") + 1
    if not end and len(part) > limits.request_line + 1:
        return BadRequest(414, f"the request line has more than {limits.request_line} bytes")
    if end and len(part) - end > limits.field + 2:
        return BadRequest(431, f"a field has more than {limits.field} bytes")
    if len(part) > limits.head:
        return BadRequest(431, f"the head has more than {limits.head} bytes")
    return fault_of(part[:end], limits) if end else None


def _fault_of_request_line(line: bytes) -> BadRequest | None:
    match = _REQUEST_LINE.fullmatch(line)
    if match is not None:
        if match[2] == b"1" and match[3] in (b"0", b"1"):
            return None
        return BadRequest(505, "the version is neither HTTP/1.0 nor HTTP/1.1")
    method = line.partition(b" ")[0]
    if _METHOD.fullmatch(method) is None:
        return BadRequest(400, "the method is not a token")
    return BadRequest(400, "the request line is not: method, a space, target, a space, HTTP/1.1")


def _fault_of_field(line: bytes) -> BadRequest | None:
    if _FIELD.fullmatch(line) is not None:
        return None
    if line[:1] in (b" ", b"\t"):
        return BadRequest(400, "a field is folded over several lines (obs-fold)")
    name, colon, _ = line.partition(b":")
    if not colon:
        return BadRequest(400, "a field without a colon")
    if name != name.rstrip(b" \t"):
        return BadRequest(400, "white space between a field's name and its colon")
    if _METHOD.fullmatch(name) is None:
        return BadRequest(400, "a field's name is not a token")
    return BadRequest(400, "a control character in a field's value")


def parse_trailers(lines: list[bytes]) -> list[tuple[str, str]]:
    """The trailer fields after the last chunk (RFC 9112 section 7.1.2). BadRequest for a forbidden one."""
    trailers = []
    for line in lines:
        fault = _fault_of_field(line)
        if fault is not None:
            raise fault
        name, _, value = line.partition(b":")
        if name.lower() in _NOT_IN_TRAILERS:
            raise BadRequest(400, f"the field {name.decode()} is not allowed after the body")
        trailers.append((name.decode(), value.decode("latin-1").strip(" \t")))
    return trailers


# RFC 9110 section 6.5.1: framing, routing, authentication. Others are harmless, as trailers are kept apart.
_NOT_IN_TRAILERS = frozenset(
    b"""transfer-encoding content-length host trailer te connection keep-alive upgrade expect
    authorization proxy-authorization cookie set-cookie""".split()
)
