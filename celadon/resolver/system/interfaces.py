"""The host's own addresses, from the kernel, for AI_ADDRCONFIG and for RFC 6724's rules (rtnetlink(7)).

Without netlink, or without the right to use it, the list is empty and both families count.
"""

from __future__ import annotations

import _socket
import struct
from collections.abc import Iterator, Mapping

from .gai_conf import Interface

_INET, _INET6 = int(_socket.AF_INET), int(_socket.AF_INET6)
_GETADDR, _NEWADDR, _DONE, _ERROR = 22, 20, 3, 2
_REQUEST_DUMP = 0x301
_ADDRESS, _LOCAL = 1, 2
_DEPRECATED, _HOME = 0x20, 0x10
_TUNNELS = frozenset((768, 769, 776))  # ARPHRD_TUNNEL, ARPHRD_TUNNEL6, ARPHRD_SIT
_LOOPBACKS = frozenset(("127.0.0.1", "::1"))


def _dump() -> Iterator[tuple[int, int, int, int, str]]:
    """(family, prefix length, flags, interface index, address) of each address."""
    netlink = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW, 0)
    try:
        netlink.send(struct.pack("=IHHIIB3x", 20, _GETADDR, _REQUEST_DUMP, 1, 0, 0))
        while True:
            data = netlink.recv(1 << 16)
            at = 0
            while at + 16 <= len(data):
                size, kind = struct.unpack_from("=IH", data, at)
                if kind in (_DONE, _ERROR) or size < 16:
                    return
                if kind == _NEWADDR:
                    family, prefix, flags, _, index = struct.unpack_from("=BBBBI", data, at + 16)
                    found = dict(_attributes(data, at + 24, at + size))
                    packed = found.get(_LOCAL) if family == _INET else None
                    packed = packed or found.get(_ADDRESS) or found.get(_LOCAL)
                    if family in (_INET, _INET6) and packed:
                        yield family, prefix, flags, index, _socket.inet_ntop(family, packed)
                at += size + 3 & ~3
    finally:
        netlink.close()


def _attributes(data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= end:
        size, kind = struct.unpack_from("=HH", data, at)
        if size < 4:
            return
        yield kind, data[at + 4 : at + size]
        at += size + 3 & ~3


def _native(index: int) -> bool:
    try:
        with open(f"/sys/class/net/{_socket.if_indextoname(index)}/type", encoding="ascii") as file:
            return int(file.read()) not in _TUNNELS
    except (OSError, ValueError):
        return True


def addresses() -> dict[str, Interface]:
    """The host's addresses as text, and what is known of each."""
    made: dict[str, Interface] = {}
    if not hasattr(_socket, "AF_NETLINK"):
        return made
    try:
        for family, prefix, flags, index, text in _dump():
            six = family == _INET6
            made[text] = Interface(
                prefix, six and bool(flags & _DEPRECATED), six and bool(flags & _HOME), index, _native(index)
            )
    except OSError:
        return made
    return made


def families(known: Mapping[str, Interface]) -> frozenset[int]:
    """The families of which the host has an address other than 127.0.0.1 and ::1 (AI_ADDRCONFIG, getaddrinfo(3))."""
    return frozenset(_INET6 if ":" in one else _INET for one in known if one not in _LOOPBACKS)
