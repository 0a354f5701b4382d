"""``resolve zone AXFR`` and ``IXFR=serial``: the zone as it comes, in dig's lines or a JSON object for each record."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

from ....hub import get_hub
from ...dns.transfer import BrokenTransfer, Transfer
from ...dns.tsig import TsigError
from ...dns.wire import WireError, decode, encode_question
from ...engines.python.conversation import Conversation
from ...errors import Kind, ResolveError
from ...frozen import replace
from ...model import Answer, Question, Record, RRType, Server, rcode_name, type_name
from ..commands import load
from ..escapes import strict
from ..exits import UsageError
from .asker import Asker, Reply
from .plain_messages import where_it_ends
from .record_text import class_name, data_of, record_line
from .settings import Lookup
from .text import duration, server_words

_LEAST = 10.0  # seconds for each message, however short the time is that other questions have


class Got(NamedTuple):
    """A record and what it does: see ``Transfer.take``."""

    record: Record
    change: str


class Refused(Exception):
    """The server gives no transfer: its rcode."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(rcode_name(answer.rcode))
        self.answer = answer


class Fetch:
    """One transfer. Iterating it gives the records; afterwards it knows how many messages and bytes came."""

    messages: int
    size: int

    def __init__(self, asker: Asker, lookup: Lookup, server: Server) -> None:
        self._run = asker.run
        self._lookup = lookup
        self._server = server
        self.messages = self.size = 0
        self.began: float = 0.0
        self.reply: Answer | None = None

    def __iter__(self) -> Iterator[Got]:
        """OSError for the network, BrokenTransfer or TsigError for what came, Refused for what did not."""
        lookup, hub = self._lookup, get_hub()
        settings = lookup.settings
        name = lookup.name.removesuffix(".")
        options = replace(settings.query_options(lookup.rdtype, None), edns=None, rd=False, ad=False)
        question = Question(name, lookup.rdtype, settings.rdclass, options)
        signing = load("dig.signing").exchange(self._run.key) if self._run.key is not None else None
        sent = os.urandom(2) + _asked(question, settings.ixfr)
        if signing is not None:
            sent = signing.signed(sent)
        patience = max(settings.timeout, _LEAST)
        transfer = Transfer(name, settings.ixfr)
        self.began = time.monotonic()
        held: list[Got] = []  # until a signature covers them
        with closing(Conversation(self._server, True, self._run.source)) as talk:
            talk.send(sent, hub.now() + patience)
            while not transfer.done:
                message = talk.receive(hub.now() + patience)
                answer = self._read(question, sent, message)
                if answer.rcode and self.messages == 1:
                    raise Refused(answer)
                if answer.rcode:
                    raise BrokenTransfer(f"the server answered {rcode_name(answer.rcode)} in the middle")
                certain = signing is None or signing.check(message)
                held += [Got(one, transfer.take(one)) for one in answer.records]
                transfer.message_ends()
                if certain:
                    yield from held
                    held.clear()
            if held:
                raise TsigError("the last message is not signed")

    def _read(self, question: Question, sent: bytes, message: bytes) -> Answer:
        end = where_it_ends(message, sent, question)
        if end is None:
            raise BrokenTransfer("a message that is no reply to the question")
        self.messages += 1
        self.size += len(message)
        told = (message, end, str(self._server), time.monotonic() - self.began, True, 1)
        try:
            self.reply = decode(question, told)
            return self.reply
        except WireError as error:
            raise BrokenTransfer(f"malformed message: {error}") from None


def _asked(question: Question, serial: int | None) -> bytes:
    """The message after its id; for IXFR with the SOA that we have in the authority section (RFC 1995 §3)."""
    body = encode_question(question)
    if serial is None:
        return body
    soa = b"\xc0\x0c\0\6" + question.rdclass.to_bytes(2, "big") + b"\0\0\0\0\0\x16\0\0" + serial.to_bytes(4, "big")
    return body[:6] + b"\0\1" + body[8:] + soa + bytes(16)


