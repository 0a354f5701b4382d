"""Record data as text, as dig prints it: a table from type to fields, and dnspython for types that are not in it.

Malformed data is shown in the form for unknown types (RFC 3597 §5), so nothing that a server sent is hidden, and one
bad record does not spoil the message.
"""

from __future__ import annotations

import _socket
import time
from base64 import b32hexencode, b64encode
from collections.abc import Callable
from functools import lru_cache
from itertools import compress

from .. import lazy
from ..model import type_name


class WireError(ValueError):
    """Bytes that are not a well-formed DNS message.

    ``unusable``: well-formed, so no forger's noise, but against a rule, so without value (RFC 6891 §6.1.1).
    """

    unusable = False


_SAFE = bytes(c for c in range(0x21, 0x7F) if c not in b'"().;\\@$')  # bytes of a label that need no escape
_ESCAPED = [chr(c) if c in _SAFE else "\\" + chr(c) if 0x20 < c < 0x7F else f"\\{c:03d}" for c in range(256)]
MOST_JUMPS = 128  # pointers in one name; no name has more labels than that
_EXOTIC, _EACH = 8192, 64  # bytes of one section that dnspython, which is slow, may read; each record counts 64 more
_TOO_LONG = "a name longer than 255 bytes, or with more than 128 pointers"


def _label(label: bytes) -> str:
    """A label, its special bytes escaped (RFC 4343 §2.1)."""
    if not label.translate(None, _SAFE):
        return label.decode("ascii")
    return "".join([_ESCAPED[c] for c in label])


class Message:
    """The names in a message's bytes. Each byte is read once, however many names share it through pointers.

    Both memos have an entry for each label and each pointer that was read, so they grow with the message: keep the
    bytes, not this object. ``exotic``: bytes that dnspython may still read.
    """

    __slots__ = ("_texts", "data", "exotic", "sizes")

    def __init__(self, data: bytes, question_end: int = 0) -> None:
        self.data: bytes = data
        self.exotic: int = _EXOTIC
        #: Offset -> bytes that the name has there, pointers in it, and where the first of them leads (0: none).
        #: A name that runs on into another one is a name only if that pointer leads before its own beginning as well:
        #: what is a name must not depend on the order in which names are read.
        self.sizes: dict[int, tuple[int, int, int]] = {}
        self._texts: dict[int, str] = {}
        if question_end > 17:
            self._asked(question_end - 4)

    def _asked(self, stop: int) -> None:
        """Note the name in the question, which most others point to; nothing if it does not end at ``stop``."""
        data, sizes = self.data, self.sizes
        at = 12
        count = data[at]
        while count:
            sizes[at] = (stop - at, 0, 0)
            at += count + 1
            if at >= stop or count > 63:
                break
            count = data[at]
        if at + 1 != stop or count or stop > 12 + 255:
            sizes.clear()

    def skip(self, at: int) -> int:
        """Where the name at an offset ends there. WireError if it is not a name (RFC 1035 §4.1.4)."""
        data, sizes = self.data, self.sizes
        if at in sizes:
            return _end_of(data, at)
        here = low = at
        end = 0
        path = []
        try:
            # Nearly always: a pointer to a name that was read, or one label before it.
            count = data[at]
            pointer = at + count + 1 if count <= 63 else at
            if count and data[pointer] >= 0xC0:
                target = (data[pointer] & 0x3F) << 8 | data[pointer + 1]
                known = sizes.get(target)
                if known is not None and target < at and known[1] < MOST_JUMPS and known[0] + pointer - at <= 255:
                    sizes[at] = (known[0] + pointer - at, known[1] + 1, target)
                    return pointer + 2
            while (known := sizes.get(here)) is None:
                count = data[here]
                if not count:
                    known = (1, 0, 0)
                    break
                path.append(here)
                if count <= 63:
                    here += count + 1
                    continue
                target = (count & 0x3F) << 8 | data[here + 1]
                if count < 0xC0 or target >= low or target < 12:
                    raise WireError("a label of an unknown kind, or a pointer that does not point back")
                end = end or here + 2
                low = here = target
        except IndexError:
            raise WireError("a name runs out of the message") from None
        size, jumps, target = known
        if target and target >= low:
            raise WireError("a pointer that does not point back")
        for one in reversed(path):
            count = data[one]
            if count <= 63:
                size += count + 1
            else:
                jumps += 1
                target = (count & 0x3F) << 8 | data[one + 1]
            if size > 255 or jumps > MOST_JUMPS:
                raise WireError(_TOO_LONG)
            sizes[one] = (size, jumps, target)
        return end or _end_of(data, here)

    def name(self, at: int) -> tuple[str, int]:
        """The name at an offset as text, without final dot, and where it ends there. WireError if it is not a name."""
        end = self.skip(at)
        data, texts = self.data, self._texts
        path = []
        while (text := texts.get(at)) is None:
            count = data[at]
            if not count:
                text = ""
                break
            path.append(at)
            at = (count & 0x3F) << 8 | data[at + 1] if count > 63 else at + count + 1
        for one in reversed(path):
            count = data[one]
            if count <= 63:
                label = _label(data[one + 1 : one + 1 + count])
                text = f"{label}.{text}" if text else label
            texts[one] = text
        return text, end


