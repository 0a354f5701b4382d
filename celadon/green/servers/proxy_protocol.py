"""The PROXY protocol, versions 1 and 2: what a proxy says of the client before the client's first byte. Pure.

Source: "The PROXY protocol, Versions 1 & 2" (HAProxy's doc/proxy-protocol.txt). Strict: what the text does not allow is
a ``ProxyProtocolError``. ``wanted`` says how much may be read next, so that no byte after the header is ever taken.
"""

from __future__ import annotations

import _socket
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

_V1, _V2 = b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n"
#: Bytes of a version 1 line, with its CRLF (section 2.1), and of the fixed part of version 2 (section 2.2).
_LONGEST_LINE, _FIXED = 107, 16
#: Bytes of a version 2 header that are accepted. Its length field would allow 65,551.
LONGEST = 4096
#: (family, type) in version 2 -> (family, bytes of the addresses, their form); section 2.2.
_FAMILIES = {
    0x11: (_socket.AF_INET, 12, "!4s4sHH"),
    0x12: (_socket.AF_INET, 12, "!4s4sHH"),
    0x21: (_socket.AF_INET6, 36, "!16s16sHH"),
    0x22: (_socket.AF_INET6, 36, "!16s16sHH"),
    0x31: (_socket.AF_UNIX, 216, "!108s108s"),
    0x32: (_socket.AF_UNIX, 216, "!108s108s"),
}
#: Types of the fields that follow the addresses: section 2.2.
ALPN, AUTHORITY, CRC32C, NOOP, UNIQUE_ID, SSL, NETNS = 0x01, 0x02, 0x03, 0x04, 0x05, 0x20, 0x30


class ProxyProtocolError(ValueError):
    """A header that is none, or not as the protocol has it."""


class ProxyHeader(NamedTuple):
    """What a header says. ``source`` and ``destination`` are None when the connection is the proxy's own.

    They are ``(host, port)``, with IPv6 ``(host, port, 0, 0)``, and for Unix sockets a path as bytes.
    """

    version: int
    source: Any = None
    destination: Any = None
    #: Version 2's further fields in their order: the type's number and the value.
    fields: tuple[tuple[int, bytes], ...] = ()

    def field(self, kind: int) -> bytes | None:
        """The value of the first field of a type, None if there is none."""
        return next((value for one, value in self.fields if one == kind), None)


def wanted(data: bytes) -> int:
    """How many bytes more may be read after ``data``; 0 once the header is there. ProxyProtocolError if it is none."""
    if data[: len(_V2)] == _V2:
        if len(data) < _FIXED:
            return _FIXED - len(data)
        whole = _FIXED + int.from_bytes(data[14:16], "big")
        if whole > LONGEST:
            raise ProxyProtocolError(f"a header of {whole} bytes is longer than {LONGEST}")
        return whole - len(data)
    if data[: len(_V1)] == _V1:
        return _wanted_of_line(data)
    if _V1.startswith(data) or _V2.startswith(data):
        return len(_V2) - len(data)  # both are at least as long
    raise ProxyProtocolError(f"the connection begins with {data[:16]!r}, which is no PROXY header")


def _wanted_of_line(data: bytes) -> int:
    if data.endswith(b"\r\n"):
        return 0
    if len(data) >= _LONGEST_LINE or b"\n" in data or b"\r" in data[:-1]:
        raise ProxyProtocolError(f"the line {data!r} does not end with CRLF in {_LONGEST_LINE} bytes")
    return 1 if data.endswith(b"\r") else min(2, _LONGEST_LINE - len(data))


def parse(data: bytes) -> ProxyHeader:
    """A whole header. ProxyProtocolError for one that is wrong."""
    return _version_2(data) if data.startswith(_V2) else _version_1(data)


# -- version 1: section 2.1 ------------------------------------------------------------------------------------

_PROTOCOLS = {"TCP4": _socket.AF_INET, "TCP6": _socket.AF_INET6}