class Shown:
    """How a transfer is written: the lines for each record, and for its end."""

    def __init__(self, lookup: Lookup, greeting: str) -> None:
        self._lookup = lookup
        self._settings = lookup.settings
        self._greeting = greeting

    def line(self, got: Got) -> str:
        """One record."""
        record, settings = got.record, self._settings
        if settings.format == "json":
            row = {
                "name": strict(record.name or "."),
                "type": type_name(record.rdtype),
                "class": class_name(record.rdclass),
                "ttl": record.ttl,
                "data": strict(record.data),
            }
            if got.change:
                row["change"] = got.change
            return json.dumps(row, separators=(",", ":")) + "\n"
        if settings.short:
            return data_of(record, settings) + "\n"
        return record_line(record, settings) + "\n"

    def head(self) -> str:
        """What stands before the records."""
        return self._greeting if self._plain and self._settings.cmd else ""

    @property
    def _plain(self) -> bool:
        return self._settings.format == "dig" and not self._settings.short

    def end(self, fetch: Fetch, records: int, server: Server, names: dict[str, str], microseconds: bool) -> str:
        """The figures."""
        if not self._plain or not self._settings.stats or fetch.reply is None:
            return ""
        answer = fetch.reply
        reply = Reply(self._lookup, answer, time.time(), (server,), names)
        scheme = "TLS" if server.scheme == "tls" else "TCP"
        return (
            f";; Query time: {duration(answer.rtt, microseconds)}\n"
            f";; SERVER: {server_words(reply, answer)} ({scheme})\n"
            + time.strftime(";; WHEN: %a %b %d %H:%M:%S %Z %Y\n", time.localtime())
            + f";; XFR size: {records} records (messages {fetch.messages}, bytes {fetch.size})\n\n"
        )

    def failed(self, error: Exception) -> str:
        """What stands for a transfer that there is not."""
        if self._settings.format == "json":
            status = str(error) if isinstance(error, Refused) else "ERROR"
            row = {"name": strict(self._lookup.name), "type": type_name(self._lookup.rdtype), "status": status}
            row |= {"error": "Transfer failed", "input": strict(self._lookup.given)}
            return json.dumps(row, separators=(",", ":")) + "\n"
        return "; Transfer failed.\n"


def transfer(asker: Asker, lookup: Lookup, greeting: str) -> Iterator[str | Answer | ResolveError]:
    """What is printed, piece by piece; an Answer or ResolveError in between says how it ended."""
    settings = lookup.settings
    if settings.format not in ("dig", "short", "json"):
        raise UsageError(f"a zone transfer has no --format {settings.format}; there are dig, short and json")
    servers = asker.servers(settings)
    for server in servers.found:
        if server.scheme not in ("udp", "tcp", "tls"):
            raise UsageError(f"a zone transfer goes over TCP or TLS (RFC 9103), not over {server.scheme}://")
    shown = Shown(lookup, greeting)
    yield shown.head()
    error: Exception | None = None
    for server in servers.found:
        fetch = Fetch(asker, lookup, server)
        count = 0
        try:
            for got in fetch:
                count += 1
                if not (count > 1 and _is_last(lookup, got)):
                    yield shown.line(got)
            yield shown.end(fetch, count, server, servers.names, asker.run.microseconds)
            return
        except Refused as refused:
            yield shown.failed(refused)
            yield refused.answer
            return
        except (OSError, BrokenTransfer, TsigError) as failed:
            error = failed
            if count:
                break  # what was printed cannot be taken back
    yield shown.failed(error or BrokenTransfer("no server"))
    yield _error(lookup, error, server)


def _is_last(lookup: Lookup, got: Got) -> bool:
    """Whether it is the SOA record at the end of a zone, and not wanted."""
    return lookup.settings.onesoa and lookup.rdtype == RRType.AXFR and got.record.rdtype == RRType.SOA


def why_refused(answer: Answer) -> str:
    """The response code, and what the server says of our key (RFC 8945 §5.2), if anything."""
    for one in answer.additional:
        if one.rdtype == RRType.TSIG and len(words := one.data.split()) > 6 and words[6] != "NOERROR":
            return f"{rcode_name(answer.rcode)} (TSIG: {words[6]})"
    return rcode_name(answer.rcode)


def _error(lookup: Lookup, error: Exception | None, server: Server) -> ResolveError:
    kind = Kind.OTHER
    if isinstance(error, OSError):
        kind = Kind.TIMEOUT if isinstance(error, TimeoutError) else Kind.NETWORK
    reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    what = f"{type_name(lookup.rdtype)} failed: {reason}"
    return ResolveError(kind, lookup.name.removesuffix("."), detail=what, server=str(server))


XFR = (int(RRType.AXFR), int(RRType.IXFR))
