"""Questions that the engine's exchange cannot ask: signed (``-y``), from one address (``-b``), with an odd header, with
a version of EDNS that does not exist yet.

One try after another, server by server, as dig does it, each over a socket of its own.
"""

from __future__ import annotations

import os
import time
from contextlib import closing

from ....hub import get_hub
from ...dns.wire import WireError, decode, encode_question, question_tail
from ...engines.python.conversation import Conversation
from ...errors import Kind, ResolveError
from ...frozen import replace
from ...model import Answer, Question, Rcode, Server
from ...protocols import Outcome
from ..commands import load
from ..exits import UsageError
from .settings import Run, Settings

_SPOKEN = ("udp", "tcp", "tls")


def message(question: Question, settings: Settings) -> bytes:
    """The whole message: id, header and, but with ``+header-only``, the question."""
    body = bytearray(encode_question(question))
    body[0] |= settings.opcode << 3
    if settings.header_only:
        # The OPT record stays, as with dig: RFC 7873 §5.4 asks for a cookie so.
        body[2:4] = b"\0\0"
        del body[10 : 10 + len(question_tail(question))]
    number = os.urandom(2) if settings.qid is None else settings.qid.to_bytes(2, "big")
    return number + bytes(body)


def ask(question: Question, servers: tuple[Server, ...], settings: Settings, run: Run) -> Outcome:
    """The first reply of any of the servers, or what became of it all; parks the calling greenlet."""
    for server in servers:
        if server.scheme not in _SPOKEN:
            raise UsageError(f"-b, -y, -k, +opcode, +qid and +header-only do not go with {server.scheme}://")
    tried: list[str] = []
    kind = Kind.TIMEOUT
    options = question.options
    stream = options is not None and options.tcp
    for attempt in range(settings.tries):
        for server in servers:
            try:
                found = _once(question, server, settings, run, stream)
                if found.rcode == Rcode.BADVERS and options is not None and options.edns and settings.ednsnegotiation:
                    question = question._replace(options=(options := replace(options, edns=0)))
                    found = _once(question, server, settings, run, stream)
                if found.flags & 0x0200 and not found.tcp and not settings.ignore:
                    found = _once(question, server, settings, run, True)
                return found.changed(attempts=attempt + 1) if attempt else found
            except TimeoutError:
                tried.append(f"{server}: no reply")
            except OSError as error:
                kind = Kind.NETWORK
                tried.append(f"{server}: {error.strerror or error}")
    detail = tried[-1].partition(": ")[2]
    return ResolveError(kind, question.name, detail=detail, server=str(servers[-1]), tried=tuple(tried))


def _once(question: Question, server: Server, settings: Settings, run: Run, stream: bool) -> Answer:
    hub = get_hub()
    sent = message(question, settings)
    exchange = load("dig.signing").exchange(run.key) if run.key is not None else None
    if exchange is not None:
        sent = exchange.signed(sent)
    with closing(Conversation(server, stream, run.source)) as talk:
        began = time.monotonic()
        ends = hub.now() + settings.timeout
        talk.send(sent, ends)
        while True:
            reply = talk.receive(ends)
            end = where_it_ends(reply, sent, question)
            if end is None:
                continue  # forged, or late from another question
            told = (reply, end, str(server), time.monotonic() - began, talk.stream, 1)
            try:
                answer = decode(question, told)
            except WireError as error:
                raise ConnectionAbortedError(103, f"malformed reply: {error}") from None
            if exchange is not None:
                load("dig.signing").judge(exchange, reply)
            return answer


def where_it_ends(reply: bytes, sent: bytes, question: Question) -> int | None:
    """Where the question of a reply ends; None if it is no reply to what was sent."""
    if len(reply) < 12 or reply[:2] != sent[:2] or not reply[2] & 0x80 or (reply[2] ^ sent[2]) & 0x78:
        return None
    count = int.from_bytes(reply[4:6], "big")
    if not count:
        return 12
    tail = question_tail(question)
    end = 12 + len(tail)
    same = reply[12 : end - 4].lower() == tail[:-4].lower() and reply[end - 4 : end] == tail[-4:]
    return end if count == 1 and same else None
