"""``python -m tests.resolver.fuzz_replies --seconds 60``: a name server that sends whatever it likes.

Good replies, and those of every fault, are bent at random and sent over UDP and TCP. Whatever arrives, a question has
an end: an answer, or ResolveError. An address is told only if it stands in a message that was sent for this question
and that another reader than ours takes for a reply to it. Nothing is raised in the hub, and nothing is kept.
"""

import argparse
import gc
import os
import random
import socket
import struct
import sys
import time
from collections import Counter

import dns.exception
import dns.name
import dns.wire

from celadon.hub import get_hub, joinall, spawn
from celadon.resolver import Answer, Config, Question, ResolveError, Server
from celadon.resolver.answers.cname import follow
from celadon.resolver.registry import make_engine
from celadon.resolver.resolvers.stub import ask
from celadon.resolver.testing import NameServer, Script
from celadon.resolver.testing.hostile import FAULTS, message, question_of, record
from celadon.resolver.testing.nameserver import Sent

GREENLETS = 16
TIMEOUT, ATTEMPTS = 0.15, 2
SEEDS = [script for fault, script in FAULTS.items() if not fault.startswith(("300", "64 KB", "TCP", "0.7"))]


def bend(draw, data):
    """The message with some of its bytes changed, moved, taken away or put in."""
    out = bytearray(data)
    for _ in range(draw.choice((0, 1, 1, 2, 5))):
        if not out:
            break
        at = draw.randrange(len(out))
        kind = draw.randrange(9)
        if kind < 3:
            out[at] ^= 1 << draw.randrange(8)
        elif kind == 3:
            out[at] = draw.choice((0, 1, 0x3F, 0x40, 0x80, 0xC0, 0xFF))
        elif kind == 4:
            del out[at:]
        elif kind == 5:
            out[at:at] = draw.randbytes(draw.choice((1, 2, 16)))
        elif kind == 6:
            out[4 + 2 * draw.randrange(4) :][:2] = draw.choice((b"\0\0", b"\0\2", b"\xff\xff"))
        elif kind == 7:
            end = draw.randrange(at, len(out) + 1)
            out += out[at:end]
        else:
            out[at : at + 2] = b"\xc0" + bytes([draw.randrange(256)])
    return bytes(out)


def believable(name, query_id, data, loose=False):
    """The addresses that this message has for the question; None if it is no reply to it.

    ``loose``: an A record may be longer than its address, which c-ares (ares) does not look at.
    """
    if len(data) < 12 or data[:2] != query_id:
        return None
    flags, *counts = struct.unpack("!5H", data[2:12])
    if flags & 0xF800 != 0x8000 or flags & 0xF or counts[0] != 1:
        return None
    parser = dns.wire.Parser(data, 12)
    links, ends = {}, {}
    try:
        asked = read_name(parser)
        if parser.get_struct("!HH") != (1, 1) or asked != (*name.encode().split(b"."), b""):
            return None
        for _ in range(counts[1]):
            owner = read_name(parser)
            rdtype, rdclass, _, size = parser.get_struct("!HHIH")
            with parser.restrict_to(size):
                if rdclass == 1 and rdtype == 1 and (size == 4 or (loose and size > 4)):
                    ends.setdefault(owner, set()).add(socket.inet_ntoa(parser.get_bytes(4)))
                elif rdclass == 1 and rdtype == 5:
                    links.setdefault(owner, read_name(parser))
                parser.get_remaining()
    except (dns.exception.DNSException, IndexError):
        return None
    owner, seen = asked, set()
    while owner not in ends and owner in links and owner not in seen:
        seen.add(owner)
        owner = links[owner]
    return frozenset(ends.get(owner, ()))


def read_name(parser):
    """The labels of the name that stands here, compressed or not, in lower case; IndexError where the message ends.

    A pointer must lead back. Unlike dnspython we let a name run on into the record that points to it, as glibc and
    c-ares do.
    """
    wire, at = parser.wire, parser.current
    labels, start, size = [], at, None
    while wire[at]:
        length = wire[at]
        if length >= 0xC0:
            size = size or at + 2 - parser.current
            at = (length & 0x3F) << 8 | wire[at + 1]
            if at >= start:
                raise dns.name.BadPointer
            start = at
        elif length > 63:
            raise dns.name.BadLabelType
        else:
            labels.append(wire[at + 1 : at + 1 + length].lower())
            at += 1 + length
    parser.get_bytes(size or at + 1 - parser.current)
    return (*labels, b"")


