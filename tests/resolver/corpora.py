"""``make test-corpora``: public corpora of DNS packets, read by every decoder and sent to every engine.

``CORPORA=DIR python -m tests.resolver.corpora``. DIR holds checkouts, or only the folders named here, of ``c-ares``
(test/fuzzinput), ``unbound`` (testdata/test_packets.*) and ``knot`` (tests-fuzz); what is not there is said, and
skipped. Our own broken packets and the worst messages of 64 KB are always read. For each corpus one line: its packets,
exceptions that no decoder may raise, the most work in milliseconds of processor time for a KB, and the longest time
that the hub stood still while a server sent the packets to an engine. Exit status 1 for a foreign exception, for more
than 2 ms/KB in a message of 64 KB, or for a stall of more than 0.2 s.
"""

import argparse
import os
import random
import re
import struct
import sys
import time
from pathlib import Path

from celadon.hub import get_hub, sleep, spawn
from celadon.resolver import Answer, Config, Question, ResolveError, Server
from celadon.resolver.answers.cname import follow, pruned
from celadon.resolver.dns.exchange import Exchange, Query, Tuning
from celadon.resolver.dns.wire import WireError, decode
from celadon.resolver.registry import make_engine
from celadon.resolver.resolvers.stub import ask
from celadon.resolver.testing import NameServer, Script
from celadon.resolver.testing.hostile import QR, question_of
from tests.resolver.dns import test_work_per_byte as worst
from tests.resolver.fuzz_replies import bend

MOST_WORK = 2.0  # ms/KB
MOST_STALL = 0.2  # seconds
LARGE = 40_000  # bytes, from which on the work for a KB means something
A = Question("p.test", 1)
ONE = Config(servers=(Server("192.0.2.1"),))


# -- the corpora -----------------------------------------------------------------------------------------------


def binary(paths):
    """A packet a file."""
    return [path.read_bytes() for path in paths if path.is_file()]


def unbound_packets(paths):
    """Hexadecimal text: a packet a line, or over several lines after one that begins with ``;--``."""
    found = []
    for path in paths:
        text = path.read_text("latin-1")
        blocks = re.split(r"(?m)^;--.*$", text)
        if len(blocks) == 1:
            blocks = text.splitlines()
        for block in blocks:
            digits = re.sub(r";.*|\s", "", block)
            if len(digits) >= 24 and len(digits) % 2 == 0 and re.fullmatch("[0-9A-Fa-f]+", digits):
                found.append(bytes.fromhex(digits))
    return found


def own_packets(paths):
    """Hexadecimal text after a line that says what is to come of it."""
    return [bytes.fromhex(re.sub("#.*", "", path.read_text("ascii"))) for path in paths]


# Name -> the files below the corpus' folder, and what reads them.
CORPORA = {
    "c-ares": ("test/fuzzinput/*", binary),
    "unbound": ("testdata/test_packets.*", unbound_packets),
    "knot": ("tests-fuzz/**/*p*k*t*", binary),  # packets as *.pkt, and seeds in folders named for packets
}


def corpora(folder):
    """Name -> packets. Says which corpora are not there."""
    own = sorted(Path(__file__).parents[2].joinpath("fixtures/packets").glob("*.hex"))
    found = {"our own": own_packets(own), "the worst of 64 KB": [worst.message(one) for one in worst.WORST.values()]}
    for name, (pattern, read) in CORPORA.items():
        paths = sorted(Path(folder, name).glob(pattern)) if folder else []
        packets = read(paths)
        if packets:
            found[name] = packets
        else:
            print(f"{name}: skipped, there is no {name}/{pattern} in $CORPORA", flush=True)
    return found


# -- the decoders ----------------------------------------------------------------------------------------------


def own_question(packet):
    """What stands in the message as its question, with type and class; None where that is none."""
    try:
        asked = question_of(packet)
    except IndexError:
        return None
    return asked if 5 <= len(asked) <= 260 and 12 + len(asked) <= len(packet) else None


def looked_through(answer):
    """All that may be done to an answer."""
    follow(answer)
    answer = pruned(answer)
    follow(answer)
    return [one.data for one in (*answer.records, *answer.authority, *answer.additional)]


