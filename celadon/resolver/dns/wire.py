"""Questions to bytes and bytes to answers, written by hand because it is a resolver's hottest code.

A reply is checked whole before it is believed: every name, every count, every record's length. Its records become text
only when they are read; only an answer of one address, the commonest, is decoded at once. Work is linear in the size of
the message: each byte of a name is read once, pointers only lead back (RFC 1035 §4.1.4), and a name has at most 255
bytes and 128 pointers. Whatever arrives, WireError is the only exception.
"""

from __future__ import annotations

import _socket
from collections.abc import Iterable
from functools import lru_cache
from struct import Struct
from typing import Any

from ..errors import Kind, ResolveError
from ..frozen import fields
from ..model import Answer, Edns, QueryOptions, Question, Record, RRType, new_tuple
from .rdata import Message, WireError, text

__all__ = ["WireAnswer", "WireError", "decode", "encode_name", "encode_question", "question_tail", "subnet"]

EDNS_SIZE = 1232  # bytes that cross an IPv6 path unfragmented (DNS flag day 2020)
OPT = b"\0\0\x29" + EDNS_SIZE.to_bytes(2, "big") + b"\0\0\0\0\0\0"
#: The header between id and question: RD, one question, without and with an OPT record.
WITH_OPT = b"\1\0\0\1\0\0\0\0\0\1"
WITHOUT_OPT = b"\1\0\0\1\0\0\0\0\0\0"

_LENGTH: list[Any] = [None, *map(chr, range(1, 64))]  # the length byte of each label; nothing for an empty one
_TYPES = {n: n.to_bytes(2, "big") + b"\0\1" for n in range(300)}  # the end of a question: type and class IN


# -- questions -------------------------------------------------------------------------------------------------


@lru_cache(4096)
def _escaped(name: str) -> bytes:
    """A name with escapes (RFC 4343 §2.1), or the root."""
    if not name:
        return b"\0"
    labels = [bytearray()]
    at = 0
    try:
        raw = name.encode("ascii")
        while at < len(raw):
            char = raw[at]
            at += 1
            if char == 0x2E:
                labels.append(bytearray())
            elif char != 0x5C:
                labels[-1].append(char)
            elif raw[at : at + 1].isdigit():
                labels[-1].append(int(raw[at : at + 3].decode()))
                if len(raw[at : at + 3]) < 3:
                    raise ValueError("an escape of three digits")
                at += 3
            else:
                labels[-1].append(raw[at])
                at += 1
        text = "".join([_LENGTH[len(one)] + one.decode("latin-1") for one in labels])
        wire = text.encode("latin-1") + b"\0"
    except (ValueError, IndexError, TypeError):
        wire = b""
    if not wire or len(wire) > 255:
        raise _illegal(name)
    return wire


def _illegal(name: str) -> ResolveError:
    return ResolveError(Kind.ILLEGAL, name, detail="not a legal domain name (RFC 1035 §2.3.4)")


def encode_name(name: str) -> bytes:
    """A name without final dot in wire form (RFC 1035 §3.1). ResolveError(ILLEGAL) if it has none."""
    if "\\" in name or not name:
        return _escaped(name)
    label, dot, rest = name.partition(".")
    try:
        wire: bytes = (_LENGTH[len(label)] + label).encode("ascii") + (_end_of(rest) if dot else b"\0")
    except (UnicodeError, IndexError, TypeError):
        raise _illegal(name) from None
    if len(wire) > 255:
        raise _illegal(name)
    return wire


@lru_cache(4096)
def _end_of(rest: str) -> bytes:
    """The wire form after a name's first label, which many names in a row have in common."""
    wire = ""
    for label in rest.split("."):
        wire += _LENGTH[len(label)] + label
    return wire.encode("ascii") + b"\0"


def question_tail(question: Question) -> bytes:
    """The question section, which a reply must echo. ResolveError(ILLEGAL) for a name that has no wire form."""
    name, rdtype, rdclass, _ = question
    if rdclass == 1 and rdtype in _TYPES:
        return encode_name(name) + _TYPES[rdtype]
    return encode_name(name) + rdtype.to_bytes(2, "big") + rdclass.to_bytes(2, "big")


