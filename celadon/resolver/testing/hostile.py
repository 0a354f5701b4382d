"""The faults of broken and hostile servers by name: scripts for ``NameServer``, and functions to build others.

Each fault is for a name whose address is ``GOOD``. If a fault sends something before the right reply, the reply follows
30 ms later. What must never be believed carries ``BAD``. Sources: RFC 5452, RFC 6891, RFC 7766, RFC 7873,
the TuDoor attacks (CVE-2023-29483), and what resolvers were seen to stumble over.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from .nameserver import Change, Drop, Script, Sent

GOOD, BAD = "10.0.0.1", "66.66.66.66"
_GOOD, _BAD = bytes((10, 0, 0, 1)), bytes((66, 66, 66, 66))
_FOLLOWS = 0.03  # seconds

A, CNAME, SOA, AAAA, DNAME, OPT = 1, 5, 6, 28, 39, 41
QR, TC = 0x8180, 0x0200  # response with RD and RA; truncated


# -- bytes -----------------------------------------------------------------------------------------------------


def wire_name(text: str) -> bytes:
    """A name without escapes in wire form."""
    return b"".join(bytes([len(one)]) + one for one in text.encode("latin-1").split(b".") if one) + b"\0"


def record(
    data: bytes = _GOOD, owner: bytes = b"\xc0\x0c", rdtype: int = A, ttl: int = 300, rdclass: int = 1, length: int = -1
) -> bytes:
    """A resource record; ``owner`` points at the question. ``length`` is the rdlength that it claims."""
    claimed = len(data) if length < 0 else length
    return owner + b"".join(
        [
            rdtype.to_bytes(2, "big"),
            rdclass.to_bytes(2, "big"),
            ttl.to_bytes(4, "big"),
            claimed.to_bytes(2, "big"),
            data,
        ]
    )


def opt(*, rcode: int = 0, data: bytes = b"") -> bytes:
    """An OPT record, ``rcode`` being the upper eight bits of the extended one (RFC 6891 §6.1.3)."""
    return record(data, b"\0", OPT, rcode << 24, 1232)


def question_of(query: bytes) -> bytes:
    """The question section of a query."""
    end = 12
    while query[end]:
        end += query[end] + 1
    return query[12 : end + 5]


def has_opt(query: bytes) -> bool:
    """Whether a query carries EDNS."""
    return query[10:12] != b"\0\0"


def message(
    query: bytes,
    answer: Sequence[bytes] = (),
    authority: Sequence[bytes] = (),
    additional: Sequence[bytes] = (),
    *,
    flags: int = QR,
    question: bytes | None = None,
    counts: tuple[int, int, int, int] | None = None,
    tail: bytes = b"",
) -> bytes:
    """A reply to ``query`` with these records. ``counts`` are the header's, right ones by default."""
    asked = question_of(query) if question is None else question
    known = counts or (1 if asked else 0, len(answer), len(authority), len(additional))
    header = query[:2] + flags.to_bytes(2, "big") + b"".join(one.to_bytes(2, "big") for one in known)
    return header + asked + b"".join((*answer, *authority, *additional)) + tail


def _good(query: bytes) -> bytes:
    return message(query, [record()], flags=0x8580)


def _bad(query: bytes) -> bytes:
    return message(query, [record(_BAD)])


def _other_id(data: bytes) -> bytes:
    return bytes([data[0] ^ 0x55]) + data[1:]


# -- scripts ---------------------------------------------------------------------------------------------------

Make = Callable[[bytes], bytes]


def first(*makes: Make | Callable[[bytes], Sent]) -> Script:
    """Over UDP, send these before the right reply; over TCP the right reply alone."""

    def change(query: bytes, reply: bytes) -> list[bytes | Sent]:
        return [*(make(query) for make in makes), Sent(_good(query), after=_FOLLOWS)]

    return Script(change, tcp=False)


def only(make: Make, *, tcp: bool = True) -> Script:
    """Send this in place of the right reply; over TCP as well, unless told otherwise."""
    return Script(lambda query, reply: [make(query)], tcp=tcp)


