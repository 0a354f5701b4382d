"""Outcomes in the forms of massdns' ``-o``, byte for byte: ``F``, ``B``, ``S``, ``L`` and ``J`` with their letters.

Source: massdns' manual page, and its printing functions. What differs on purpose: the EDNS record, which massdns does
not ask for, is left out, and so are records that the question does not lead to.
"""

from __future__ import annotations

import _socket
import re
import struct
import time
from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

import dns.rdata
from dns.exception import DNSException
from dns.rdataclass import RdataClass
from dns.rdatatype import RdataType

from ...dns.wire import WireAnswer
from ...errors import Kind, ResolveError
from ...frozen import frozen
from ...model import Answer, Record, rcode_name, type_name
from ...protocols import Outcome
from .names_in import Key
from .outcome_words import FLAGS, Schema, server_label, unanswered

_SECTIONS = {"n": 0, "u": 1, "d": 2}  # a letter of S -> the section that it prints
_TITLES = ("ANSWER", "AUTHORITY", "ADDITIONAL")
_KEYS = ("answers", "authorities", "additionals")
_CLASSES = {1: "IN", 3: "H", 4: "HS", 254: "QNONE", 255: "QANY"}  # H is massdns' own word
#: Types of ours that have no name there; they are numbers, as are all without a name here.
_UNNAMED = frozenset(
    (
        "MB",
        "MG",
        "MR",
        "NULL",
        "WKS",
        "HINFO",
        "MINFO",
        "X25",
        "ISDN",
        "RT",
        "NSAP",
        "PX",
        "GPOS",
        "SPF",
        "NINFO",
        "CSYNC",
    )
) | {"OPT", "ZONEMD", "NID", "L32", "L64", "LP", "EUI48", "EUI64", "IXFR", "AXFR", "MAILB", "MAILA", "AVC", "AMTRELAY"}
_HEADER_FLAGS = (
    ("qr", 0x8000), ("ad", 0x0020), ("aa", 0x0400), ("rd", 0x0100), ("ra", 0x0080), ("tc", 0x0200), ("cd", 0x0010),
)  # fmt: skip


# -- words -------------------------------------------------------------------------------------------------------


@lru_cache(512)
def _type(rdtype: int) -> str:
    name = type_name(rdtype)
    return str(rdtype) if name in _UNNAMED or name.startswith("TYPE") else name


def _class(rdclass: int) -> str:
    return _CLASSES.get(rdclass) or str(rdclass)


def _rcode(rcode: int) -> str:
    name = rcode_name(rcode)
    return str(rcode) if name.startswith("RCODE") or name == "NXRRSET" else name


def _readable(data: bytes) -> str:
    r"""Bytes as massdns prints them: what is no plain character, and the backslash, as ``\xNN``."""
    return "".join([chr(one) if 32 <= one <= 126 and one != 0x5C else f"\\x{one:02x}" for one in data])


_ESCAPE = re.compile(r"\\(\d{3}|.)", re.DOTALL)


def _escape(found: re.Match[str]) -> str:
    text = found[1]
    code = int(text) & 255 if len(text) == 3 else ord(text)
    return f"\\x{code:02x}" if code in (0x2E, 0x5C) or not 32 <= code <= 126 else chr(code)


def _name(text: str) -> str:
    """A name without its final dot as massdns prints it."""
    return (_ESCAPE.sub(_escape, text) if "\\" in text else text) + "."


def _names_in(data: str) -> str:
    """Data that is numbers and names with their final dots."""
    return _ESCAPE.sub(_escape, data) if "\\" in data else data


def _strings(one: Record, quotes: bool) -> str:
    parts = [_readable(part) for part in _rdata(one).strings]
    return "".join([f'"{part}" ' for part in parts]) if quotes else "".join(parts)


def _caa(one: Record, quotes: bool) -> str:
    data = _rdata(one)
    return f'{data.flags >> 7} {_readable(data.tag)} "{_readable(data.value)}"'


def _hex(one: Record, quotes: bool) -> str:
    numbers, digits = one.data.split()[:3], one.data.split()[3:]
    return " ".join([*numbers, "".join(digits).lower()])


def _raw(one: Record, quotes: bool) -> str:
    return _readable(_rdata(one).to_wire() or b"")


def _rdata(one: Record) -> Any:
    return dns.rdata.from_text(RdataClass.make(one.rdclass), RdataType.make(one.rdtype), one.data)


