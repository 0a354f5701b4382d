"""A client that speaks HTTP/1.1: CONNECT for a tunnel, whole URLs for requests that are passed on."""

from __future__ import annotations

from base64 import b64decode
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from ....hub import spawn
from ..wsgi.chunked_body import LAST_CHUNK, ChunkedDecoder, encode_chunk
from ..wsgi.errors import BadRequest, BodyError
from ..wsgi.request_head import RequestHead, parse_head
from .flow import Flow
from .forwarding import (
    LONGEST_HEAD,
    BadResponse,
    Request,
    Response,
    authority,
    has_body,
    is_loop,
    passed_on,
    request,
    response,
)
from .proxy_log import Entry
from .refused import BAD_REQUEST, DNS, INCOMPLETE, LOGIN, LOOP, READ_TIMEOUT, RESPONSE, TERMINATED, Refused, Sort

_ROOM = 65536
#: Informational responses before the final one that are passed on.
_MOST_INTERIM = 16
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class _Broken(Exception):
    """The answer cannot be completed: the client has got a part of it."""


def error_page(error: Refused) -> bytes:
    """The whole answer to a client that is refused: why, in a line of text, and for programs (RFC 9209)."""
    status, why = error.sort.status, str(error)
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Error"
    body = f"celadon proxy: {why}\n".encode()
    details = "".join(one if " " <= one <= "~" and one not in '"\\' else "?" for one in why)
    rcode = f'; rcode="{error.kind}"' if error.sort is DNS else ""
    more = 'Proxy-Authenticate: Basic realm="celadon", charset="UTF-8"\r\n' if status == 407 else ""
    return (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        f'{more}Proxy-Status: celadon; error={error.sort.error}{rcode}; details="{details}"\r\n'
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    ).encode() + body


