"""Questions to bytes and bytes to answers: by hand for what is asked a million times, dnspython for the rest.

The decoder by hand takes a message with one question whose answers are A, AAAA and CNAME, and gives up (None) on
anything else, which then goes through dnspython. Whatever arrives, only WireError comes out.
"""

from __future__ import annotations

import _socket
from functools import lru_cache

import dns.exception
import dns.message
import dns.name
import dns.rdatatype

from .errors import Kind, ResolveError
from .model import Answer, Edns, QueryOptions, Question, Record

EDNS_SIZE = 1232  # what crosses an IPv6 path unfragmented (DNS flag day 2020)
_OPT = b"\0\0\x29" + EDNS_SIZE.to_bytes(2, "big") + b"\0\0\0\0\0\0"
TC = 0x0200


class WireError(ValueError):
    """Bytes that are no well-formed DNS message."""


@lru_cache(4096)
def _escaped(name: str) -> bytes:
    try:
        return dns.name.from_text(name or ".").to_wire() or b"\0"
    except (dns.exception.DNSException, UnicodeError) as error:
        raise ResolveError(Kind.ILLEGAL, name, detail=str(error)) from None


def encode_name(name: str) -> bytes:
    """A name without final dot in wire form (RFC 1035 §3.1). ResolveError(ILLEGAL) for what has none."""
    if "\\" in name or not name:
        return _escaped(name)
    try:
        wire = b"".join([bytes((len(one),)) + one for one in name.encode("ascii").split(b".")]) + b"\0"
    except (ValueError, UnicodeError):
        wire = b""
    if not wire or len(wire) > 255 or b"\0" in wire[:1] or any(not one or len(one) > 63 for one in name.split(".")):
        raise ResolveError(Kind.ILLEGAL, name, detail="not a legal domain name (RFC 1035 §2.3.4)")
    return wire


def question_tail(question: Question) -> bytes:
    """The question section, which a reply must echo. ResolveError(ILLEGAL) for a name that has no wire form."""
    return encode_name(question.name) + question.rdtype.to_bytes(2, "big") + question.rdclass.to_bytes(2, "big")


def encode_question(question: Question, edns: bool = True) -> bytes:
    """The message after its id: header, question and an EDNS record (RFC 6891) that allows 1,232 bytes.

    ``question.options`` change that; ``edns`` False leaves the OPT record out whatever they say.
    """
    tail = question_tail(question)
    if question.options is not None:
        return _with_options(question.options, tail, edns)
    if edns:
        return b"\1\0\0\1\0\0\0\0\0\1" + tail + _OPT
    return b"\1\0\0\1\0\0\0\0\0\0" + tail


def _with_options(options: QueryOptions, tail: bytes, edns: bool) -> bytes:
    flags = 0x0400 * options.aa | 0x0100 * options.rd | 0x40 * options.z | 0x20 * options.ad | 0x10 * options.cd
    if not edns or options.edns is None:
        return flags.to_bytes(2, "big") + b"\0\1\0\0\0\0\0\0" + tail
    given = list(options.edns_options)
    if options.nsid:
        given.append((3, b""))
    if options.subnet is not None:
        given.append((8, _subnet(options.subnet)))
    if options.cookie is not None:
        given.append((10, options.cookie))
    data = b"".join(code.to_bytes(2, "big") + len(one).to_bytes(2, "big") + one for code, one in given)
    if options.padding:
        bare = 12 + len(tail) + 11 + len(data) + 4
        fill = -bare % options.padding
        data += b"\0\x0c" + fill.to_bytes(2, "big") + bytes(fill)  # RFC 7830
    opt = b"\0\0\x29" + options.bufsize.to_bytes(2, "big") + bytes((0, options.edns, 0x80 * options.dnssec, 0))
    return flags.to_bytes(2, "big") + b"\0\1\0\0\0\0\0\1" + tail + opt + len(data).to_bytes(2, "big") + data