def over_tcp(stream: Change, udp: Make | None = None) -> Script:
    """Truncated over UDP, and this over TCP."""
    return Script(lambda query, reply: [(udp or _truncated)(query)], stream=stream)


def _truncated(query: bytes) -> bytes:
    return message(query, flags=QR | TC)


def _framed(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def _edns(make: Make | None) -> Script:
    """What a server does with a query that carries EDNS (None: nothing); without it, all is well."""

    def change(query: bytes, reply: bytes) -> list[bytes]:
        if not has_opt(query):
            return [_good(query)]
        return [] if make is None else [make(query)]

    return Script(change)


def _chain(query: bytes, links: int, *, backwards: bool = False) -> bytes:
    """CNAMEs from the question to ``c1.test`` and on to the last, which has the address."""
    owners = [b"\xc0\x0c", *(wire_name(f"c{n}.test") for n in range(1, links + 1))]
    records = [record(owners[n + 1], owners[n], CNAME) for n in range(links)]
    records.append(record(owner=owners[-1]))
    return message(query, records[::-1] if backwards else records)


def _upper(query: bytes) -> bytes:
    asked = question_of(query)
    return message(query, [record()], question=asked[:-4].upper() + asked[-4:])


def _many(query: bytes, count: int) -> bytes:
    return message(query, [record(bytes((10, 1, n >> 8, n & 255))) for n in range(count)])


_garbage = random.Random(5452).randbytes(60)
_SOA_RECORD = record(
    wire_name("ns.test") + wire_name("root.test") + b"".join(n.to_bytes(4, "big") for n in (1, 60, 60, 60, 30)),
    wire_name("test"),
    SOA,
    60,
)
_LONG = wire_name(".".join(["x" * 62] * 5))  # 316 bytes

#: What a server may do, by name.
FAULTS: dict[str, Script] = {
    # who answers, and what
    "another id": first(lambda q: _other_id(_bad(q))),
    "another name": first(lambda q: message(q, [record(_BAD)], question=wire_name("other.test") + b"\0\1\0\1")),
    "another type": first(lambda q: message(q, [record(_BAD)], question=question_of(q)[:-4] + b"\0\x1c\0\1")),
    "another class": first(lambda q: message(q, [record(_BAD)], question=question_of(q)[:-4] + b"\0\1\0\3")),
    "another port": first(lambda q: Sent(_bad(q), source="port")),
    "another address": first(lambda q: Sent(_bad(q), source="address")),
    "forged truncation": first(lambda q: _other_id(_truncated(q))),
    "300 other ids": first(*[lambda q: _other_id(_bad(q))] * 300),
    "a reply that comes twice": Script(lambda q, r: [_good(q), _good(q)], tcp=False),
    # what is no reply
    "no question": first(lambda q: message(q, [record(_BAD, question_of(q)[:-4])], question=b"")),
    "two questions": first(lambda q: message(q, [record(_BAD)], question=question_of(q) * 2, counts=(2, 1, 0, 0))),
    "QR=0": first(lambda q: message(q, [record(_BAD)], flags=0x0100)),
    "another opcode": first(lambda q: message(q, [record(_BAD)], flags=0xA180)),
    "garbage": first(lambda q: _garbage),
    "garbage under the id": first(lambda q: q[:2] + _garbage),
    "four bytes": first(lambda q: q[:2] + b"\x81\x80"),
    "a header alone": first(lambda q: q[:2] + b"\x81\x80\0\1\0\1\0\0\0\0"),
    "rubbish behind the question": first(lambda q: message(q, [_garbage], flags=QR)),
    "an empty datagram": first(lambda q: b""),
    # truncation and TCP
    "truncated, empty": only(_truncated, tcp=False),
    "truncated, in part": only(lambda q: message(q, [record(_BAD)], flags=QR | TC), tcp=False),
    "TCP byte by byte": over_tcp(lambda q, r: [Sent(bytes([one]), raw=True) for one in _framed(_good(q))]),
    "TCP dripping": over_tcp(
        lambda q, r: [Sent(_framed(_good(q))[n : n + 8], 0.01, raw=True) for n in range(0, len(_good(q)) + 2, 8)]
    ),
    "TCP closed": over_tcp(lambda q, r: [Sent(end="close")]),
    "TCP reset": over_tcp(lambda q, r: [Sent(end="reset")]),
    "TCP short frame": over_tcp(lambda q, r: [Sent(_framed(_good(q))[:20], raw=True, end="close")]),
    "TCP reset in a frame": over_tcp(lambda q, r: [Sent(_framed(_good(q))[:20], raw=True, end="reset")]),
    "TCP stalls": over_tcp(lambda q, r: [Sent(_framed(_good(q))[:20], raw=True)]),
    "TCP silent": over_tcp(lambda q, r: []),
    "TCP length too large": over_tcp(lambda q, r: [Sent(b"\xff\xff" + _good(q), raw=True)]),
    "TCP length zero": over_tcp(lambda q, r: [Sent(b"\0\0", raw=True), _good(q)]),
    "TCP another id": over_tcp(lambda q, r: [_other_id(_bad(q)), _good(q)]),
    "TCP garbage under the id": over_tcp(lambda q, r: [q[:2] + _garbage, Sent(_good(q), _FOLLOWS)]),
    "TCP truncated": only(_truncated),
    "TCP QR=0": over_tcp(lambda q, r: [message(q, [record(_BAD)], flags=0x0100), Sent(_good(q), _FOLLOWS)]),
    "TCP another opcode": over_tcp(lambda q, r: [message(q, [record(_BAD)], flags=0xA180), Sent(_good(q), _FOLLOWS)]),
    "TCP an unknown rcode": over_tcp(lambda q, r: [message(q, [record(_BAD)], flags=QR | 11)]),
    "TCP another name": over_tcp(
        lambda q, r: [
            message(q, [record(_BAD)], question=wire_name("other.test") + b"\0\1\0\1"),
            Sent(_good(q), _FOLLOWS),
        ]
    ),
    # loss, lateness, refusals
    "the first query lost": Drop(1),
    "0.7 s late": Script(lambda q, r: [_good(q)], delay=0.7, tcp=False),
    "silence": Drop(),
    "SERVFAIL once": Script(lambda q, r: [message(q, flags=QR | 2)], times=1),
    "SERVFAIL": only(lambda q: message(q, flags=QR | 2)),
    "SERVFAIL with an address": only(lambda q: message(q, [record(_BAD)], flags=QR | 2)),
    "REFUSED": only(lambda q: message(q, flags=QR | 5)),
    "NOTIMP": only(lambda q: message(q, flags=QR | 4)),
    "FORMERR": only(lambda q: message(q, flags=QR | 1)),
    "an unknown rcode": only(lambda q: message(q, flags=QR | 11)),
    # EDNS
    "EDNS: FORMERR": _edns(lambda q: message(q, flags=QR | 1)),
    "EDNS: FORMERR without question": _edns(lambda q: message(q, flags=QR | 1, question=b"")),
    "EDNS: NOTIMP": _edns(lambda q: message(q, flags=QR | 4)),
    "EDNS: dropped": _edns(None),
    "EDNS: BADVERS": _edns(lambda q: message(q, additional=[opt(rcode=1)])),
    "two OPT": only(lambda q: message(q, [record()], additional=[opt(), opt()])),
    "OPT in the answer": only(lambda q: message(q, [record(), opt()])),
    "a cookie of three bytes": only(lambda q: message(q, [record()], additional=[opt(data=b"\0\x0a\0\3abc")])),
    "an EDNS option too long": first(lambda q: message(q, [record(_BAD)], additional=[opt(data=b"\0\x0a\0\x40ab")])),
    # what there is not
    "NXDOMAIN": only(lambda q: message(q, authority=[_SOA_RECORD], flags=QR | 3)),
    "NXDOMAIN with an address": only(lambda q: message(q, [record(_BAD)], flags=QR | 3)),
    "NODATA": only(lambda q: message(q, authority=[_SOA_RECORD])),
    "CNAME to NXDOMAIN": only(lambda q: message(q, [record(wire_name("no.test"), rdtype=CNAME)], flags=QR | 3)),
    "CNAME to nothing": only(lambda q: message(q, [record(wire_name("no.test"), rdtype=CNAME)])),
    "a referral": only(
        lambda q: message(
            q, authority=[record(wire_name("ns.evil"), rdtype=2)], additional=[record(_BAD, wire_name("ns.evil"))]
        )
    ),
    # chains and owners
    "the address before its CNAME": only(lambda q: _chain(q, 1, backwards=True)),
    "a chain backwards": only(lambda q: _chain(q, 5, backwards=True)),
    "a chain of 3": only(lambda q: _chain(q, 3)),
    "a chain of 20": only(lambda q: _chain(q, 20), tcp=True),
    "a chain of 200": over_tcp(lambda q, r: [_chain(q, 200)]),
    "a CNAME loop": only(
        lambda q: message(
            q,
            [
                record(wire_name("c1.test"), rdtype=CNAME),
                record(wire_name("c2.test"), wire_name("c1.test"), CNAME),
                record(wire_name("c1.test"), wire_name("c2.test"), CNAME),
                record(_BAD, wire_name("evil.test")),
            ],
        )
    ),
    "a CNAME to itself": only(lambda q: message(q, [record(b"\xc0\x0c", rdtype=CNAME)])),
    "an unrelated owner": only(lambda q: message(q, [record(_BAD, wire_name("evil.test"))])),
    "an unrelated owner as well": only(lambda q: message(q, [record(_BAD, wire_name("evil.test")), record()])),
    "a record of another class": only(lambda q: message(q, [record(_BAD, rdclass=3), record()])),
    "a record of another type": only(lambda q: message(q, [record(_BAD * 4, rdtype=AAAA), record()])),
    "addresses in the other sections": only(lambda q: message(q, [record()], [record(_BAD)], [record(_BAD)])),
    "a DNAME": only(
        lambda q: message(
            q,
            [
                record(wire_name("new.test"), wire_name("test"), DNAME),
                record(wire_name("x.new.test"), rdtype=CNAME),
                record(owner=wire_name("x.new.test")),
            ],
        )
    ),
    "bytes in a CNAME": only(
        lambda q: message(q, [record(b"\4a\0\xffb\4test\0", rdtype=CNAME), record(owner=b"\4a\0\xffb\4test\0")])
    ),
    "another case": only(_upper),
    # broken messages
    "a pointer to itself": first(lambda q: message(q, [record(_BAD, b"\xc0" + bytes([12 + len(question_of(q))]))])),
    "two pointers to each other": first(
        lambda q: message(
            q, [b"\xc0" + bytes([14 + len(question_of(q))]) + b"\xc0" + bytes([12 + len(question_of(q))])]
        )
    ),
    "a pointer forward": first(
        lambda q: message(q, [record(_BAD, b"\xc0" + bytes([12 + len(question_of(q)) + 16]))], tail=question_of(q)[:-4])
    ),
    "a label of type 0x40": first(lambda q: message(q, [record(_BAD, b"\x41x\4test\0")])),
    "a label of type 0x80": first(lambda q: message(q, [record(_BAD, b"\x81x\4test\0")])),
    "an owner of 316 bytes": first(lambda q: message(q, [record(_BAD, _LONG)])),
    "one record announced too many": first(lambda q: message(q, [record(_BAD)], counts=(1, 2, 0, 0))),
    "65,535 records announced": first(lambda q: message(q, [record(_BAD)], counts=(1, 65535, 65535, 65535))),
    "an address of 3 bytes": first(lambda q: message(q, [record(_BAD[:3])])),
    "an address of 16 bytes": only(lambda q: message(q, [record(_BAD * 4), record()])),
    "rdata beyond the end": first(lambda q: message(q, [record(_BAD, length=400)])),
    "nothing but broken": only(lambda q: message(q, [record(_BAD[:3])]), tcp=True),
    "trailing bytes": only(lambda q: message(q, [record()], tail=b"\0" * 7)),
    # legal, and large or rare
    "TTL 0": only(lambda q: message(q, [record(ttl=0)])),
    "TTL 0xFFFFFFFF": only(lambda q: message(q, [record(ttl=0xFFFFFFFF)])),
    "200 addresses": over_tcp(lambda q, r: [_many(q, 200)]),
    "64 KB of addresses": over_tcp(lambda q, r: [_many(q, 4090)]),
}
