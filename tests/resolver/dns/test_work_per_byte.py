"""64 KB of the worst of each kind: the work of reading it all stays linear. The bound is for a busy machine.

``pytest -s`` prints the table, in ms/KB. What is quadratic takes 40 and more.
"""

import struct
import time

import pytest

from celadon.resolver import Question
from celadon.resolver.answers.cname import follow, pruned
from celadon.resolver.dns.wire import WireError, decode, question_tail

A = Question("a.test", 1)
TAIL = question_tail(A)
START = 12 + len(TAIL)
MOST = 65000
BITMAP = b"".join(bytes((window, 32)) + b"\xff" * 32 for window in range(256))


def record(data=b"", rdtype=999, owner=b"\xc0\x0c", rdclass=1):
    return owner + struct.pack("!HHIH", rdtype, rdclass, 60, len(data)) + data


def pointer(at):
    return struct.pack("!H", 0xC000 | at)


def many(make):
    """As many records as fit, each made of its number."""
    found, size = [], 0
    while size + len(one := make(len(found))) <= MOST:
        found.append(one)
        size += len(one)
    return found


def chain(length=16300):
    """Pointers to pointers, and owners that go through all of them, the longest way first."""
    body, offsets, last = bytearray(b"\1x\0"), [], START + 12
    while len(body) + 2 <= length and START + 12 + len(body) < 16382:
        offsets.append(START + 12 + len(body))
        body += pointer(last)
        last = offsets[-1]
    return [record(bytes(body)), *(record(owner=pointer(at)) for at in offsets[::-1][:4000])]


