"""Makes the calling thread's libc ask given name servers, with ports, without root and without touching a file.
And calls it where CPython itself keeps the interpreter meanwhile (``getnameinfo``).

glibc keeps its stub resolver's state per thread (resolver(3), ``struct __res_state``), and leaves alone a state that
differs from what it read itself. So the servers are written into that state. The layout is that of glibc on 64-bit
systems, and is checked against what ``res_init`` has just filled in before anything is written.
"""

from __future__ import annotations

import _socket
import _thread
import math
import os
import struct
import sys
from collections.abc import Callable
from typing import Any

from ... import late
from ..errors import ResolverConfigError, ResolverUnavailable
from ..model import Config, SockAddr

ctypes: Any = late.module("ctypes")

_RETRANS, _RETRY, _NSCOUNT, _NSADDR, _NSADDRS = 0, 4, 16, 20, 536
_MAX_SERVERS = 3  # MAXNS


class _Local(_thread._local):
    applied: Config | None = None


_local = _Local()


def _state() -> int:
    try:
        libc = ctypes.CDLL(None)
        location = libc.__res_state
        init = libc.__res_init
        libc.gnu_get_libc_version  # noqa: B018  (only glibc has it)
    except (AttributeError, OSError):
        raise ResolverUnavailable("servers= for the system's resolver needs glibc; use ares or python here") from None
    if sys.maxsize < 2**32:
        raise ResolverUnavailable("servers= for the system's resolver needs a 64-bit glibc; use ares or python here")
    location.restype = ctypes.c_void_p
    init()
    address: int = location()
    retrans, retry = struct.unpack("ii", ctypes.string_at(address + _RETRANS, 8))
    (count,) = struct.unpack("i", ctypes.string_at(address + _NSCOUNT, 4))
    if not (0 < retrans <= 60 and 0 < retry <= 10 and 0 <= count <= _MAX_SERVERS):
        raise ResolverUnavailable("this glibc's resolver state has an unknown layout; use ares or python here")
    return address


def apply(config: Config) -> None:
    """Have libc ask ``config.servers`` in this thread from now on; cheap when it does already.

    libc counts in whole seconds: a shorter timeout becomes one. At most three servers (MAXNS): more is a
    ResolverConfigError. ResolverUnavailable on another libc.
    """
    if _local.applied is config:
        return
    if len(config.servers) > _MAX_SERVERS:
        raise ResolverConfigError(f"libc asks at most {_MAX_SERVERS} servers, not {len(config.servers)}")
    state = _state()
    malloc = ctypes.CDLL(None).malloc
    malloc.restype = ctypes.c_void_p
    malloc.argtypes = [ctypes.c_size_t]
    for index, server in enumerate(config.servers):
        slot = state + _NSADDR + 16 * index
        port = server.port.to_bytes(2, "big")
        if ":" in server.address:
            address, _, scope = server.address.partition("%")
            number = int(scope) if scope.isdigit() else _socket.if_nametoindex(scope) if scope else 0
            sockaddr = _sockaddr(address, port, 0, number)
            block = malloc(len(sockaddr))  # libc frees it with the thread's state
            ctypes.memmove(block, sockaddr, len(sockaddr))
            ctypes.memset(slot, 0, 16)  # family 0: look at the pointer
            ctypes.memmove(state + _NSADDRS + 8 * index, struct.pack("P", block), 8)
        else:
            sockaddr = _sockaddr(server.address, port)
            ctypes.memmove(slot, sockaddr, 16)
    ctypes.memmove(state + _NSCOUNT, struct.pack("i", len(config.servers)), 4)
    timing = struct.pack("ii", min(max(math.ceil(config.timeout), 1), 30), min(config.attempts, 5))
    ctypes.memmove(state + _RETRANS, timing, 8)
    _local.applied = config


def _sockaddr(address: str, port: bytes, flow: int = 0, scope: int = 0) -> bytes:
    """The sockaddr of Linux, of an address in its usual form; ``flow`` in network order."""
    if ":" in address:
        packed = _socket.inet_pton(_socket.AF_INET6, address)
        return struct.pack("=H2sI16sI", _socket.AF_INET6, port, flow, packed, scope)
    return struct.pack("=H2s4s8x", _socket.AF_INET, port, _socket.inet_aton(address))


def getnameinfo_by_ctypes(sockaddr: SockAddr, flags: int) -> tuple[str, str]:
    """``socket.getnameinfo`` of Linux that lets other threads run while libc asks its servers."""
    # It asks nobody, and whatever is wrong with the arguments is an error as ever.
    numeric, service = _socket.getnameinfo(sockaddr, _socket.NI_NUMERICHOST | _socket.NI_NUMERICSERV)
    if flags & _socket.NI_NUMERICHOST:
        return _socket.getnameinfo(sockaddr, flags)
    flow, scope = (*sockaddr[2:], 0, 0)[:2]
    packed = _sockaddr(numeric.partition("%")[0], int(service).to_bytes(2, "big"), _socket.htonl(flow), scope)
    host, port = ctypes.create_string_buffer(1025), ctypes.create_string_buffer(32)  # NI_MAXHOST, NI_MAXSERV
    libc = ctypes.CDLL(None, use_errno=True)
    code = libc.getnameinfo(packed, len(packed), host, len(host), port, len(port), flags)
    if code == _socket.EAI_SYSTEM:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if code:
        libc.gai_strerror.restype = ctypes.c_char_p
        raise _socket.gaierror(code, os.fsdecode(libc.gai_strerror(code)))
    return os.fsdecode(host.value), os.fsdecode(port.value)


#: ``socket.getnameinfo``. Before 3.11.4 CPython's keeps the interpreter while it waits (python/cpython#104308).
getnameinfo: Callable[[SockAddr, int], tuple[str, str]] = (
    getnameinfo_by_ctypes if sys.platform == "linux" and sys.version_info < (3, 11, 4) else _socket.getnameinfo
)
