"""``make fuzz-codec``: the accelerator beside the Python codec, on bent packets and odd names, under ASan and UBSan.

``python -m tests.resolver.fuzz_codec --packets 1000000``. Builds the accelerator with both sanitizers and reads each
packet with both. The accelerator may leave a packet to Python, but what it says must be what Python says. Exit status 1
for a difference; a sanitizer's finding ends the process by itself. Needs gcc.
"""

import argparse
import os
import random
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from socket import AddressFamily, SocketKind

import dns.exception
from dns.message import make_query, make_response
from dns.rrset import from_text

from celadon.resolver import Question, ResolveError
from celadon.resolver.cli.bulk.schemas import _row
from celadon.resolver.dns import wire
from celadon.resolver.policy.getaddrinfo import plain_in_python
from tests.resolver.corpora import corpora, own_question
from tests.resolver.dns.test_wire import DATA
from tests.resolver.fuzz_replies import bend

SOURCE = Path(wire.__file__).parents[1] / "accel" / "_codec.c"
KINDS = ("A", "A", "A", "AAAA", "CNAME", "MX")
LARGEST = 4096  # bytes of a seed: the worst of 64 KB are for ``make test-corpora``


def seeds(draw):
    """Good replies of every shape, and the corpora that are at hand."""
    found = [one for many in corpora(os.environ.get("CORPORA")).values() for one in many if 12 <= len(one) <= LARGEST]
    while len(found) < 1000:
        name = draw.choice(("q.test.", "www.example.com.", "a.b.c.d.e.f.test.", "x.", ".", "a\\.b.test."))
        kind = draw.choice(KINDS)
        made = make_response(make_query(name, kind, use_edns=draw.choice((-1, 0, 0)), payload=1232))
        owner = name
        if draw.random() < 0.5:
            made.answer.append(from_text(owner, draw.choice((0, 300)), "IN", "A", "192.0.2.1"))
        for _ in range(draw.choice((0, 0, 0, 1, 2)) if not made.answer else 0):
            target = draw.choice(("c.test.", "d.example.com.", f"e.{name}".replace("..", ".")))
            made.answer.append(from_text(owner, 60, "IN", "CNAME", target))
            owner = target
        for section, most in ((made.answer, 3), (made.authority, 2), (made.additional, 2)):
            for _ in range(draw.randrange(most + 1) if section is not made.answer or not section else 0):
                one = draw.choice((*KINDS, "NS", draw.choice(sorted(DATA))))
                there = draw.choice((owner, name, "ns.test.", "example.com."))
                section.append(from_text(there, draw.choice((0, 300, 2**31 - 1)), "IN", one, draw.choice(DATA[one])))
        made.set_rcode(draw.choice((0, 0, 0, 0, 2, 3, 16)))
        try:
            found.append(made.to_wire(want_shuffle=False))
        except dns.exception.DNSException:
            continue
    return found


def bent(draw, seed):
    """The packet, mostly bent behind its header, sometimes in it."""
    asked = own_question(seed) or b""
    end = draw.choice((12, 12 + len(asked), 12 + len(asked)))
    packet = seed[:end] + bend(draw, seed[end:])
    if draw.random() < 0.3:
        at = draw.randrange(2, 12)
        packet = packet[:at] + bytes((packet[at] ^ 1 << draw.randrange(8),)) + packet[at + 1 :]
    return packet


def of_python(function, *arguments):
    try:
        return function(*arguments)
    except (wire.WireError, ResolveError):
        return None


def compare(codec, packet, seen):
    """Read a packet with both. AssertionError for a difference."""
    tail = own_question(packet) or b""
    end = 12 + len(tail)
    mine, theirs = codec.address_in(packet, tail), wire.address_in_python(packet, tail)
    assert mine == theirs or mine is None, (packet.hex(), mine, theirs)
    seen["addresses"] += mine is not None
    seen["addresses left to Python"] += mine != theirs
    told = (Question("q.test", 1), packet, tail, "192.0.2.53#53", 0.5, False)
    first = codec.first_reply(wire.OneAddress, wire.AddressAnswer, *told)
    expected = wire.first_reply_in_python(*told)
    assert type(first) is type(expected), (packet.hex(), first, expected)
    if first is not None:
        assert first == expected, (packet.hex(), first, expected)
        assert first.told == expected.told, packet.hex()
    mine, theirs = codec.walk(packet, end), of_python(wire.walk_python, packet, end)
    assert mine == theirs or mine is None, (packet.hex(), mine, theirs)
    seen["well-formed"] += mine is not None
    seen["well-formed left to Python"] += mine != theirs
    if theirs is None:
        return
    answer = wire.decode(Question("q.test", 255), (packet, end, "s", 0.0, True, 1))
    for index in range(3):
        count = packet[6 + 2 * index] << 8 | packet[7 + 2 * index]
        rows = codec.records(packet, theirs[index], count)
        expected = [tuple(one) for one in answer._read(index)]
        assert rows is None or rows == expected, (packet.hex(), rows, expected)
        seen["sections"] += rows is not None
        text = codec.rows(packet, theirs[index], count)
        assert text is None or text == ",".join(map(_row, answer._read(index))), (packet.hex(), text)
        seen["sections as JSON"] += text is not None