def labels(one, shift=0, step=2, data=b"", rdtype=999):
    """Names of 125 labels, and owners that begin at each byte of them."""
    body = (one * (250 // len(one)) + b"\0") * 63
    starts = range(START + 12 + shift, START + 12 + len(body) - 300, step)
    return [record(body), *(record(data, rdtype, pointer(at)) for at in starts)][:3800]


def names_in_data(rdtype, before=b""):
    """One record of names that are pointers into names of 125 labels."""
    body = (b"\1\1" * 125 + b"\0") * 60
    at = START + 12 + len(before)
    return [record(before + body + b"".join(pointer(at + n % 15000) for n in range(24000)), rdtype)]


# Name -> the records, by section.
WORST = {
    "pointers to pointers": (chain(), [], []),
    "100 pointers to pointers": (chain(200) * 300, [], []),
    "names of short labels": (labels(b"\1a"), [], []),
    "names that begin anywhere": (labels(b"\1a", step=1), [], []),
    "escaped labels": (labels(b"\1\1"), [], []),
    "CNAMEs to short labels": (labels(b"\1\7", data=pointer(START + 12), rdtype=5), [], []),
    "NSEC in the answer": (many(lambda n: record(b"\0" + BITMAP, 47)), [], []),
    "NSEC in authority": ([], many(lambda n: record(b"\0" + BITMAP, 47)), []),
    "NSEC of one window": (many(lambda n: record(b"\0" + bytes((n & 255, 32)) + b"\xff" * 32, 47)), [], []),
    "types that nobody knows": (many(lambda n: record(b"", 1000 + n, b"\0")), [], []),
    "classes that nobody knows": (many(lambda n: record(b"", 999, b"\0", 2 + n)), [], []),
    "addresses": (
        many(lambda n: record(struct.pack("!I", n))[:2] + b"\0\1" + record(struct.pack("!I", n))[4:]),
        [],
        [],
    ),
    "a chain of CNAMEs": (
        many(lambda n: record(b"\5%05d\0" % (n + 1), 5, b"\5%05d\0" % n if n else b"\xc0\x0c")),
        [],
        [],
    ),
    "CNAMEs of one owner": (many(lambda n: record(b"\5%05d\0" % n, 5)), [], []),
    "alpn": ([record(b"\0\1\0" + struct.pack("!HH", 1, 64000) + bytes(64000), 65)], [], []),
    "keys of SVCB": ([record(b"\0\1\0" + struct.pack("!HH", 900, 0) * 16000, 64)], [], []),
    "HIP": (names_in_data(55, b"\0\1\0\0"), [], []),
    "empty strings": ([record(bytes(65000), 16)], [], []),
    "empty strings of RESINFO": ([record(bytes(65000), 261)], [], []),
    "EDNS options": ([], [], [record(b"\0\1\0\0" * 16000, 41, b"\0")]),
    # what dnspython reads
    "APL": ([record(b"\0\1\0\0" * 16000, 42)], [], []),
    "WKS": (many(lambda n: record(b"\1\2\3\4\6" + b"\xff" * 8192, 11)), [], []),
    "broken NSAP": (many(lambda n: record(b"", 22, b"\0")), [], []),
    "broken KEY": (many(lambda n: record(b"\0", 25, b"\0")), [], []),
}


def message(sections):
    counts = [len(one) for one in sections]
    return struct.pack("!6H", 1, 0x8180, 1, *counts) + TAIL + b"".join(b"".join(one) for one in sections)


def read(wire, look=True):
    """Seconds for all that may be done to a reply."""
    began = time.process_time()
    try:
        answer = pruned(decode(A, (wire, START, "s", 0.0, True, 1)))
        follow(answer)
        if look:
            assert all(isinstance(one.data, str) for one in (*answer.records, *answer.authority, *answer.additional))
    except WireError:
        pass
    return time.process_time() - began


@pytest.mark.parametrize("kind", WORST)
def test_reading_is_linear(kind):
    wire = message(WORST[kind])
    assert len(wire) > 40000
    seconds = min(read(wire), read(wire))
    print(f"{seconds * 1000 / (len(wire) / 1024):6.2f} ms/KB  {kind}")
    assert seconds * 1000 / (len(wire) / 1024) < 8


def test_sections_that_nobody_looks_at_are_not_read(monkeypatch):
    """A question for an address pays for no bitmap, whether its reply has an address or says no, cached or not."""
    monkeypatch.setattr("celadon.resolver.dns.rdata._types_of", None)
    nsec = many(lambda n: record(b"\0" + BITMAP, 47))[:3]
    soa = record(b"\xc0\x0c\xc0\x0c" + struct.pack("!5I", 1, 2, 3, 4, 30), 6)
    stranger = record(b"\1\2\3\4", 1, b"\4evil\0")
    for answers in ([record(b"\1\2\3\4", 1)], [record(b"\1\2\3\4", 1), stranger], [stranger], []):
        answer = pruned(decode(A, (message((answers, [*nsec, soa], nsec)), START, "s", 0.0, True, 1)))
        assert follow(answer).data == ("1.2.3.4",) * (len(answers) > 0 and answers[0] is not stranger)
        assert answer.soa().data.endswith(" 30")
        assert answer.changed(cached=True, records=answer.records).cached
        assert answer.unrelated == (stranger in answers)


def test_a_changed_reply_is_what_replace_makes():
    nsec = record(b"\0" + b"\0\1\x40", 47)
    answer = decode(A, (message(([record(b"\1\2\3\4", 1)] * 2, [nsec], [])), START, "s", 0.5, True, 1))
    changed = answer.changed(records=answer.records[:1], cached=True, unrelated=1)
    assert changed == answer.plain().changed(records=answer.records[:1], cached=True, unrelated=1)
    assert (changed.stale, changed.rtt, changed.authority[0].data) == (False, 0.5, ". A")
    assert changed.changed(rtt=1.0).rtt == 1.0


def test_a_name_has_128_pointers_at_most():
    for count, legal in ((127, True), (140, False)):
        records = chain(3 + 2 * count)[:2]
        try:
            found = decode(A, (message((records, [], [])), START, "s", 0.0, True, 1)).records[1].name
        except WireError:
            found = None
        assert found == ("x" if legal else None)
