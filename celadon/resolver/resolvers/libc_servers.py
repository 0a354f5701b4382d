"""Makes the calling thread's libc ask given name servers, with ports, without root and without touching a file.

glibc keeps its stub resolver's state per thread (resolver(3), ``struct __res_state``), and leaves alone a state that
differs from what it read itself. So the servers are written into that state. The layout is that of glibc on 64-bit
systems, and is checked against what ``res_init`` has just filled in before anything is written.
"""

from __future__ import annotations

import _socket
import _thread
import ctypes
import math
import struct
import sys

from ..errors import ResolverConfigError, ResolverUnavailable
from ..model import Config

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
            sockaddr = struct.pack(
                "=H2sI16sI", _socket.AF_INET6, port, 0, _socket.inet_pton(_socket.AF_INET6, address), number
            )
            block = malloc(len(sockaddr))  # libc frees it with the thread's state
            ctypes.memmove(block, sockaddr, len(sockaddr))
            ctypes.memset(slot, 0, 16)  # family 0: look at the pointer
            ctypes.memmove(state + _NSADDRS + 8 * index, struct.pack("P", block), 8)
        else:
            sockaddr = struct.pack("=H2s4s8x", _socket.AF_INET, port, _socket.inet_aton(server.address))
            ctypes.memmove(slot, sockaddr, 16)
    ctypes.memmove(state + _NSCOUNT, struct.pack("i", len(config.servers)), 4)
    timing = struct.pack("ii", min(max(math.ceil(config.timeout), 1), 30), min(config.attempts, 5))
    ctypes.memmove(state + _RETRANS, timing, 8)
    _local.applied = config