_PLAIN = {1, 2, 5, 6, 12, 15, 28, 33, 39}  # types that massdns prints as a zone file does
_DATA: dict[int, Callable[[Record, bool], str]] = {16: _strings, 52: _hex, 53: _hex, 257: _caa}


def _data(one: Record, quotes: bool) -> str:
    if one.rdtype in _PLAIN:
        return _names_in(one.data)
    try:
        return _DATA.get(one.rdtype, _raw)(one, quotes)
    except (DNSException, ValueError):
        return one.data  # data against its type's rules, of which nothing is known but its text


def _sections(answer: Answer) -> tuple[tuple[Record, ...], ...]:
    return answer.records, answer.authority, answer.additional


# -- forms -------------------------------------------------------------------------------------------------------


@frozen
class Simple:
    """``S``: lines of records. Alone it prints the answers of the very name that was asked."""

    sections: frozenset[int]
    match_name: bool
    ttl: bool
    indent: bool
    question: bool
    meta: bool
    separate_replies: bool
    separate_sections: bool

    def __call__(self, key: Key, outcome: Outcome) -> str:
        """The lines of one reply; nothing for a failure."""
        if isinstance(outcome, ResolveError):
            return ""
        out = [self._header(outcome)] if self.question else []
        asked = outcome.question.name.lower()
        tab = "\t" if self.indent else ""
        for section, records in enumerate(_sections(outcome)):
            for index, one in enumerate(records):
                if section in self.sections and not (self.match_name and one.name.lower() != asked):
                    gap = "\n" if self.separate_sections and section and not index else ""
                    out.append(f"{gap}{tab}{self._line(one)}\n")
        if self.separate_replies:
            out.append("\n")
        return "".join(out)

    def _line(self, one: Record) -> str:
        more = f"{_class(one.rdclass)} {one.ttl} " if self.ttl else ""
        return f"{_name(one.name)} {more}{_type(one.rdtype)} {_data(one, True)}"

    def _header(self, answer: Answer) -> str:
        name, rdtype, rdclass = answer.question[:3]
        words = [_name(name), _class(rdclass) if self.ttl else "", _type(rdtype)]
        if self.meta:
            words[:0] = [server_label(answer.server), str(int(time.time())), _rcode(answer.rcode)]
        return " ".join(words) + "\n"


@frozen
class NameList:
    """``L``: the names with a record in the answer; with ``0`` those whose reply is empty as well."""

    empty_too: bool

    def __call__(self, key: Key, outcome: Outcome) -> str:
        """The name, or nothing."""
        if isinstance(outcome, ResolveError) or outcome.rcode or not (self.empty_too or outcome.records):
            return ""
        return (_name(outcome.question.name)[:-1] or ".") + "\n"


def full(key: Key, outcome: Outcome) -> str:
    """``F``: nearly dig's text."""
    if isinstance(outcome, ResolveError):
        return ""
    flags = "".join([f"{name} " for name, bit in _HEADER_FLAGS if outcome.flags & bit])
    sections = _sections(outcome)
    answers, authorities, additionals = map(len, sections)
    name, rdtype, rdclass = outcome.question[:3]
    out = [
        f";; Server: {server_label(outcome.server)}\n;; Size: {outcome.size}\n;; Unix time: {int(time.time())}\n"
        f";; ->>HEADER<<- opcode: QUERY, status: {_rcode(outcome.rcode)}, id: {outcome.id}\n"
        f";; flags: {flags}; QUERY: 1, ANSWER: {answers}, AUTHORITY: {authorities}, ADDITIONAL: {additionals}\n\n"
        f";; QUESTION SECTION:\n{_name(name)} {_class(rdclass)} {_type(rdtype)}\n"
    ]
    for title, records in zip(_TITLES, sections, strict=True):
        if records:
            out.append(f"\n;; {title} SECTION:\n")
        out += [
            f"{_name(one.name)} {one.ttl} {_class(one.rdclass)} {_type(one.rdtype)} {_data(one, True)}\n"
            for one in records
        ]
    return "".join(out) + "\n\n"


