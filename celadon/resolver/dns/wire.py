"""Questions to bytes and bytes to answers, written by hand because it is a resolver's hottest code.

A reply is checked whole before it is believed: every name, every count, every record's length. Its records become text
only when they are read; only an answer of one address, the commonest, is decoded at once. Work is linear in the size of
the message: each byte of a name is read once, pointers only lead back (RFC 1035 §4.1.4), and a name has at most 255
bytes and 128 pointers. Whatever arrives, WireError is the only exception.
"""

from __future__ import annotations

import _socket
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from struct import Struct
from struct import error as StructError  # noqa: N812  (a class)
from typing import Any

from .. import accel
from ..answers.undecoded import Undecoded, computed, with_defaults
from ..errors import Kind, ResolveError
from ..model import USUAL, Answer, Edns, QueryOptions, Question, Record, RRType, new_tuple
from .rdata import MOST_JUMPS, Message, WireError, text

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
    return quick_tail(question) or question_tail_in_python(question)


def question_tail_in_python(question: Question) -> bytes:
    """As ``question_tail``, without the accelerator."""
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
    if (options is not None and options is not USUAL) or cookie or padding:
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
    bits = 0x80 * options.dnssec | 0x40 * options.co
    opt = b"\0\0\x29" + options.bufsize.to_bytes(2, "big") + bytes((0, options.edns, bits, 0))
    return flags.to_bytes(2, "big") + b"\0\1\0\0\0\0\0\1" + tail + opt + len(data).to_bytes(2, "big") + data


def subnet(text: str) -> bytes:
    """``192.0.2.0/24`` as the option of RFC 7871 §6. ResolveError(ARGUMENT) if it is not a subnet."""
    address, slash, bits = text.partition("/")
    if text in ("0", "0/0"):
        address, slash, bits = "0.0.0.0", "/", "0"  # dig's words for "no subnet of mine"
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
# Where the three sections begin, where the OPT record's type is (0: none), and the response code with its upper bits.
Walked = tuple[int, int, int, int, int]


class WireAnswer(Undecoded):
    """An answer that keeps the message, and decodes a section when it is read."""

    __slots__ = ("_parsed", "_walked", "told")

    told: Told  # type: ignore[misc]  # a constant of the class elsewhere
    _walked: Walked
    _parsed: list[tuple[Record, ...] | None] | None

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
            rows = None
            if _codec is not None:
                data = self.told[0]
                count = data[6 + 2 * index] << 8 | data[7 + 2 * index]
                rows = _codec.records(data, self._walked[index], count)
            made = self._read(index) if rows is None else [new_tuple(Record, row) for row in rows]
            found = parsed[index] = tuple(made)
        return found

    def rows(self, index: int) -> str | None:
        """A section as JSON, as ``resolve bulk`` writes it, by the accelerator; None where it does not know."""
        if _codec is None:
            return None
        data = self.told[0]
        count = data[6 + 2 * index] << 8 | data[7 + 2 * index]
        return _codec.rows(data, self._walked[index], count)  # type: ignore[no-any-return]

    def _read(self, index: int, only: int | None = None) -> Iterator[Record]:
        """The records of a section, or those of one type."""
        data = self.told[0]
        message = Message(data)
        at = self._walked[index]
        for _ in range(data[6 + 2 * index] << 8 | data[7 + 2 * index]):
            owner = at
            at = message.skip(at)
            rdtype, rdclass, ttl, length = _fixed(data, at)
            at += 10 + length
            too_long = rdclass == 1 and length != _LENGTH_OF.get(rdtype, length)
            if rdtype != _OPT and not too_long and only in (None, rdtype):
                ttl = ttl if ttl < 0x80000000 else 0  # RFC 2181 §8
                shown = text(message, rdtype, rdclass, at - length, at)
                yield Record(message.name(owner)[0], rdtype, ttl, shown, rdclass)

    def soa(self) -> Record | None:
        """See ``Answer.soa``. Reads no other record of the section."""
        if self._parsed is not None and self._parsed[1] is not None:
            return Answer.soa(self)
        return next(self._read(1, RRType.SOA), None)

    def changed(self, **changes: Any) -> Answer:
        """See ``Answer.changed``. Sections that were not read yet stay undecoded."""
        if type(self) is OneAddress or not _CHANGES.issuperset(changes):
            return Answer.changed(self, **changes)
        made: Changed = _new(Changed)
        _set_told(made, self.told)
        _set_walked(made, self._walked)
        _set_question(made, changes.get("question", self.question))
        before = self._parsed or (None, None, None)
        _set_parsed(made, [changes.get("records", before[0]), *before[1:]])
        for name, put in _SET_CHANGED:
            put(made, changes.get(name, getattr(self, name)))
        return made

    def _edns(self) -> Edns | None:
        message, at = self.told[0], self._walked[3]
        if not at:
            return None
        bufsize, _, version, flags, length = _opt(message, at + 2)
        data = message[at + 10 : at + 10 + length]
        return Edns(version, bool(flags & 0x80), bufsize, _edns_options(data), bool(flags & 0x40))

    server: str | None = computed(lambda self: self.told[2])
    rtt: float = computed(lambda self: self.told[3])
    tcp: bool = computed(lambda self: self.told[4])
    attempts: int = computed(lambda self: self.told[5])
    size: int = computed(lambda self: len(self.told[0]))
    flags: int = computed(lambda self: (self.told[0][2] << 8 | self.told[0][3]) & 0x87F0)
    id: int = computed(lambda self: self.told[0][0] << 8 | self.told[0][1])
    rcode: int = computed(lambda self: self._walked[4])
    edns: Edns | None = computed(lambda self: self._edns())
    records: tuple[Record, ...] = computed(lambda self: self._section(0))
    authority: tuple[Record, ...] = computed(lambda self: self._section(1))
    additional: tuple[Record, ...] = computed(lambda self: self._section(2))
    engine = "python"