def _end_of(data: bytes, at: int) -> int:
    while data[at]:
        if data[at] > 63:
            return at + 2
        at += data[at] + 1
    return at + 1


# -- fields: each takes (message, offset, end) and returns (text, next offset) -------------------------------------

_Field = Callable[[Message, int, int], tuple[str, int]]


def _need(at: int, count: int, end: int) -> None:
    if at + count > end:
        raise WireError("rdata cut short")


def _name(message: Message, at: int, end: int) -> tuple[str, int]:
    name, after = message.name(at)
    if after > end:
        raise WireError("a name runs out of its record")
    return name + ".", after


def _number(width: int) -> _Field:
    def field(message: Message, at: int, end: int) -> tuple[str, int]:
        _need(at, width, end)
        return str(int.from_bytes(message.data[at : at + width], "big")), at + width

    return field


_u8, _u16, _u32 = _number(1), _number(2), _number(4)


def _date(message: Message, at: int, end: int) -> tuple[str, int]:
    _need(at, 4, end)
    when = int.from_bytes(message.data[at : at + 4], "big")
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(when)), at + 4


def _type(message: Message, at: int, end: int) -> tuple[str, int]:
    _need(at, 2, end)
    return type_name(message.data[at] << 8 | message.data[at + 1]), at + 2


_QUOTED = [
    chr(c) if 0x20 <= c < 0x7F and c not in b'"\\' else "\\" + chr(c) if c in b'"\\' else f"\\{c:03d}"
    for c in range(256)
]


def quoted(data: bytes) -> str:
    """A character string between quotes (RFC 1035 §5.1)."""
    return f'"{"".join([_QUOTED[c] for c in data])}"'


def _string(message: Message, at: int, end: int) -> tuple[str, int]:
    _need(at, 1, end)
    count = message.data[at]
    _need(at, 1 + count, end)
    return quoted(message.data[at + 1 : at + 1 + count]), at + 1 + count


def _strings(message: Message, at: int, end: int) -> tuple[str, int]:
    found: list[str] = []
    data = message.data
    while at < end or not found:
        _need(at, 1, end)
        after = at + 1 + data[at]
        _need(at, after - at, end)
        found.append(quoted(data[at + 1 : after]) if after > at + 1 else '""')
        at = after
    return " ".join(found), at


def _rest_quoted(message: Message, at: int, end: int) -> tuple[str, int]:
    return quoted(message.data[at:end]), end


def _tag(message: Message, at: int, end: int) -> tuple[str, int]:
    one, at = _string(message, at, end)
    return one[1:-1], at


def _parted(text: str) -> str:
    """Long codes in pieces of 56 characters, where dig breaks them."""
    return " ".join(text[n : n + 56] for n in range(0, len(text), 56))


def _base64(message: Message, at: int, end: int) -> tuple[str, int]:
    return _parted(b64encode(message.data[at:end]).decode()), end


def _hex(message: Message, at: int, end: int) -> tuple[str, int]:
    return _parted(message.data[at:end].hex().upper()), end


def _counted(message: Message, at: int, end: int) -> tuple[bytes, int]:
    _need(at, 1, end)
    count = message.data[at]
    _need(at, 1 + count, end)
    return message.data[at + 1 : at + 1 + count], at + 1 + count


def _salt(message: Message, at: int, end: int) -> tuple[str, int]:
    salt, at = _counted(message, at, end)
    return salt.hex().upper() or "-", at