def encode_question(question: Question, edns: bool = True, cookie: bytes = b"", padding: int = 0) -> bytes:
    """The message after its id: header, question and an EDNS record (RFC 6891) that allows 1,232 bytes.

    ``question.options`` change that; ``edns`` False leaves the OPT record out whatever they say. ``cookie`` is the
    COOKIE option's data (RFC 7873), empty for none; ``padding`` the block length in bytes to pad to.
    """
    tail = question_tail(question)
    options = question.options
    if options is not None or cookie or padding:
        return _with_options(options or QueryOptions(), tail, edns, cookie, padding)
    if edns:
        return WITH_OPT + tail + OPT
    return WITHOUT_OPT + tail


def _with_options(options: QueryOptions, tail: bytes, edns: bool, cookie: bytes, padding: int) -> bytes:
    flags = 0x0400 * options.aa | 0x0100 * options.rd | 0x40 * options.z | 0x20 * options.ad | 0x10 * options.cd
    if not edns or options.edns is None:
        return flags.to_bytes(2, "big") + b"\0\1\0\0\0\0\0\0" + tail
    given = list(options.edns_options)
    if options.nsid:
        given.append((3, b""))
    if options.subnet is not None:
        given.append((8, subnet(options.subnet)))
    if options.cookie or cookie:
        given.append((10, options.cookie or cookie))
    data = b"".join(code.to_bytes(2, "big") + len(one).to_bytes(2, "big") + one for code, one in given)
    padding = options.padding or padding
    if padding:
        fill = -(12 + len(tail) + 11 + len(data) + 4) % padding
        data += b"\0\x0c" + fill.to_bytes(2, "big") + bytes(fill)  # RFC 7830
    opt = b"\0\0\x29" + options.bufsize.to_bytes(2, "big") + bytes((0, options.edns, 0x80 * options.dnssec, 0))
    return flags.to_bytes(2, "big") + b"\0\1\0\0\0\0\0\1" + tail + opt + len(data).to_bytes(2, "big") + data