class AddressAnswer(WireAnswer):
    """One IPv4 address of the very name asked for, decoded at once, and whatever else the message has.

    A cache keeps very many of them, so each has few objects that the garbage collector goes through.
    """

    __slots__ = ("one",)

    one: tuple[int, str]  # type: ignore[misc]  # a constant of the class elsewhere

    rcode = 0

    def _records(self) -> tuple[Record, ...]:
        ttl, address = self.one
        return (Record(self.question.name, 1, ttl, address),)

    records: tuple[Record, ...] = computed(lambda self: self._records())


class OneAddress(AddressAnswer):
    """The commonest answer: one IPv4 address, and beside it an OPT record without options or nothing."""

    __slots__ = ()

    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()

    @property
    def _walked(self) -> Walked:  # type: ignore[override]
        message, end, *_ = self.told
        return end, end + 16, end + 16, end + 17 if len(message) > end + 16 else 0, 0


class Changed(WireAnswer):
    """A reply whose answer section was changed, by the cache or by the check of its owners."""

    __slots__ = ("cached", "stale", "unrelated")


with_defaults(WireAnswer)
_new = object.__new__
# The slots' own setters, because the class is frozen: instances are made here.
_set_told, _set_parsed, _set_walked = (vars(WireAnswer)[name].__set__ for name in ("told", "_parsed", "_walked"))
_SET_CHANGED = [(name, vars(Changed)[name].__set__) for name in Changed.__slots__]
_CHANGES = {"question", "records", *Changed.__slots__}  # fields that can change without decoding the others
_set_question, _set_one = vars(Answer)["question"].__set__, vars(AddressAnswer)["one"].__set__

_OPT = 41
_LENGTH_OF = {1: 4, 28: 16}  # of the data of addresses of class IN; what is longer is no record
_NAMES = frozenset((2, 5, 12, 39))  # types whose data is a name and nothing else
_header = Struct("!2x5H").unpack_from  # flags, and how many records each section has
_counts = Struct("!6x3H").unpack_from
_fixed = Struct("!HHIH").unpack_from  # a record behind its owner
_opt = Struct("!HBBBxH").unpack_from  # an OPT record behind its type: size, upper bits, version, DO, length
_OWN_ADDRESS = b"\xc0\x0c\0\1\0\1"  # the owner that the question names, A, IN
_ASKS_ADDRESS = b"\0\1\0\1"  # how a question for A of class IN ends
_address = Struct("!6sIHBBBB").unpack_from  # the same; TTL; length; address
_address_and_opt = Struct("!6sIHBBBB3s2xB3xH").unpack_from  # and the OPT record's owner and type, rcode, length
_DECIMAL = [str(n) for n in range(256)]


def address_in_python(message: bytes, tail: bytes) -> tuple[int, str, Walked | None] | None:
    """TTL and text of the address if the message answers the question ``tail`` with one IPv4 address of its very name.

    Besides, where the sections are; None if there is nothing else but an OPT record without options. None in place of
    it all for every other message, good or bad: ``decode`` reads it, and says what it is.
    """
    if not message.startswith(tail, 12) or not tail.endswith(_ASKS_ADDRESS):
        return None
    flags, asked, answers, authority, additional = _header(message)
    if flags & 0xFA0F != 0x8000 or asked != 1 or answers != 1:
        return None  # no reply, a truncated one, an error, or not one record
    end = 12 + len(tail)
    rest = len(message) - end
    walked: Walked | None = None
    if rest == 27 and additional == 1 and not authority:
        about, ttl, length, a, b, c, d, opt, rcode, options = _address_and_opt(message, end)
        if about != _OWN_ADDRESS or length != 4 or opt != b"\0\0\x29" or rcode or options:
            return None
    else:
        if rest < 16:
            return None
        about, ttl, length, a, b, c, d = _address(message, end)
        if about != _OWN_ADDRESS or length != 4:
            return None
        if rest > 16 or authority or additional:
            try:
                walked = walk_python(message, end)
            except WireError:
                return None
            if walked[4]:
                return None
    address = f"{_DECIMAL[a]}.{_DECIMAL[b]}.{_DECIMAL[c]}.{_DECIMAL[d]}"
    return ttl if ttl < 0x80000000 else 0, address, walked