def readings(packet):
    """Each way to read it as the reply to its own question, as a call."""
    exchange = Exchange(ONE, Tuning(cookies=True), 0.0, os.urandom)
    query = Query(A, print, None)
    exchange.begin(query, 0.0)
    query.sent, query.link = 0.0, object()
    query.tail = own_question(packet) or query.tail

    def answered(tcp):
        verdict = exchange.reply(query, packet, 0.1, tcp, query.state)
        if isinstance(verdict, Answer):
            looked_through(verdict)

    yield lambda: answered(False)
    yield lambda: answered(True)
    for end in {12, 12 + len(query.tail)}:
        yield lambda end=end: looked_through(decode(A, (packet, end, "s", 0.0, True, 1)))


def read_all(packet):
    """The most seconds of processor time that a way to read it takes, and foreign exceptions."""
    foreign = []
    longest = 0.0
    for read in readings(packet):
        began = time.process_time()
        try:
            read()
        except (WireError, ResolveError):
            pass
        except Exception as error:  # that there is one is the finding
            foreign.append(repr(error))
        longest = max(longest, time.process_time() - began)
    return longest, foreign


def work_of(packets):
    """The most milliseconds for a KB of the large ones, the most for one of the others, and foreign exceptions."""
    large = small = 0.0
    foreign = []
    for packet in packets:
        seconds, raised = read_all(packet)
        if len(packet) >= LARGE:
            seconds = min(seconds, read_all(packet)[0])  # the first time may have others' work in it
            large = max(large, seconds * 1000 / (len(packet) / 1024))
        else:
            small = max(small, seconds * 1000)
        foreign += raised
    return large, small, foreign


# -- the engines -----------------------------------------------------------------------------------------------


def with_our_question(query, packet):
    """The message as the reply to this question: what stands behind its own question stands behind ours."""
    asked = own_question(packet)
    rest = packet[12 + len(asked) :] if asked else packet[12:]
    flags = struct.unpack("!H", packet[2:4])[0] | QR if len(packet) >= 4 else QR
    return query[:2] + struct.pack("!H", flags) + b"\0\1" + packet[6:12].ljust(6, b"\0") + question_of(query) + rest


def stall_of(name, packets):
    """Send each to an engine, as it is and with its question, before the right reply. The longest stall in seconds."""
    packets = [one for one in packets if len(one) < 65_000]
    sent = iter(packets)
    hub = get_hub()
    raised = []
    hub.exception_handler, before = (lambda *args: raised.append(repr(args))), hub.exception_handler
    longest, runs = 0.0, True

    def change(query, reply):
        packet = next(sent, b"")
        bent = [query[:2] + packet[2:], with_our_question(query, packet)]
        return [one for one in bent if len(one) <= 4096] + [reply]

    def stream(query, reply):
        packet = next(sent, b"")
        return [query[:2] + packet[2:], with_our_question(query, packet), reply]

    def tick():
        nonlocal longest
        while runs:
            due = time.monotonic() + 0.002
            sleep(0.002)
            longest = max(longest, time.monotonic() - due)

    with NameServer() as server:
        server.add(A.name, "A", "10.0.0.1")
        server.script(A.name, Script(change, stream=stream))
        beside = spawn(tick)
        for use_vc in (False, True):
            sent = iter(packets)
            config = Config(servers=(Server("127.0.0.1", server.port),), timeout=0.5, attempts=2, use_vc=use_vc)
            engine = make_engine(name, config)
            for _ in packets:
                ask(engine, (A,))
            engine.close()
        runs = False
        beside.join()
    hub.exception_handler = before
    return longest, raised


def main():
    """Print a line for each corpus."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bent", type=int, default=0, help="how often each packet is read bent as well (default: 0)")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    given = parser.parse_args()
    draw = random.Random(given.seed)
    failed = False
    for name, packets in corpora(os.environ.get("CORPORA", "")).items():
        large, small, foreign = work_of(packets)
        bent = [bend(draw, one) for one in packets for _ in range(given.bent)]
        more_large, more_small, more = work_of(bent)
        foreign += more
        stalls = []
        for engine in ("python", "ares"):
            longest, raised = stall_of(engine, packets)
            stalls.append(f"{engine} {longest:.3f} s")
            foreign += raised
            failed |= longest > MOST_STALL
        large, small = max(large, more_large), max(small, more_small)
        work = f"{large:.2f} ms/KB" if large else f"{small:.2f} ms for a packet"
        print(
            f"{name}: {len(packets)} packets, {len(bent)} bent (seed {given.seed}), {len(foreign)} foreign exceptions, "
            f"at most {work}, longest stall: {', '.join(stalls)}",
            flush=True,
        )
        for one in sorted(set(foreign))[:10]:
            print("   ", one)
        failed |= bool(foreign) or large > MOST_WORK
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