def _version_1(data: bytes) -> ProxyHeader:
    try:
        line = data[:-2].decode("ascii")
    except UnicodeDecodeError:
        raise ProxyProtocolError(f"the line {data!r} is not ASCII") from None
    if len(data) > _LONGEST_LINE or not data.startswith(_V1) or not data.endswith(b"\r\n"):
        raise ProxyProtocolError(f"{data[:_LONGEST_LINE]!r} is no PROXY line")
    words = line.split(" ")
    if words[1] == "UNKNOWN":
        return ProxyHeader(1)  # what follows must be ignored
    family = _PROTOCOLS.get(words[1])
    if family is None or len(words) != 6:
        raise ProxyProtocolError(f"{line!r} is not PROXY TCP4|TCP6 SOURCE DESTINATION PORT PORT")
    hosts = [_host(family, one) for one in words[2:4]]
    ports = [_port(one) for one in words[4:]]
    source, destination = (_address(family, host, port) for host, port in zip(hosts, ports, strict=True))
    return ProxyHeader(1, source, destination)


def _host(family: int, text: str) -> str:
    try:
        packed = _socket.inet_pton(family, text)
    except OSError:
        raise ProxyProtocolError(f"{text!r} is no address of this family") from None
    return _socket.inet_ntop(family, packed)


def _port(text: str) -> int:
    if not text.isdigit() or len(text) > 5 or (text[0] == "0" and text != "0") or int(text) > 0xFFFF:
        raise ProxyProtocolError(f"{text!r} is no port")
    return int(text)


def _address(family: int, host: str, port: int) -> tuple[Any, ...]:
    return (host, port, 0, 0) if family == _socket.AF_INET6 else (host, port)


# -- version 2: section 2.2 ------------------------------------------------------------------------------------

_LOCAL, _PROXY = 0x20, 0x21


def _version_2(data: bytes) -> ProxyHeader:
    if len(data) < _FIXED or len(data) != _FIXED + int.from_bytes(data[14:16], "big"):
        raise ProxyProtocolError("the header is not as long as it says")
    command, kind = data[12], data[13]
    if command not in (_LOCAL, _PROXY):
        raise ProxyProtocolError(f"version and command 0x{command:02x} are neither LOCAL nor PROXY of version 2")
    if command == _LOCAL:
        return ProxyHeader(2)  # a health check of the proxy; the rest must be skipped
    if kind == 0:  # UNSPEC
        return ProxyHeader(2, fields=_checked(data, _FIXED))
    if kind not in _FAMILIES:
        raise ProxyProtocolError(f"family and protocol 0x{kind:02x} do not exist")
    family, size, form = _FAMILIES[kind]
    if len(data) < _FIXED + size:
        raise ProxyProtocolError("the header is too short for its addresses")
    found = struct.unpack_from(form, data, _FIXED)
    fields = _checked(data, _FIXED + size)
    if family == _socket.AF_UNIX:
        return ProxyHeader(2, found[0].rstrip(b"\0"), found[1].rstrip(b"\0"), fields)
    hosts = [_socket.inet_ntop(family, one) for one in found[:2]]
    source, destination = (_address(family, host, port) for host, port in zip(hosts, found[2:], strict=True))
    return ProxyHeader(2, source, destination, fields)


def _fields(data: bytes, at: int) -> Iterator[tuple[int, int, bytes]]:
    """Where each field's value begins, its type, and the value."""
    while at < len(data):
        if at + 3 > len(data):
            raise ProxyProtocolError("a field is cut off")
        kind, size = struct.unpack_from("!BH", data, at)
        at += 3
        if at + size > len(data):
            raise ProxyProtocolError("a field is cut off")
        yield at, kind, data[at : at + size]
        at += size


def _checked(data: bytes, at: int) -> tuple[tuple[int, bytes], ...]:
    fields = []
    for begin, kind, value in _fields(data, at):
        if kind == UNIQUE_ID and len(value) > 128:
            raise ProxyProtocolError("a unique id is at most 128 bytes long")
        if kind == CRC32C and (
            len(value) != 4 or crc32c(data[:begin] + bytes(4) + data[begin + 4 :]) != int.from_bytes(value, "big")
        ):
            raise ProxyProtocolError("the checksum is wrong")
        if kind != NOOP:
            fields.append((kind, value))
    return tuple(fields)


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        rest = byte
        for _ in range(8):
            rest = rest >> 1 ^ (0x82F63B78 if rest & 1 else 0)
        table.append(rest)
    return table


_TABLE = _crc_table()


def crc32c(data: bytes) -> int:
    """The Castagnoli checksum: RFC 4960, appendix B."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


__all__ = ["ProxyHeader", "ProxyProtocolError", "crc32c", "parse", "wanted"]