def _hashed(message: Message, at: int, end: int) -> tuple[str, int]:
    digest, at = _counted(message, at, end)
    return b32hexencode(digest).decode().rstrip("="), at


def _bitmap(message: Message, at: int, end: int) -> tuple[str, int]:
    found: list[str] = []
    before = -1
    while at < end:
        _need(at, 2, end)
        window, count = message.data[at], message.data[at + 1]
        _need(at, 2 + count, end)
        if not 1 <= count <= 32 or window <= before:
            raise WireError("a bitmap of an unknown form (RFC 4034 §4.1.2)")
        found += compress(_types_of(window), b"".join([_BITS[c] for c in message.data[at + 2 : at + 2 + count]]))
        before = window
        at += 2 + count
    return " ".join(found), at


_BITS = [bytes(c >> bit & 1 for bit in range(7, -1, -1)) for c in range(256)]


@lru_cache(256)
def _types_of(window: int) -> list[str]:
    """The names of the 256 types of a window. A hostile bitmap has all 65,536 types: made once, they are 5 MB."""
    return [type_name(window << 8 | n) for n in range(256)]


def _host_identity(message: Message, at: int, end: int) -> tuple[str, int]:
    """HIP (RFC 8005 §5): lengths, algorithm, tag, key, and the names of rendezvous servers."""
    _need(at, 4, end)
    data = message.data
    tag, key = data[at], data[at + 2] << 8 | data[at + 3]
    _need(at, 4 + tag + key, end)
    words = [
        str(data[at + 1]),
        data[at + 4 : at + 4 + tag].hex(),
        b64encode(data[at + 4 + tag : at + 4 + tag + key]).decode(),
    ]
    at += 4 + tag + key
    while at < end:
        name, at = _name(message, at, end)
        words.append(name)
    return " ".join(words), at


def _ipv4(message: Message, at: int, end: int) -> tuple[str, int]:
    _need(at, 4, end)
    return _socket.inet_ntop(_socket.AF_INET, message.data[at : at + 4]), at + 4


def _ipv6(message: Message, at: int, end: int) -> tuple[str, int]:
    _need(at, 16, end)
    return _socket.inet_ntop(_socket.AF_INET6, message.data[at : at + 16]), at + 16


def _loc(message: Message, at: int, end: int) -> tuple[str, int]:
    """LOC (RFC 1876 §2), as dig prints it."""
    _need(at, 16, end)
    data = message.data[at : at + 16]
    if data[0] or any(byte >> 4 > 9 or byte & 15 > 9 for byte in data[1:4]):
        raise WireError("a location of an unknown form")
    latitude, longitude, altitude = (int.from_bytes(data[n : n + 4], "big") for n in (4, 8, 12))
    up = altitude - 10_000_000
    height = f"{'-' if up < 0 else ''}{abs(up) // 100}.{abs(up) % 100:02}m"
    words = [_degrees(latitude, "N", "S"), _degrees(longitude, "E", "W"), height, *map(_metres, data[1:4])]
    return " ".join(words), at + 16


def _degrees(value: int, above: str, below: str) -> str:
    thousandths = value - (1 << 31)
    minutes, rest = divmod(abs(thousandths), 60_000)
    degrees, minutes = divmod(minutes, 60)
    return f"{degrees} {minutes} {rest // 1000}.{rest % 1000:03} {above if thousandths >= 0 else below}"


def _metres(byte: int) -> str:
    size = (byte >> 4) * 10 ** (byte & 15)
    return f"{size // 100}m" if byte & 15 > 1 else f"0.{size:02}m"


def _addresses(family: int, width: int) -> Callable[[bytes], str]:
    def value(data: bytes) -> str:
        if not data or len(data) % width:
            raise WireError("an address hint of an unknown length")
        return "=" + ",".join(_socket.inet_ntop(family, data[n : n + width]) for n in range(0, len(data), width))

    return value


def _alpn(data: bytes) -> str:
    found: list[str] = []
    at = 0
    while at < len(data):
        one = data[at + 1 : at + 1 + data[at]]
        listed = one.replace(b"\\", b"\\\\").replace(b",", b"\\,")  # RFC 9460 §A.1, and then quoted as a whole
        found.append(quoted(listed)[1:-1])
        at += 1 + data[at]
    return f'="{",".join(found)}"'