def address_answer(question: Question, told: Told, found: tuple[int, str, Walked | None]) -> AddressAnswer:
    """The answer of a message in which ``address_in`` has found this."""
    ttl, address, walked = found
    made: AddressAnswer
    if walked is None:
        made = _new(OneAddress)
    else:
        made = _new(AddressAnswer)
        _set_walked(made, walked)
        _set_parsed(made, None)
    _set_question(made, question)
    _set_told(made, told)
    _set_one(made, (ttl, address))
    return made


def first_reply_in_python(
    question: Question, message: bytes, tail: bytes, server: str, rtt: float, tcp: bool
) -> AddressAnswer | None:
    """The answer of a message that came to the first try, if ``address_in`` finds an address in it; else None."""
    found = address_in(message, tail)
    if found is None:
        return None
    return address_answer(question, (message, 12 + len(tail), server, rtt, tcp, 1), found)


def decode(question: Question, told: Told) -> WireAnswer:
    """The answer in a message whose header and question were checked. WireError if it is malformed."""
    message, end = told[:2]
    found = None
    if end > 12 and question[1] == 1 == question[2]:
        found = address_in(message, message[12:end])
    if found is not None:
        return address_answer(question, told, found)
    answer: WireAnswer = _new(WireAnswer)
    _set_walked(answer, walk(message, end))
    _set_parsed(answer, None)
    _set_question(answer, question)
    _set_told(answer, told)
    return answer


def walk(data: bytes, at: int) -> Walked:
    """Where the sections of a message are whose question ends at ``at``. WireError unless all of it is well-formed."""
    found: Walked | None = None if _codec is None else _codec.walk(data, at)
    return walk_python(data, at) if found is None else found


def walk_python(data: bytes, at: int) -> Walked:
    """As ``walk``, without the accelerator."""
    counts = _counts(data)
    limit = len(data)
    if sum(counts) * 11 > limit - at:
        raise WireError("more records announced than the message has room for")
    message = Message(data, at)
    known, skip = message.sizes, message.skip
    starts = []
    opt = 0
    try:
        for index in (0, 1, 2):
            starts.append(at)
            for _ in range(counts[index]):
                owner = at
                # Nearly always a pointer to a name that was read, or the root; ``skip`` would come to the same.
                first = data[at]
                if first >= 0xC0 and known.get((first & 0x3F) << 8 | data[at + 1], _NOT_KNOWN)[1] < MOST_JUMPS:
                    at += 2
                else:
                    at = skip(at) if first else at + 1
                rdtype, rdclass, _, length = _fixed(data, at)
                start = at + 10
                end = start + length
                if end > limit:
                    raise WireError("rdata runs out of the message")
                if rdtype in _NAMES:
                    if skip(start) != end:
                        raise WireError("a name that is not as long as it says")
                elif rdtype == _OPT:
                    if opt or index != 2 or (first and message.name(owner)[0]):
                        raise _misplaced()
                    opt = at
                    if length:
                        _edns_options(data[start:end])
                elif rdclass == 1 and length < _LENGTH_OF.get(rdtype, 0):
                    raise WireError("an address that is cut short")
                at = end
    except (IndexError, StructError):
        raise WireError("a record runs out of the message") from None
    rcode = data[3] & 15
    return starts[0], starts[1], starts[2], opt, rcode | data[opt + 4] << 4 if opt else rcode


_NOT_KNOWN = (0, MOST_JUMPS)


def _misplaced() -> WireError:
    error = WireError("an OPT record where none may be (RFC 6891 §6.1.1)")
    error.unusable = True
    return error


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


# -- the accelerator -------------------------------------------------------------------------------------------

_codec: Any = None
address_in: Callable[[bytes, bytes], tuple[int, str, Walked | None] | None] = address_in_python
#: As ``question_tail``; the accelerator may say None.
quick_tail: Callable[[Question], bytes | None] = question_tail_in_python
first_reply: Callable[[Question, bytes, bytes, str, float, bool], AddressAnswer | None] = first_reply_in_python


def accelerate(codec: Any) -> None:
    """Make and read messages with these functions, where they know what to say; None: without."""
    global _codec, address_in, first_reply, quick_tail
    _codec = codec
    quick_tail = question_tail_in_python if codec is None else codec.tail
    address_in = address_in_python if codec is None else codec.address_in
    first_reply = first_reply_in_python if codec is None else partial(codec.first_reply, OneAddress, AddressAnswer)


accelerate(accel.codec)