def _subnet(text: str) -> bytes:
    """``192.0.2.0/24`` as the option of RFC 7871 §6. ResolveError(ARGUMENT) for what is none."""
    address, slash, bits = text.partition("/")
    if text == "0":
        address, slash, bits = "0.0.0.0", "/", "0"
    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    try:
        packed = _socket.inet_pton(family, address)
        prefix = int(bits) if slash else len(packed) * 8
        if not 0 <= prefix <= len(packed) * 8:
            raise ValueError
    except (OSError, ValueError):
        raise ResolveError(Kind.ARGUMENT, text, detail="not a subnet as address/prefix") from None
    kept = int.from_bytes(packed, "big") >> (len(packed) * 8 - prefix) << (len(packed) * 8 - prefix)
    short = kept.to_bytes(len(packed), "big")[: (prefix + 7) // 8]
    return bytes((0, 2 if len(packed) == 16 else 1, prefix, 0)) + short


def _name_at(message: bytes, at: int) -> tuple[str, int] | None:
    """The name at an offset and where it ends; None for what is left to dnspython."""
    labels: list[bytes] = []
    end = 0
    limit = len(message)
    size = 0
    while True:
        if at >= limit:
            raise WireError("a name runs out of the message")
        count = message[at]
        if count == 0:
            break
        if count >= 0xC0:
            if at + 1 >= limit:
                raise WireError("a pointer runs out of the message")
            target = (count & 0x3F) << 8 | message[at + 1]
            if target >= at:
                raise WireError("a pointer that does not point back")
            end = end or at + 2
            at = target
            continue
        if count > 63:
            raise WireError("a label of an unknown kind")
        label = message[at + 1 : at + 1 + count]
        size += count + 1
        if size > 254:
            raise WireError("a name longer than 255 bytes")
        labels.append(label)
        at += count + 1
    name = b".".join(labels)
    text = name.decode("latin-1")
    if (
        (len(name) != size - 1 and labels)
        or not text.isascii()
        or not text.isprintable()
        or any(c in text for c in '\\"();@$ ')
    ):
        return None
    if any(b"." in label for label in labels):
        return None
    return text, end or at + 1


def decode(
    question: Question, message: bytes, question_end: int, server: str, rtt: float, tcp: bool, attempts: int
) -> Answer:
    """The answer in a message whose header and question were checked. WireError for what is malformed.

    ``question_end`` is where the echoed question ends; ``rtt`` is in seconds.
    """
    flags = message[2] << 8 | message[3]
    records: list[Record] = []
    answers = message[6] << 8 | message[7]
    if question.options is None and not message[8] | message[9] and message[10] << 8 | message[11] <= 1:
        at = question_end
        owner_end = len(message)
        for _ in range(answers):
            if at + 12 <= owner_end and message[at] == 0xC0 and message[at + 1] == 12:
                owner: str = question.name
                at += 2
            else:
                named = _name_at(message, at)
                if named is None:
                    break
                owner, at = named
            if at + 10 > owner_end:
                raise WireError("a record runs out of the message")
            rdtype = message[at] << 8 | message[at + 1]
            rdclass = message[at + 2] << 8 | message[at + 3]
            ttl = int.from_bytes(message[at + 4 : at + 8], "big")
            size = message[at + 8] << 8 | message[at + 9]
            at += 10
            if at + size > owner_end:
                raise WireError("rdata runs out of the message")
            if rdtype == 1 and size == 4:
                data = f"{message[at]}.{message[at + 1]}.{message[at + 2]}.{message[at + 3]}"
            elif rdtype == 28 and size == 16:
                data = _socket.inet_ntop(_socket.AF_INET6, message[at : at + 16])
            elif rdtype == 5:
                named = _name_at(message, at)
                if named is None:
                    break
                if named[1] != at + size:
                    raise WireError("a CNAME that is not as long as it says")
                data = named[0] + "."
            else:
                break
            records.append(Record(owner, rdtype, 0 if ttl >> 31 else ttl, data, rdclass))
            at += size
        else:
            rcode = flags & 15
            if answers or rcode == 0 or not message[10] | message[11]:
                return Answer(
                    question,
                    rcode,
                    tuple(records),
                    (),
                    (),
                    flags & 0x87F0,
                    server,
                    rtt,
                    tcp,
                    attempts,
                    len(message),
                    "python",
                )
    return _decode_rest(question, message, server, rtt, tcp, attempts)


def _decode_rest(question: Question, message: bytes, server: str, rtt: float, tcp: bool, attempts: int) -> Answer:
    try:
        parsed = dns.message.from_wire(message, ignore_trailing=True, raise_on_truncation=False)
    except Exception as error:  # noqa: BLE001  (hostile bytes may break dnspython in more ways than its own exceptions)
        raise WireError(str(error) or type(error).__name__) from None
    answer, authority, additional = (
        tuple(
            Record(
                rrset.name.to_text(omit_final_dot=True),
                int(rrset.rdtype),
                rrset.ttl,
                rdata.to_text(),
                int(rrset.rdclass),
            )
            for rrset in section
            for rdata in rrset
        )
        for section in (parsed.answer, parsed.authority, parsed.additional)
    )
    return Answer(
        question,
        int(parsed.rcode()),
        answer,
        authority,
        additional,
        int(parsed.flags) & 0x87F0,
        server,
        rtt,
        tcp,
        attempts,
        len(message),
        "python",
        Edns(
            parsed.edns,
            bool(parsed.ednsflags & 0x8000),
            int(parsed.payload),
            tuple((int(one.otype), one.to_wire() or b"") for one in parsed.options),
        )
        if parsed.edns >= 0
        else None,
        message[0] << 8 | message[1],
    )
