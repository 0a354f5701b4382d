"""Records as lines of text in dig's columns, on one line or several."""

from __future__ import annotations

import _socket
import re
from base64 import b64decode

from ...model import Record, type_name
from .settings import Settings

_CLASSES = {1: "IN", 3: "CH", 4: "HS", 254: "NONE", 255: "ANY"}
_UNITS = (("w", 604800), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
_WORDS = (("week", 604800), ("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def class_name(rdclass: int) -> str:
    """The mnemonic of a class, or ``CLASS7`` (RFC 3597 §5)."""
    return _CLASSES.get(rdclass, f"CLASS{rdclass}")


# -- columns -----------------------------------------------------------------------------------------------------


def columns(settings: Settings) -> tuple[int, int, int, int]:
    """Where TTL, class, type and data begin, as dig's styles have it."""
    if settings.multiline or (not settings.ttlid and not settings.show_class):
        return 24, 24, 24, 32
    if not settings.ttlid or not settings.show_class:
        return 24, 24, 32, 40
    return 24, 32, 40, 48


class Line:
    """A line that is filled column by column, with tabs as far as they go, and at least one blank between."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._at = 0

    def add(self, text: str, column: int = 0) -> None:
        """``text``, from this column on, or one further than the last word where that is too late."""
        if column:
            to = max(column, self._at + 1)
            tabs = to // 8 - self._at // 8
            self._parts.append("\t" * tabs + " " * (to % 8 if tabs else to - self._at))
            self._at = to
        self._parts.append(text)
        self._at += len(text)

    def __str__(self) -> str:
        return "".join(self._parts)


def dotted(name: str) -> str:
    """A name as it is printed: with its final dot."""
    return name + "."


def question_line(name: str, rdclass: int, rdtype: int, settings: Settings) -> str:
    """The question, behind a semicolon."""
    _, at_class, at_type, _ = columns(settings)
    line = Line()
    line.add(shown(dotted(name), settings))
    line.add(class_name(rdclass), at_class)
    line.add(type_name(rdtype), at_type)
    return f";{line}"  # which no column counts


def record_line(record: Record, settings: Settings) -> str:
    """One record, on one line or several."""
    at_ttl, at_class, at_type, at_data = columns(settings)
    line = Line()
    line.add(shown(dotted(record.name), settings))
    if settings.ttlid:
        line.add(units(record.ttl) if settings.ttlunits else str(record.ttl), at_ttl)
    if settings.show_class:
        line.add(class_name(record.rdclass), at_class)
    line.add(type_name(record.rdtype), at_type)
    line.add(data_of(record, settings), at_data)
    return str(line)


def units(seconds: int) -> str:
    """A time as ``1d2h3m4s``."""
    parts = []
    for letter, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{letter}")
    return "".join(parts) or "0s"


def words(seconds: int) -> str:
    """A time as ``1 day 2 hours``."""
    parts = []
    for word, size in _WORDS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {word}" + ("s" if count > 1 else ""))
    return " ".join(parts) or "0 seconds"


# -- data --------------------------------------------------------------------------------------------------------


def shown(text: str, settings: Settings) -> str:
    """``text`` with its IDNA labels in their own script, where that is wanted."""
    return _ACE.sub(_unicode, text) if settings.idnout and "xn--" in text else text


_ACE = re.compile(r"(?<![\w-])xn--[a-z0-9-]+", re.IGNORECASE)


def _unicode(found: re.Match[str]) -> str:
    try:
        name = found.group().encode("ascii").decode("idna")
    except UnicodeError:
        return found.group()
    return name if name.isprintable() else found.group()


# Type -> how many words stand before the long code that dig breaks into pieces, and what it leaves out of it without
# crypto. The words of the data are separated by single blanks, the code by blanks every 56 characters.
_CODES = {"DS": 3, "CDS": 3, "DLV": 3, "DNSKEY": 3, "CDNSKEY": 3, "KEY": 3, "RRSIG": 8, "SIG": 8, "TLSA": 3,
          "SMIMEA": 3, "SSHFP": 2, "CERT": 3, "OPENPGPKEY": 0, "ZONEMD": 3, "IPSECKEY": 4}  # fmt: skip
_KEYS = ("DNSKEY", "CDNSKEY", "KEY")
_ALGORITHMS = {1: "RSAMD5", 3: "DSA", 5: "RSASHA1", 6: "NSEC3DSA", 7: "NSEC3RSASHA1", 8: "RSASHA256", 10: "RSASHA512",
               12: "ECCGOST", 13: "ECDSAP256SHA256", 14: "ECDSAP384SHA384", 15: "ED25519", 16: "ED448"}  # fmt: skip


def data_of(record: Record, settings: Settings) -> str:
    """A record's data, as these settings want it."""
    data = record.data
    kind = type_name(record.rdtype)
    if kind == "AAAA" and settings.expandaaaa:
        return _expanded(data)
    if data.startswith("\\#"):
        return _generic(data, settings)
    if kind == "TSIG":
        return data.replace(' "" ', " ", 1) + (" " if data.endswith(" 0") else "")  # dig's, with an empty word
    if kind == "SOA" and settings.multiline:
        return _soa(shown(data, settings), settings)
    if kind not in _CODES:
        return shown(data, settings)
    parts = data.split()
    before, code = parts[: _CODES[kind]], "".join(parts[_CODES[kind] :])
    before = [shown(one, settings) for one in before]
    comment = ""
    if kind in _KEYS:
        comment = _key_comment(before, code, settings)
    if kind in ("DNSKEY", "CDNSKEY", "RRSIG", "DS", "CDS") and not settings.crypto:
        parted = [f"[key id = {key_id(before, code)}]" if kind in _KEYS else "[omitted]"]
    else:
        parted = pieces(code, _width(settings))
    if not settings.multiline:
        return " ".join([*before, *parted]) + comment
    return _folded(kind, before, parted, comment)


def _width(settings: Settings) -> int:
    if settings.split is not None:
        return settings.split
    return 44 if settings.multiline else 56


_INDENT = "\n" + "\t" * 4


def _folded(kind: str, before: list[str], code: list[str], comment: str) -> str:
    if kind in ("OPENPGPKEY", "IPSECKEY"):
        lead = " ".join(["(", *before])
        joined = _INDENT.join(code)
        return f"{lead} {joined} )" if kind == "OPENPGPKEY" else f"{lead}{_INDENT}{joined} )"
    if kind == "RRSIG":
        before = [" ".join([*before[:4], "("]) + _INDENT + " ".join(before[4:])]
        return _INDENT.join([*before, *code]) + " )"
    end = f"{_INDENT}){comment.replace('  ;', ' ;')}" if comment else " )"
    return " ".join([*before, "("]) + _INDENT + _INDENT.join(code) + end


def pieces(code: str, width: int) -> list[str]:
    """A long code in pieces; in one where ``width`` is 0."""
    return [code[n : n + width] for n in range(0, len(code), width)] if width else [code]


def _generic(data: str, settings: Settings) -> str:
    parts = data.split()
    code = "".join(parts[2:])
    if not code:
        return data
    parted = pieces(code, _width(settings))
    if not settings.multiline:
        return " ".join([*parts[:2], *parted])
    return " ".join([*parts[:2], "("]) + " " + _INDENT.join(parted) + " )"


def _soa(data: str, settings: Settings) -> str:
    mname, rname, *numbers = data.split()
    if settings.rrcomments is False:
        return f"{mname} {rname} (" + "".join(_INDENT + one for one in numbers) + ")"
    titles = ("serial", "refresh", "retry", "expire", "minimum")
    lines = [f"{mname} {rname} ("]
    for number, title in zip(numbers, titles, strict=True):
        meaning = "" if title == "serial" else f" ({words(int(number))})"
        lines.append(f"{number:10} ; {title}{meaning}")
    return _INDENT.join([*lines, ")"])


def key_id(before: list[str], code: str) -> int:
    """The tag of a key (RFC 4034, appendix B)."""
    flags, protocol, algorithm = map(int, before)
    try:
        key = b64decode(code)
    except ValueError:
        return 0
    data = flags.to_bytes(2, "big") + bytes((protocol, algorithm)) + key
    if algorithm == 1:
        return data[-3] << 8 | data[-2]
    total = sum(byte if n & 1 else byte << 8 for n, byte in enumerate(data))
    return (total + (total >> 16)) & 0xFFFF


def _key_comment(before: list[str], code: str, settings: Settings) -> str:
    wanted = settings.rrcomments if settings.rrcomments is not None else settings.multiline
    if not wanted:
        return ""
    flags, _, algorithm = map(int, before)
    role = ("revoked " if flags & 0x80 else "") + ("KSK" if flags & 1 else "ZSK")
    name = _ALGORITHMS.get(algorithm, str(algorithm))
    return f"  ; {role}; alg = {name} ; key id = {key_id(before, code)}"


def _expanded(address: str) -> str:
    packed = _socket.inet_pton(_socket.AF_INET6, address).hex()
    return ":".join(packed[n : n + 4] for n in range(0, 32, 4))