def subnet(text: str) -> bytes:
    """``192.0.2.0/24`` as the option of RFC 7871 §6. ResolveError(ARGUMENT) if it is not a subnet."""
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
        raise ResolveError(Kind.ARGUMENT, text, detail="write the subnet as address/prefix") from None
    kept = int.from_bytes(packed, "big") >> (len(packed) * 8 - prefix) << (len(packed) * 8 - prefix)
    short = kept.to_bytes(len(packed), "big")[: (prefix + 7) // 8]
    return bytes((0, 2 if len(packed) == 16 else 1, prefix, 0)) + short


# -- answers ---------------------------------------------------------------------------------------------------

# A message, where its question ends, the server, the round trip time in seconds, whether over TCP, and the tries.
Told = tuple[bytes, int, str, float, bool, int]
# A record not decoded yet: offset of its owner, type, class, TTL, and the bounds of its data in the message.
_Raw = tuple[int, int, int, int, int, int]


class WireAnswer(Answer):
    """An answer that keeps the message and decodes its records when they are read.

    Equal in every attribute to the Answer that ``plain()`` makes of it.
    """

    __slots__ = ("_parsed", "_raw", "told")

    told: Told
    _raw: tuple[list[_Raw], list[_Raw], list[_Raw], Edns | None, int]
    _parsed: list[tuple[Record, ...] | None] | None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """For ``dataclasses.replace``: a changed answer is no longer the message, so it becomes a plain Answer."""
        return Answer(*args, **kwargs)

    def __reduce__(self) -> Any:
        return Answer, _values(self)

    def __eq__(self, other: object) -> bool:
        return _values(self) == _values(other) if isinstance(other, Answer) else NotImplemented

    __hash__ = Answer.__hash__

    def plain(self) -> Answer:
        """The same answer without the message, as a plain Answer."""
        return Answer(*_values(self))

    @property
    def message(self) -> bytes:
        """The reply as it came."""
        return self.told[0]

    def _section(self, index: int) -> tuple[Record, ...]:
        parsed = self._parsed
        if parsed is None:
            parsed = [None, None, None]
            _set_parsed(self, parsed)
        found = parsed[index]
        if found is None:
            found = parsed[index] = self._read(self._raw[index])  # type: ignore[arg-type]
        return found

    def _read(self, raw: Iterable[_Raw]) -> tuple[Record, ...]:
        message = Message(self.told[0])
        return tuple(
            [
                Record(message.name(owner)[0], rdtype, ttl, text(message, rdtype, rdclass, start, end), rdclass)
                for owner, rdtype, rdclass, ttl, start, end in raw
            ]
        )

    def soa(self) -> Record | None:
        """See ``Answer.soa``. Reads no other record of the section."""
        if self._parsed is not None and self._parsed[1] is not None:
            return Answer.soa(self)
        found = self._read([one for one in self._raw[1] if one[1] == RRType.SOA][:1])
        return found[0] if found else None

    def changed(self, **changes: Any) -> Answer:
        """See ``Answer.changed``. Sections that were not read yet stay undecoded."""
        if type(self) is OneAddress or not _CHANGES.issuperset(changes):
            return Answer.changed(self, **changes)
        made: Changed = _new(Changed)
        _set_told(made, self.told)
        _set_raw(made, self._raw)
        _set_question(made, changes.get("question", self.question))
        before = self._parsed or (None, None, None)
        _set_parsed(made, [changes.get("records", before[0]), *before[1:]])
        for name, put in _SET_CHANGED:
            put(made, changes.get(name, getattr(self, name)))
        return made

    server = property(lambda self: self.told[2])
    rtt = property(lambda self: self.told[3])
    tcp = property(lambda self: self.told[4])
    attempts = property(lambda self: self.told[5])
    size = property(lambda self: len(self.told[0]))
    flags = property(lambda self: (self.told[0][2] << 8 | self.told[0][3]) & 0x87F0)
    id = property(lambda self: self.told[0][0] << 8 | self.told[0][1])
    rcode = property(lambda self: self._raw[4])
    edns = property(lambda self: self._raw[3])
    records = property(lambda self: self._section(0))
    authority = property(lambda self: self._section(1))
    additional = property(lambda self: self._section(2))
    engine = "python"


class OneAddress(WireAnswer):
    """The commonest answer, one IPv4 address of the name asked for. It is so short that it is decoded at once.

    A cache keeps very many of them, so each has few objects for the garbage collector to scan.
    """

    __slots__ = ()

    rcode = 0
    records = vars(Answer)["records"]
    authority = ()
    additional = ()
    edns = property(lambda self: self._edns())

    def _edns(self) -> Edns | None:
        message, at = self.told[0], self.told[1] + 16
        if len(message) == at:
            return None
        return Edns(message[at + 6], bool(message[at + 7] & 0x80), message[at + 3] << 8 | message[at + 4])


class Changed(WireAnswer):
    """A reply whose answer section was changed, by the cache or by the check of its owners."""

    __slots__ = ("cached", "stale", "unrelated")


_FIELDS = tuple(field.name for field in fields(Answer))
for _field in fields(Answer):
    if _field.name not in vars(WireAnswer) and _field.name != "question":
        setattr(WireAnswer, _field.name, _field.default)  # fields that are not in the message, such as ``cached``


def _values(answer: Answer) -> tuple[Any, ...]:
    return tuple([getattr(answer, name) for name in _FIELDS])


_new = object.__new__
# The slots' own setters, because the class is frozen: instances are made here.
_set_told, _set_parsed, _set_raw = (vars(WireAnswer)[name].__set__ for name in ("told", "_parsed", "_raw"))
_SET_CHANGED = [(name, vars(Changed)[name].__set__) for name in Changed.__slots__]
_CHANGES = {"question", "records", *Changed.__slots__}  # fields that can change without decoding the others
_set_question, _set_records = (vars(Answer)[name].__set__ for name in ("question", "records"))
_OWN_ADDRESS = b"\xc0\x0c\0\1\0\1"  # the owner that the question names, A, IN
_only_address = Struct("!6sIH4s").unpack_from  # the same; TTL; length; address
_address_and_opt = Struct("!6sIH4s3s2xB3xH").unpack_from  # and the OPT record's owner and type, rcode, length
_inet_ntoa = _socket.inet_ntoa


def decode(question: Question, told: Told) -> WireAnswer:
    """The answer in a message whose header and question were checked. WireError if it is malformed."""
    message = told[0]
    question_end = told[1]
    rest = len(message) - question_end
    short = False
    if question[1] != 1 or question[2] != 1:
        pass  # the type asked for is not A: an address does not answer it
    elif rest == 27 and message[6:12] == b"\0\1\0\0\0\1" and not message[3] & 15:
        about, ttl, length, address, opt, rcode, options = _address_and_opt(message, question_end)
        short = about == _OWN_ADDRESS and length == 4 and opt == b"\0\0\x29" and not (rcode or options)
    elif rest == 16 and message[6:12] == b"\0\1\0\0\0\0" and not message[3] & 15:
        about, ttl, length, address = _only_address(message, question_end)
        short = about == _OWN_ADDRESS and length == 4
    if short:
        answer: WireAnswer = _new(OneAddress)
        fields = (question.name, 1, ttl if ttl < 0x80000000 else 0, _inet_ntoa(address), 1)
        _set_records(answer, (new_tuple(Record, fields),))
    else:
        answer = _new(WireAnswer)
        _set_raw(answer, _parse(message, question_end))
        _set_parsed(answer, None)
    _set_question(answer, question)
    _set_told(answer, told)
    return answer


def _parse(data: bytes, at: int) -> tuple[list[_Raw], list[_Raw], list[_Raw], Edns | None, int]:
    message = Message(data)
    sections: list[list[_Raw]] = [[], [], []]
    edns: Edns | None = None
    rcode = data[3] & 15
    limit = len(data)
    counts = (data[6] << 8 | data[7], data[8] << 8 | data[9], data[10] << 8 | data[11])
    if sum(counts) * 11 > limit - at:
        raise WireError("more records announced than the message has room for")
    skip = message.skip
    for index in range(3):
        keep = sections[index].append
        for _ in range(counts[index]):
            owner = at
            at = skip(at)
            if at + 10 > limit:
                raise WireError("a record runs out of the message")
            rdtype = data[at] << 8 | data[at + 1]
            rdclass = data[at + 2] << 8 | data[at + 3]
            length = data[at + 8] << 8 | data[at + 9]
            start = at + 10
            end = start + length
            if end > limit:
                raise WireError("rdata runs out of the message")
            if rdtype == 41:
                if edns is not None or index != 2 or message.name(owner)[0]:
                    error = WireError("an OPT record where none may be (RFC 6891 §6.1.1)")
                    error.unusable = True
                    raise error
                rcode |= data[at + 4] << 4
                edns = Edns(data[at + 5], bool(data[at + 6] & 0x80), rdclass, _edns_options(data[start:end]))
            else:
                wanted = 4 if rdtype == 1 else 16 if rdtype == 28 else 0
                if wanted and length != wanted and rdclass == 1:
                    if length < wanted:
                        raise WireError("an address that is cut short")
                elif rdtype in (5, 2, 12, 39):
                    if skip(start) != end:
                        raise WireError("a name that is not as long as it says")
                    keep((owner, rdtype, rdclass, _ttl(data, at + 4), start, end))
                else:
                    keep((owner, rdtype, rdclass, _ttl(data, at + 4), start, end))
            at = end
    return sections[0], sections[1], sections[2], edns, rcode


def _ttl(data: bytes, at: int) -> int:
    return 0 if data[at] & 0x80 else int.from_bytes(data[at : at + 4], "big")  # RFC 2181 §8


def _edns_options(data: bytes) -> tuple[tuple[int, bytes], ...]:
    found = []
    at = 0
    while at + 4 <= len(data):
        length = data[at + 2] << 8 | data[at + 3]
        if at + 4 + length > len(data):
            raise WireError("an EDNS option runs out of its record")
        found.append((data[at] << 8 | data[at + 1], data[at + 4 : at + 4 + length]))
        at += 4 + length
    if at != len(data):
        raise WireError("an EDNS option runs out of its record")
    return tuple(found)