class HttpSession:
    """See the top. ``server`` is a ProxyServer."""

    def __init__(self, server: Any, flow: Flow) -> None:
        self._server = server
        self._flow = flow
        self._user = ""
        #: What was wrong with the body of the request that is under way.
        self._fault: Refused | None = None

    def serve(self) -> None:
        """Serve one client until its end: request after request, or one tunnel."""
        flow, server = self._flow, self._server
        while True:
            try:
                head = flow.client.read_head()
                if head is None:
                    return
                asked = parse_head(head, flow.client.limits)
            except BadRequest as error:
                self._refuse(None, Refused(_sort(error), str(error)))
                return
            if not self._may_enter(asked):
                self._refuse(None, Refused(LOGIN, "user name and password are asked for, and these are not right"))
                return
            goes_on = self._tunnel(asked) if asked.method == "CONNECT" else self._forward(asked)
            if not goes_on or server.draining:
                return

    # -- who and where -------------------------------------------------------------------------------------------

    def _may_enter(self, asked: RequestHead) -> bool:
        credentials = self._server.credentials
        if credentials is None:
            return True
        scheme, _, text = asked.variables.get("HTTP_PROXY_AUTHORIZATION", "").partition(" ")
        try:
            user, colon, password = b64decode(text.strip(), validate=True).partition(b":")
        except ValueError:
            return False
        self._user = user.decode("utf-8", "replace")
        return scheme.lower() == "basic" and bool(colon) and credentials.holds(user, password)

    def _refuse(self, entry: Entry | None, error: Refused) -> None:
        if entry is None:
            self._server.note(self._flow, "http", error, self._user)
        else:
            entry.fail(error)
        self._flow.client.send(error_page(error))
        self._flow.client.linger()

    # -- a tunnel ------------------------------------------------------------------------------------------------

    def _tunnel(self, asked: RequestHead) -> bool:
        flow, server = self._flow, self._server
        try:
            if asked.chunked or asked.length:
                raise BadRequest(400, "CONNECT has no body")
            host, port = authority(asked.target)
        except BadRequest as error:
            self._refuse(None, Refused(_sort(error), str(error)))
            return False
        with server.entry(flow, "connect", host, port, self._user) as entry:
            entry.method = "CONNECT"
            try:
                with server.connected(flow, entry):
                    flow.client.send(_ESTABLISHED)
                    entry.status = 200
                    flow.relay()
            except Refused as error:
                self._refuse(entry, error)
        return False

    # -- a request that is passed on -----------------------------------------------------------------------------

    def _forward(self, asked: RequestHead) -> bool:
        """Whether the client may ask for more."""
        flow, server = self._flow, self._server
        try:
            wanted = request(asked, server.pseudonym)
        except BadRequest as error:
            self._refuse(None, Refused(_sort(error), str(error)))
            return False
        with server.entry(flow, "http", wanted.host, wanted.port, self._user) as entry:
            entry.method = asked.method
            try:
                if is_loop(asked.fields, server.pseudonym):
                    raise Refused(LOOP, f"{asked.target}: the request has been here before")
                with server.connected(flow, entry):
                    flow.spares_client = True
                    return self._exchange(asked, wanted, entry)
            except Refused as error:
                self._refuse(entry, error)
            except _Broken as error:
                entry.error, entry.why = INCOMPLETE.error, str(error)
                flow.broken = True
            except OSError as error:  # the client is gone
                entry.error, entry.why = "client", str(error)
                flow.broken = True
        return False

    def _exchange(self, asked: RequestHead, wanted: Request, entry: Entry) -> bool:
        """Send the request, its body beside the answer; pass the answer on."""
        flow = self._flow
        with suppress(OSError):  # the answer may be there all the same; if not, that is told
            flow.send(wanted.head)
        body = spawn(self._send_body, wanted) if wanted.chunked or wanted.length else None
        try:
            keeps = asked.keep_alive and not self._server.draining
            keeps = self._answer(asked, keeps, entry)
        finally:
            ended = body is None or body.ready()
            if body is not None:
                body.kill()
        if not ended:
            flow.client.linger()  # what it still sends would reset the answer
        return keeps and ended and self._fault is None

    def _send_body(self, wanted: Request) -> None:
        flow, client = self._flow, self._flow.client
        decoder, left = ChunkedDecoder(), wanted.length or 0
        try:
            while not decoder.done if wanted.chunked else left > 0:
                data = client.receive(_ROOM if wanted.chunked else min(left, _ROOM))
                if wanted.chunked:
                    piece = decoder.feed(data)
                    flow.send(encode_chunk(piece) if piece else b"")
                else:
                    flow.send(data)
                    left -= len(data)
            if wanted.chunked:
                client.buffer = decoder.rest + client.buffer
                flow.send(LAST_CHUNK)
        except (BadRequest, BodyError) as error:
            self._fault = Refused(BAD_REQUEST._replace(status=error.status), f"the body of the request: {error}")
            flow.cut()  # the origin must not take a part of it for the whole
        except OSError:
            return  # the origin reads no more; its answer says why

    def _answer(self, asked: RequestHead, keeps: bool, entry: Entry) -> bool:
        flow, me = self._flow, self._server.pseudonym
        rest = b""
        for _ in range(_MOST_INTERIM):
            head, rest = self._read_head(entry, rest)
            try:
                found = response(head, asked.method)
            except BadResponse as error:
                raise Refused(RESPONSE, f"{entry.host} port {entry.port}: {error}") from None
            if found.status >= 200:
                break
            if asked.version == "HTTP/1.1":
                flow.client.send(passed_on(found, asked.method, asked.version, True, me))
        else:
            raise Refused(RESPONSE, f"{entry.host} port {entry.port}: more than {_MOST_INTERIM} interim responses")
        entry.status = found.status
        body = has_body(asked.method, found.status)
        knows_end = not body or found.length is not None or (found.chunked and asked.version == "HTTP/1.1")
        keeps = keeps and knows_end
        flow.give(passed_on(found, asked.method, asked.version, keeps, me))
        if body:
            self._pass_body(found, rest, found.chunked and asked.version == "HTTP/1.1", entry)
        return keeps

    def _read_head(self, entry: Entry, got: bytes) -> tuple[bytes, bytes]:
        """The next head of the origin's, and what came after it."""
        flow, where = self._flow, f"{entry.host} port {entry.port}"
        while (end := got.find(b"\r\n\r\n") + 4) < 4:
            if len(got) > LONGEST_HEAD:
                raise Refused(RESPONSE, f"{where}: the head of the response has more than {LONGEST_HEAD} bytes")
            try:
                data = flow.receive()
            except OSError as error:
                raise self._fault or Refused(TERMINATED, f"{where}: {error.strerror or error}") from None
            if flow.expired:
                raise Refused(READ_TIMEOUT, f"{where}: no answer for {self._server.limits.idle_seconds:g} s")
            if not data and self._fault is not None:
                raise self._fault
            if not data:
                why = "in the head of its response" if got else "without a response"
                raise Refused(TERMINATED, f"{where}: it closed the connection {why}")
            got += data
        return got[:end], got[end:]

    def _pass_body(self, found: Response, data: bytes, in_chunks: bool, entry: Entry) -> None:
        """Pass a body on. _Broken if it is not whole."""
        flow = self._flow
        decoder, left = ChunkedDecoder() if found.chunked else None, found.length
        while True:
            if decoder is not None:
                try:
                    piece = decoder.feed(data)
                except BadRequest as error:
                    raise _Broken(f"the body of the response: {error}") from None
                if piece:
                    flow.give(encode_chunk(piece) if in_chunks else piece)
                if decoder.done:
                    if in_chunks:
                        flow.give(LAST_CHUNK)
                    return
            elif left is not None:
                if data:
                    flow.give(data[:left])
                    left = max(left - len(data), 0)
                if not left:
                    return
            elif data:
                flow.give(data)
            try:
                data = flow.receive(_ROOM if left is None else left)
            except OSError as error:
                raise _Broken(f"the body of the response: {error.strerror or error}") from None
            if not data:
                if decoder is None and left is None and not flow.expired:
                    return
                raise _Broken("the origin ended the connection within the body of its response")


def _sort(error: BadRequest) -> Sort:
    return BAD_REQUEST._replace(status=error.status)


__all__ = ["HttpSession", "error_page"]