def _mandatory(data: bytes) -> str:
    keys = (data[n] << 8 | data[n + 1] for n in range(0, len(data) - 1, 2))
    return "=" + ",".join(_SVC[key][0] if key in _SVC else f"key{key}" for key in keys)


_SVC: dict[int, tuple[str, Callable[[bytes], str]]] = {
    0: ("mandatory", _mandatory),
    1: ("alpn", _alpn),
    2: ("no-default-alpn", lambda data: ""),
    3: ("port", lambda data: f"={int.from_bytes(data, 'big')}"),
    4: ("ipv4hint", _addresses(_socket.AF_INET, 4)),
    5: ("ech", lambda data: f"={b64encode(data).decode()}"),
    6: ("ipv6hint", _addresses(_socket.AF_INET6, 16)),
}


def _svc(message: Message, at: int, end: int) -> tuple[str, int]:
    found = []
    data = message.data
    while at < end:
        _need(at, 4, end)
        key, count = data[at] << 8 | data[at + 1], data[at + 2] << 8 | data[at + 3]
        _need(at, 4 + count, end)
        value = data[at + 4 : at + 4 + count]
        if key in _SVC:
            found.append(_SVC[key][0] + _SVC[key][1](value))
        else:
            found.append(f"key{key}" + (f"={quoted(value)}" if value else ""))
        at += 4 + count
    return " ".join(found), at


_SOA = (_name, _name, _u32, _u32, _u32, _u32, _u32)
_SIGNATURE = (_type, _u8, _u8, _u32, _date, _date, _u16, _name, _base64)
_DIGEST = (_u16, _u8, _u8, _hex)
_KEY = (_u16, _u8, _u8, _base64)
_TLSA = (_u8, _u8, _u8, _hex)

_FIELDS: dict[int, tuple[_Field, ...]] = {
    1: (_ipv4,),
    2: (_name,),
    5: (_name,),
    6: _SOA,
    12: (_name,),
    13: (_string, _string),
    15: (_u16, _name),
    16: (_strings,),
    17: (_name, _name),
    18: (_u16, _name),
    21: (_u16, _name),
    26: (_u16, _name, _name),
    28: (_ipv6,),
    29: (_loc,),
    33: (_u16, _u16, _u16, _name),
    35: (_u16, _u16, _string, _string, _string, _name),
    36: (_u16, _name),
    39: (_name,),
    43: _DIGEST,
    44: (_u8, _u8, _hex),
    46: _SIGNATURE,
    47: (_name, _bitmap),
    48: _KEY,
    50: (_u8, _u8, _u16, _salt, _hashed, _bitmap),
    51: (_u8, _u8, _u16, _salt),
    52: _TLSA,
    53: _TLSA,
    55: (_host_identity,),
    56: (_strings,),
    59: _DIGEST,
    60: _KEY,
    61: (_base64,),
    62: (_u32, _u16, _bitmap),
    63: (_u32, _u8, _u8, _hex),
    64: (_u16, _name, _svc),
    65: (_u16, _name, _svc),
    99: (_strings,),
    256: (_u16, _u16, _rest_quoted),
    257: (_u8, _tag, _rest_quoted),
    258: (_strings,),
    261: (_strings,),
    262: (_strings,),
}
_OF_INTERNET = {1, 28, 33}  # types whose form is defined for class IN only


def text(message: Message, rdtype: int, rdclass: int, start: int, end: int) -> str:
    """The data of a record in zone-file form."""
    fields = _FIELDS.get(rdtype)
    if fields is not None and (rdclass == 1 or rdtype not in _OF_INTERNET):
        words = []
        at = start
        try:
            for field in fields:
                word, at = field(message, at, end)
                if word:
                    words.append(word)
        except (WireError, IndexError):
            at = -1
        if at == end:
            return " ".join(words)
    elif fields is None and message.exotic >= _EACH + end - start:
        message.exotic -= _EACH + end - start
        known = lazy.rdata().text(message.data[start:end], rdtype, rdclass)
        if known is not None:
            return str(known)
    return generic(message.data[start:end])


def generic(data: bytes) -> str:
    r"""Data of an unknown type (RFC 3597 §5): ``\# length hex``."""
    return f"\\# {len(data)} {_parted(data.hex().upper())}".rstrip()
