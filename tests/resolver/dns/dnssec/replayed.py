"""The replies of fixtures/dnssec: real ones of NSD through Unbound, about zones that BIND and Knot signed."""

import base64
from functools import lru_cache, partial
from pathlib import Path

import dns.message
import dns.rdatatype

from celadon.resolver import Question, RRType
from celadon.resolver.dns.wire import decode, question_tail
from celadon.resolver.errors import Kind, ResolveError
from celadon.resolver.testing import Script

FILE = Path(__file__).parents[4] / "fixtures" / "dnssec" / "replies"


@lru_cache(1)
def _lines():
    made = {"case": [], "reply": {}}
    for line in FILE.read_text().splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "case":
            name, rdtype, unbound, delv = rest.split()
            made["case"].append((name, rdtype, unbound, delv))
        elif kind == "reply":
            name, rdtype, data = rest.split()
            made["reply"][name, rdtype] = base64.b64decode(data)
        else:
            made[kind] = rest
    return made


def cases():
    """(name, type, what Unbound says, what delv says) of each."""
    return _lines()["case"]


def now():
    """The time of the replies, in seconds of the epoch."""
    return float(_lines()["now"])


def anchor():
    """The DS record of the root."""
    return _lines()["anchor"]


def question(name, rdtype):
    """The question of a case."""
    return Question(name.removesuffix("."), int(RRType[rdtype]))


class Servers:
    """Answers from the recorded replies, and keeps what was asked. ``change`` maps a question's key to other bytes."""

    def __init__(self, **change):
        self.asked = []
        self.change = {tuple(key.split()): value for key, value in change.items()}

    def answer(self, asked):
        """The answer, or a TIMEOUT for what was not recorded."""
        key = (asked.name or ".", RRType(asked.rdtype).name)
        self.asked.append(" ".join(key))
        message = self.change.get(key, _lines()["reply"].get(key))
        if message is None:
            return ResolveError(Kind.TIMEOUT, asked.name)
        if isinstance(message, ResolveError):
            return message
        return decode(asked, (message, 12 + len(question_tail(asked)), "192.0.2.53#53", 0.0, False, 1))

    def ask(self, questions):
        """The answers to several."""
        return [self.answer(one) for one in questions]


def reply(name, rdtype):
    """A recorded message."""
    return _lines()["reply"][name, rdtype]


def serve(server, *names):
    """Let a NameServer reply as recorded about these names, or all; NXDOMAIN where nothing was recorded."""
    replies = _lines()["reply"]
    for name in names or {key[0] for key in replies}:
        server.script("" if name == "." else name, Script(partial(_recorded, name.lower(), replies)))


def _recorded(name, replies, query, reply):
    asked = dns.message.from_wire(query).question[0]
    found = replies.get((name, dns.rdatatype.to_text(asked.rdtype)))
    return [query[:2] + found[2:] if found is not None else reply]