def names(codec, draw, seen):
    """A name of any kind as a question."""
    label = "".join(draw.choices("ab-_\\09. \0\x7fé", (9, 9, 2, 2, 1, 1, 1, 3, 1, 1, 1, 1), k=draw.choice((3, 9, 40))))
    name = ".".join([label, *draw.choices(("test", "a" * 63, "b" * 64, ""), (9, 3, 1, 1), k=draw.randrange(6))])
    rdtype = draw.choice((1, 28, 65535))
    question = Question(name, rdtype, draw.choice((1, 1, 1, 3)))
    mine, theirs = codec.tail(question), of_python(wire.question_tail_in_python, question)
    assert mine == theirs or mine is None, (name, mine, theirs)
    seen["names"] += mine is not None


def arguments(codec, draw, seen):
    """A call of getaddrinfo of any kind: whether it is one of the commonest."""
    letters = "".join(
        draw.choices(
            "agzGZxX-_09. \0\x7fé",
            (9, 9, 9, 3, 3, 2, 1, 3, 3, 2, 2, 2, 1, 1, 1, 1),
            k=draw.choice((0, 1, 3, 9, 63, 64)),
        )
    )
    host = ".".join(
        [letters, *draw.choices(("test", "g" * 63, "g" * 64, "com", "", "-g"), (9, 3, 1, 9, 1, 1), k=draw.randrange(6))]
    )
    if draw.random() < 0.05:
        host = draw.choice((None, b"a.test", 1, "", Text("a.test"), "." * 300))
    port = draw.choice((0, 80, 80, 65535, 65536, -1, "80", None, True, 1 << 70))
    odd = (2.0, "1", None, -1, 1 << 70, True)
    family, kind, proto, flags = (
        draw.choice(odd) if draw.random() < 0.05 else draw.choice(common)
        for common in (
            (0, 2, AddressFamily.AF_INET, AddressFamily.AF_INET6),
            (0, 1, 2, SocketKind.SOCK_STREAM, 3),
            (0, 0, 0, 6),
            (0, 0, 0, 1),
        )
    )
    given = (host, port, family, kind, proto, flags)
    mine, theirs = codec.plain(*given), plain_in_python(*given)
    assert mine == theirs, (given, mine, theirs)
    seen["plain arguments"] += mine is not None


class Text(str):
    """A subclass, which may do anything."""

    __slots__ = ()


def fuzz(path, packets, seed):
    """Exit status."""
    loader = ExtensionFileLoader("celadon.resolver.accel._codec", path)
    codec = module_from_spec(spec_from_file_location("celadon.resolver.accel._codec", path, loader=loader))
    loader.exec_module(codec)
    wire.accelerate(None)
    draw = random.Random(seed)
    good = seeds(draw)
    seen = Counter()
    began = time.monotonic()
    for _ in range(packets):
        packet = bent(draw, draw.choice(good))
        if len(packet) >= 12:
            compare(codec, packet, seen)
        names(codec, draw, seen)
        arguments(codec, draw, seen)
    print(f"{packets} packets in {time.monotonic() - began:.0f} s, no difference: {dict(seen)}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--codec", help="the accelerator's file, already built")
    options = parser.parse_args()
    if options.codec:
        fuzz(options.codec, options.packets, options.seed)
        return 0
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        built = f"{folder}/_codec.so"
        flags = ("-g", "-O1", "-fPIC", "-shared", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
        subprocess.run(["gcc", *flags, "-I", sysconfig.get_path("include"), SOURCE, "-o", built], check=True)
        asan = subprocess.run(["gcc", "-print-file-name=libasan.so"], check=True, capture_output=True, text=True).stdout
        # With Python's own allocator, ASan would not see where an object ends.
        env = {**os.environ, "LD_PRELOAD": asan.strip(), "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc"}
        words = ["--codec", built, "--packets", str(options.packets), "--seed", str(options.seed)]
        return subprocess.run(
            [sys.executable, "-m", "tests.resolver.fuzz_codec", *words], env=env, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