class Hostile:
    """The server's mind: what it sends for a question, and what of that may be believed."""

    def __init__(self, seed, loose):
        self.loose = loose
        self.draw = random.Random(seed)
        self.sent = Counter()
        self.allowed = {}
        self.log = {}

    def script(self, name):
        """For this name; over UDP and TCP alike."""
        allowed = self.allowed[name] = set()

        def change(query, reply):
            return [self._noted(allowed, name, query, one) for one in self._messages(query, reply)]

        def stream(query, reply):
            draw = self.draw
            made = []
            for one in change(query, reply):
                frame = len(one.data).to_bytes(2, "big") + one.data
                if draw.random() < 0.2:
                    # A length that is wrong puts messages into one another: what they say then is anybody's guess.
                    frame = bend(draw, frame)
                    allowed.add(None)
                made.append(Sent(frame, raw=True, end=draw.choice(("", "", "", "close", "reset"))))
            return made

        return Script(change, stream=stream)

    def _noted(self, allowed, name, query, sent):
        self.log.setdefault(name, []).append(sent.data.hex())
        for loose in (False, True) if self.loose else (False,):  # ares has the strict python engine behind it
            found = believable(name, query[:2], sent.data, loose)
            if found is not None:
                allowed.add(found)
        self.sent["believable" if found is not None else "not"] += 1
        return sent

    def _messages(self, query, reply):
        draw = self.draw
        made = []
        for _ in range(draw.choice((0, 1, 1, 1, 2, 4))):
            kind = draw.random()
            if kind < 0.1:
                data = query[:2] + draw.randbytes(draw.choice((0, 3, 10, 60, 600)))
            elif kind < 0.15:
                data = draw.randbytes(draw.choice((0, 12, 40)))
            elif kind < 0.3:
                data = message(query, flags=0x8380)
            elif kind < 0.6:
                made += self._fault(query, reply)
                continue
            else:
                few = [record(bytes((10, 0, 0, draw.randrange(256)))) for _ in range(draw.choice((1, 2, 9)))]
                data = message(query, few, flags=draw.choice((0x8180, 0x8580, 0x8182, 0x8183, 0x818B)))
            made.append(Sent(bend(draw, data) if draw.random() < 0.8 else data))
        if draw.random() < 0.5:
            made.append(Sent(reply, draw.choice((0, 0.005))))
        return made

    def _fault(self, query, reply):
        if len(question_of(query)) < 6:
            return []
        for one in self.draw.choice(SEEDS).change(query, reply)[:3]:
            data = one.data if isinstance(one, Sent) else one
            yield Sent(bend(self.draw, data) if self.draw.random() < 0.7 else data)


def resident():
    """Bytes of memory that the process has."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def run(engine, seconds, seed):
    """Ask until the time is over; what the outcomes were. AssertionError for what must not be."""
    mind = Hostile(seed, engine == "ares")
    outcomes = Counter()
    hub = get_hub()
    raised = []
    hub.exception_handler, before = (lambda *args: raised.append(args)), hub.exception_handler
    wrong = []
    count = iter(range(1 << 60))
    gc.collect()
    memory = resident()
    with NameServer() as server:
        config = Config(servers=(Server("127.0.0.1", server.port),), timeout=TIMEOUT, attempts=ATTEMPTS)
        dns_engine = make_engine(engine, config)
        ends = time.monotonic() + seconds

        def asker():
            while time.monotonic() < ends:
                number = next(count)
                name = f"f{number}.test"
                server.add(name, "A", f"10.1.{number >> 8 & 255}.{number & 255}")
                server.script(name, mind.script(name))
                outcome = ask(dns_engine, (Question(name, 1),))[0]
                server.remove(name)
                server.unscript(name)
                allowed = mind.allowed.pop(name)
                sent = mind.log.pop(name, ())
                if isinstance(outcome, ResolveError):
                    outcomes[outcome.kind.value] += 1
                    continue
                if not isinstance(outcome, Answer):
                    wrong.append((name, repr(outcome)))
                    continue
                outcomes[f"rcode {outcome.rcode}"] += 1
                found = frozenset(follow(outcome).data) if outcome.rcode == 0 else frozenset()
                if found and found not in allowed and None not in allowed:
                    wrong.append((name, sorted(found), [sorted(one) for one in allowed], sent))

        joinall([spawn(asker) for _ in range(GREENLETS)], raise_error=True)
        assert "0 in flight" in repr(dns_engine)
        dns_engine.close()
        server.queries.clear()
    hub.exception_handler = before
    gc.collect()
    grown = resident() - memory
    assert not raised, raised[:3]
    assert not wrong, wrong[:5]
    assert grown < 64 << 20, f"{grown >> 20} MiB more than before"
    return {
        "questions": next(count),
        "sent": dict(mind.sent),
        "outcomes": dict(outcomes),
        "grown": f"{grown >> 10} KiB",
    }


def main():
    """Both engines, half of the time each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--engines", default="python,ares")
    given = parser.parse_args()
    names = given.engines.split(",")
    for name in names:
        print(name, "seed", given.seed, flush=True)
        print(run(name, given.seconds / len(names), given.seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