@frozen
class Json:
    """``J``: an object a line. ``a``: only with answers or a referral. Statuses in ``exhausted`` count as no reply."""

    only_data: bool
    exhausted: frozenset[int]

    def __call__(self, key: Key, outcome: Outcome) -> str:
        """The line; failures have ``error`` in place of a status."""
        if isinstance(outcome, ResolveError) or outcome.rcode in self.exhausted:
            return self._failure(key, outcome)
        name, rdtype, rdclass = outcome.question[:3]
        if self.only_data and not outcome.records and not _referral(outcome):
            return ""
        sections = zip(_KEYS, _sections(outcome), strict=True)
        data = ",".join([f'"{title}":[{",".join(map(_object, rows))}]' for title, rows in sections if rows])
        flags = ",".join([f'"{one}"' for one, bit in FLAGS if outcome.flags & bit])
        return (
            f'{{"name":{quoted(_name(name))},"type":"{_type(rdtype)}","class":"{_class(rdclass)}",'
            f'"status":"{_rcode(outcome.rcode)}","rx_ts":{time.time_ns()},"data":{{{data}}},"flags":[{flags}],'
            f'"resolver":"{server_label(outcome.server)}","proto":"{"TCP" if outcome.tcp else "UDP"}"}}\n'
        )

    def _failure(self, key: Key, outcome: Outcome) -> str:
        error = "MAXRETRIES"
        if isinstance(outcome, ResolveError) and (outcome.kind is Kind.TIMEOUT or not unanswered(outcome)):
            error = outcome.kind.value
        name = quoted(key.text.removesuffix(".") + ".")
        return f'{{"name":{name},"type":"{_type(key.rdtype)}","class":"IN","error":"{error}"}}\n'


def _referral(answer: Answer) -> bool:
    name = answer.question.name.lower()
    return any(one.rdtype == 2 and one.name.lower() == name for one in answer.authority)


def _object(one: Record) -> str:
    return (
        f'{{"ttl":{one.ttl},"type":"{_type(one.rdtype)}","class":"{_class(one.rdclass)}",'
        f'"name":{quoted(_name(one.name))},"data":{quoted(_data(one, False))}}}'
    )


# -- the binary form ---------------------------------------------------------------------------------------------

_STORAGE = 128  # bytes of a struct sockaddr_storage
_INET, _INET6 = int(_socket.AF_INET), int(_socket.AF_INET6)


def head() -> bytes:
    """What a file of ``B`` begins with: the sizes and offsets of this machine's structures."""
    return (
        struct.pack("=8sIIB", b"massdns", 0x12345678, 0, struct.calcsize("N"))
        + struct.pack("@5N", struct.calcsize("l"), _STORAGE, 0, 2, 2)  # time_t, ss_family, sa_family_t, in_port_t
        + struct.pack("=H", _INET)
        + struct.pack("@2N", 4, 2)  # sin_addr, sin_port
        + struct.pack("=H", _INET6)
        + struct.pack("@2N", 8, 2)  # sin6_addr, sin6_port
    )


@lru_cache(256)
def _peer(label: str) -> bytes:
    """The server as a struct sockaddr_storage."""
    address, _, port = label.partition("#")
    family = _INET6 if ":" in address else _INET
    packed = _socket.inet_pton(family, address.partition("%")[0])
    flow = bytes(4) if family == _INET6 else b""
    made = struct.pack("=H", family) + int(port).to_bytes(2, "big") + flow + packed
    return made.ljust(_STORAGE, b"\0")


def packet(key: Key, outcome: Outcome) -> str:
    """``B``: time, server and length before the message as it came, each octet a character."""
    if not isinstance(outcome, WireAnswer):
        return ""
    message = outcome.message
    made = struct.pack("@l", int(time.time())) + _peer(outcome.told[2]) + struct.pack("=H", len(message)) + message
    return made.decode("latin-1")


def form(letters: str, exhausted: frozenset[int] = frozenset()) -> Schema:
    """What writes records in the form of these letters, line ends included."""
    kind, more = letters[0], set(letters[1:])
    if kind == "L":
        return NameList("0" in more)
    if kind == "J":
        return Json("a" in more, exhausted)
    if kind == "S":
        sections = frozenset([number for letter, number in _SECTIONS.items() if letter in more]) or frozenset((0,))
        flags = (not more or "m" in more, "t" in more, "i" in more, bool(more & {"q", "r"}))
        return Simple(sections, *flags, "r" in more, "l" in more, "s" in more)
    return packet if kind == "B" else full
