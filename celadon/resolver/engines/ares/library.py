"""c-ares as the ares engine uses it, and all that knows pycares.

pycares' traps decide the shape (measured on 5.2.1): only DNS queries, never its getaddrinfo; only safe options; a large
receive buffer, or floods are lost silently; no cache of its own, which would hold NODATA for an hour. Its own ``query``
makes objects of every record and forgets the SOA of a negative reply, so queries are asked with a callback of ours,
which reads what is needed while c-ares still has the reply. Callbacks may come from inside ``ask``; they only note
what came, in ``arrived``.

c-ares takes a datagram for a reply that is none (QR=0, another opcode), and ends *every* query of a socket at one that
it cannot parse. Where the kernel can filter (Linux), such datagrams are dropped before c-ares sees them.
"""

from __future__ import annotations

import _socket
import _thread
import struct
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Any, NamedTuple

import pycares

from ... import accel
from ...model import CLASS_IN, Config, RRType, Server, new_tuple

_errno = pycares.errno
NOERROR, NODATA, NXDOMAIN = _errno.ARES_SUCCESS, _errno.ARES_ENODATA, _errno.ARES_ENOTFOUND
CANCELLED, DESTROYED, BADNAME = _errno.ARES_ECANCELLED, _errno.ARES_EDESTRUCTION, _errno.ARES_EBADNAME
#: The response code of an answer, by c-ares' status.
TOLD: dict[int, int] = {NOERROR: 0, NODATA: 0, NXDOMAIN: 3}
#: What a server refused with, by c-ares' status; every other one says that no usable reply came.
REFUSALS: dict[int, int] = {
    _errno.ARES_EFORMERR: 1,
    _errno.ARES_ESERVFAIL: 2,
    _errno.ARES_ENOTIMP: 4,
    _errno.ARES_EREFUSED: 5,
}
TIMEOUT, BADRESP = _errno.ARES_ETIMEOUT, _errno.ARES_EBADRESP

_RCVBUF = 4 << 20
_USES = 64  # questions from one source port (RFC 5452 §9.2)
_OPT_UDP_MAX_QUERIES, _OPT_QUERY_CACHE = 1 << 19, 1 << 21  # ares.h
_FLAGS = pycares.ARES_FLAG_STAYOPEN | pycares.ARES_FLAG_NOSEARCH | pycares.ARES_FLAG_NOALIASES

_module: Any = pycares
_lib: Any = _module._lib
_ffi: Any = _module._ffi
_BAD = pycares.ARES_SOCKET_BAD


def describe(status: int) -> str:
    """A status in c-ares' words."""
    return str(pycares.errno.strerror(status))


# -- records ---------------------------------------------------------------------------------------------------

_string, _buffer, _cast = _ffi.string, _ffi.buffer, _ffi.cast
_ntop = _socket.inet_ntop
# Bound, because each attribute of cffi's library costs as much as a call.
_str_of, _u16, _u32 = _lib.ares_dns_rr_get_str, _lib.ares_dns_rr_get_u16, _lib.ares_dns_rr_get_u32
_addr_of, _addr6_of = _lib.ares_dns_rr_get_addr, _lib.ares_dns_rr_get_addr6
_count, _record = _lib.ares_dns_record_rr_cnt, _lib.ares_dns_record_rr_get_const
_type_of, _class_of, _ttl_of = _lib.ares_dns_rr_get_type, _lib.ares_dns_rr_get_class, _lib.ares_dns_rr_get_ttl
_name_of = _lib.ares_dns_rr_get_name
_A, _AAAA = _lib.ARES_RR_A_ADDR, _lib.ARES_RR_AAAA_ADDR


def name_text(text: bytes) -> str:
    """A name as c-ares writes it, with what is not plain escaped as everywhere here."""
    name = text.decode("latin-1")
    return name.replace(" ", "\\032") if " " in name else name


def _target(key: int) -> Callable[[Any], bytes]:
    """Rdata of one name."""
    return lambda rr: _string(_str_of(rr, key))


def _named(rr: Any, key: int) -> str:
    return name_text(_string(_str_of(rr, key))) + "."


def _mx(rr: Any) -> str:
    return f"{_u16(rr, _lib.ARES_RR_MX_PREFERENCE)} {_named(rr, _lib.ARES_RR_MX_EXCHANGE)}"


def _srv(rr: Any) -> str:
    numbers = (_lib.ARES_RR_SRV_PRIORITY, _lib.ARES_RR_SRV_WEIGHT, _lib.ARES_RR_SRV_PORT)
    return " ".join([*(str(_u16(rr, key)) for key in numbers), _named(rr, _lib.ARES_RR_SRV_TARGET)])


def _soa(rr: Any) -> str:
    keys = ("SERIAL", "REFRESH", "RETRY", "EXPIRE", "MINIMUM")
    numbers = [str(_u32(rr, getattr(_lib, f"ARES_RR_SOA_{key}"))) for key in keys]
    return " ".join([_named(rr, _lib.ARES_RR_SOA_MNAME), _named(rr, _lib.ARES_RR_SOA_RNAME), *numbers])


def _host(name: bytes) -> str:
    return name_text(name) + "."


#: Record type -> what takes its data while c-ares has the record, and what makes zone-file text of that, if it is not
#: text yet. Only these can be asked for.
READ: dict[int, tuple[Callable[[Any], Any], Callable[[Any], str]]] = {
    RRType.A: (lambda rr: _buffer(_addr_of(rr, _A), 4)[:], partial(_ntop, _socket.AF_INET)),
    RRType.AAAA: (lambda rr: _buffer(_addr6_of(rr, _AAAA), 16)[:], partial(_ntop, _socket.AF_INET6)),
    RRType.CNAME: (_target(_lib.ARES_RR_CNAME_CNAME), _host),
    RRType.NS: (_target(_lib.ARES_RR_NS_NSDNAME), _host),
    RRType.PTR: (_target(_lib.ARES_RR_PTR_DNAME), _host),
    RRType.MX: (_mx, str),
    RRType.SRV: (_srv, str),
    RRType.SOA: (_soa, str),
}


# -- the header ------------------------------------------------------------------------------------------------

# pycares has no function for it. The record begins with id, flags, opcode and rcode; whether it does is looked at.
_Head = struct.Struct("=HHii")
_CHARS = _ffi.typeof("char *")
# c-ares' flag -> the header's bit (RFC 1035 §4.1.1, RFC 4035 §3.2)
_BITS = ((0x01, 0x8000), (0x02, 0x0400), (0x04, 0x0200), (0x08, 0x0100), (0x10, 0x0080), (0x20, 0x0020), (0x40, 0x0010))
_FLAGS_OF = {given: sum(bit for flag, bit in _BITS if given & flag) for given in range(0x80)}


def _head(reply: Any) -> tuple[int, int, int, int]:
    return _Head.unpack(_buffer(_cast(_CHARS, reply), _Head.size))


def _head_is_known() -> bool:
    """Whether records of this c-ares begin as expected, by two of its own making."""
    for given in ((0x1234, 0x51, 4, 5), (0xFEDC, 0x2A, 0, 9)):
        made = _ffi.new("ares_dns_record_t **")
        if _lib.ares_dns_record_create(made, *given):
            return False
        try:
            if _head(made[0]) != given:
                return False
        finally:
            _lib.ares_dns_record_destroy(made[0])
    return True


HEAD_IS_KNOWN = _head_is_known()


# A record: owner, type, TTL in seconds, class, and what ``READ`` has taken of its data.
Taken = tuple[bytes, int, int, int, Any]


class Reply(NamedTuple):
    """What c-ares read: the records by section; rcode and flags of the header, None and 0 where they cannot be had.

    ``unread`` records of the answer section are of types that are not in ``READ``.
    """

    sections: tuple[Sequence[Taken], Sequence[Taken], Sequence[Taken]] = ((), (), ())
    rcode: int | None = None
    flags: int = 0
    unread: int = 0


_ANSWER, _AUTHORITY, _ADDITIONAL = _lib.ARES_SECTION_ANSWER, _lib.ARES_SECTION_AUTHORITY, _lib.ARES_SECTION_ADDITIONAL
_EMPTY = Reply()
_SIZE, _POINTER = _ffi.typeof("size_t"), _ffi.typeof("void *")


def _take(reply: Any, section: int, count: int) -> list[Taken]:
    """The records of a section whose types are in ``READ``."""
    found = []
    for index in range(count):
        rr = _record(reply, section, index)
        rdtype = _type_of(rr)
        read = READ.get(rdtype)
        if read is not None:
            found.append((_string(_name_of(rr)), rdtype, _ttl_of(rr), _class_of(rr), read[0](rr)))
    return found


def _functions() -> bytes:
    """What the accelerator reads records with: addresses of functions, then numbers of sections and keys."""
    names = (
        *("record_rr_cnt", "record_rr_get_const", "rr_get_type", "rr_get_class", "rr_get_ttl", "rr_get_name"),
        *("rr_get_str", "rr_get_addr", "rr_get_addr6"),
    )
    addresses = [int(_cast("uintptr_t", _ffi.addressof(_lib, f"ares_dns_{name}"))) for name in names]
    keys = ("A_ADDR", "AAAA_ADDR", "CNAME_CNAME", "NS_NSDNAME", "PTR_DNAME")
    numbers = (_ANSWER, _AUTHORITY, _ADDITIONAL, *[getattr(_lib, f"ARES_RR_{key}") for key in keys])
    return struct.pack("@9P8i", *addresses, *numbers)


_taken = None if accel.codec is None else accel.codec.taken
_FUNCTIONS = b"" if _taken is None else _functions()


def _read(reply: Any) -> Reply | None:
    """Header and records; None for what is no reply to a query."""
    rcode, flags = None, 0
    if HEAD_IS_KNOWN:
        _, bits, opcode, rcode = _head(reply)
        if not bits & 1 or opcode:
            return None
        flags = _FLAGS_OF[bits & 0x7F]
    if _taken is not None and (taken := _taken(int(_cast(_SIZE, reply)), _FUNCTIONS)) is not None:
        sections, count = taken
        return new_tuple(Reply, (sections, rcode, flags, count - len(sections[0])))  # type: ignore[no-any-return]
    count = _count(reply, _ANSWER)
    answers = _take(reply, _ANSWER, count)
    others = [_take(reply, one, number) if (number := _count(reply, one)) else () for one in (_AUTHORITY, _ADDITIONAL)]
    return new_tuple(Reply, ((answers, *others), rcode, flags, count - len(answers)))  # type: ignore[no-any-return]


# -- queries ---------------------------------------------------------------------------------------------------

_numbers = count(1)
_query, _NULL = _lib.ares_query_dnsrec, _ffi.NULL
#: Number of a query inside c-ares -> its channel and what the engine knows it by.
_inside: dict[int, tuple[Channel, Any]] = {}


@_ffi.callback("ares_callback_dnsrec")  # type: ignore[untyped-decorator]
def _answered(number: Any, status: int, _timeouts: int, reply: Any) -> None:
    known = _inside.pop(int(_cast(_SIZE, number)), None)
    if known is not None:
        channel, query = known
        channel.inside -= 1
        read = _read(reply) if reply else _EMPTY
        channel.arrived.append((query, BADRESP if read is None else status, read or _EMPTY))


class _Library:
    """Stands in for pycares' C library while a channel is made, to set what its constructor has no argument for."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._lock = _thread.allocate_lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)

    def ares_init_options(self, channel: Any, options: Any, mask: int) -> int:
        options.qcache_max_ttl = 0
        options.udp_max_queries = _USES
        mask |= _OPT_QUERY_CACHE | _OPT_UDP_MAX_QUERIES
        status: int = self._library.ares_init_options(channel, options, mask)
        return status

    def channel(self, **options: Any) -> pycares.Channel:
        """A channel made with pycares' own constructor over this library."""
        with self._lock:
            _module._lib = self
            try:
                return pycares.Channel(**options)
            finally:
                _module._lib = self._library


_library = _Library(_lib)


class Channel:
    """A c-ares channel. ``inside`` counts the queries that c-ares has, ``arrived`` holds what it said to others.

    ``on_socket(fd, readable, writable)`` tells what to watch a socket for, both False before it is closed. ``timeout``
    is in seconds, for one server. Use from one thread.
    """

    def __init__(self, config: Config, timeout: float, on_socket: Callable[[int, bool, bool], None]) -> None:
        self.inside: int = 0
        self.arrived: list[tuple[Any, int, Reply]] = []
        self._channel = _library.channel(
            flags=_FLAGS
            | (pycares.ARES_FLAG_EDNS if config.edns0 else 0)
            | (pycares.ARES_FLAG_USEVC if config.use_vc else 0),
            timeout=timeout,
            tries=1,
            ndots=config.ndots,
            domains=[],
            rotate=config.rotate,
            servers=[_server(one) for one in config.servers],
            sock_state_cb=on_socket,
            socket_receive_buffer_size=_RCVBUF,
        )
        channel: Any = self._channel
        self._pointer: Any = channel._channel[0]
        _lib.ares_set_socket_callback(self._pointer, _created, _ffi.NULL)

    def ask(self, query: Any, name: bytes, rdtype: int) -> int:
        """Ask for ``name``; c-ares' status, and whatever it is, ``query`` turns up in ``arrived``, now or later."""
        number = next(_numbers)
        _inside[number] = (self, query)
        self.inside += 1
        status: int = _query(self._pointer, name, CLASS_IN, rdtype, _answered, _cast(_POINTER, number), _NULL)
        if status and _inside.pop(number, None) is not None:
            self.inside -= 1
            self.arrived.append((query, status, _EMPTY))
        return status

    def process(self, readable: int = _BAD, writable: int = _BAD) -> None:
        """Have c-ares look at its sockets and its clock."""
        _lib.ares_process_fd(self._pointer, readable, writable)

    def wait(self) -> float:
        """Seconds until c-ares wants to look at its clock; 0 as well when it has nothing to wait for."""
        seconds: float = self._channel.timeout()  # type: ignore[no-untyped-call]
        return seconds

    def cancel(self) -> None:
        """End every query inside; each arrives as CANCELLED."""
        self._channel.cancel()

    def close(self) -> None:
        """Let pycares' own thread destroy the channel. Cancel first: what is inside would arrive from that thread."""
        self._pointer = None
        self._channel.close()


def _server(server: Server) -> str:
    if ":" not in server.address:
        return f"{server.address}:{server.port}"
    address, _, scope = server.address.partition("%")
    try:
        name = _socket.if_indextoname(int(scope)) if scope.isdigit() else scope
        _socket.if_nametoindex(name)
    except (OSError, OverflowError):
        return f"[{address}]:{server.port}"  # c-ares refuses an interface that is not there; sending fails by itself
    return f"[{address}]:{server.port}%{name}"


# -- what the kernel keeps from c-ares ---------------------------------------------------------------------------

_SO_ATTACH_FILTER = 26  # socket(7), Linux
_BYTE, _HALF, _AND, _EQUAL, _ABOVE, _RETURN = 0x30, 0x28, 0x54, 0x15, 0x25, 0x06  # bpf(4)'s instructions
_HEADER = 8  # a UDP filter sees the UDP header as well
# (instruction, jump if true, jump if false, operand). A load from beyond the datagram's end drops it; what is cut to
# its header is malformed, which ends the query at once, and our own exchange asks.
_PROGRAM = (
    (_BYTE, 0, 0, _HEADER + 2),
    (_AND, 0, 0, 0xF8),
    (_EQUAL, 0, 10, 0x80),  # QR=1 and opcode QUERY, or drop
    (_HALF, 0, 0, _HEADER + 4),
    (_EQUAL, 0, 4, 1),  # one question: a message of 17 bytes at least
    (_BYTE, 0, 0, _HEADER + 16),
    (_BYTE, 0, 0, _HEADER + 3),
    (_AND, 0, 0, 15),
    (_ABOVE, 5, 6, 5),  # a response code that c-ares would tell as "no data": cut
    (_EQUAL, 0, 3, 0),  # no question: only in a refusal, or drop
    (_BYTE, 0, 0, _HEADER + 3),
    (_AND, 0, 0, 15),
    (_EQUAL, 0, 1, 0),
    (_RETURN, 0, 0, 0),
    (_RETURN, 0, 0, _HEADER + 12),
    (_RETURN, 0, 0, 0xFFFF),
)
_CODE = array("B", b"".join(struct.pack("=HBBI", *one) for one in _PROGRAM))
_FILTER = struct.pack("@HP", len(_PROGRAM), _CODE.buffer_info()[0])


def only_replies(fd: int) -> None:
    """Have the kernel drop what arrives at a UDP socket and is no reply by its header; nothing where it cannot."""
    borrowed = _socket.socket(fileno=fd)
    try:
        borrowed.setsockopt(_socket.SOL_SOCKET, _SO_ATTACH_FILTER, _FILTER)
    except OSError:
        return  # c-ares sees everything then, and our own exchange asks again
    finally:
        borrowed.detach()


_SO_MEMINFO = 55  # socket(7), Linux 4.12: the bytes that lie in the socket first, as the kernel counts them
_DATAGRAM = 1280  # bytes that the kernel counts for a datagram at most, up to 512 bytes of it, on loopback
_REPLY = 8192  # and for the largest reply that is asked for, through whatever device
_bytes_of = struct.Struct("=I").unpack


class Port:
    """What comes to one UDP socket of c-ares, which cannot be asked how many datagrams it has thrown away.

    ``vain`` is how many there were beyond those that brought an answer, reckoned from their bytes in the kernel: too
    many where devices are wasteful, half of them where they are small. 0 where the kernel cannot tell.
    """

    __slots__ = ("_socket", "_waiting", "vain")

    vain: int

    def __init__(self, fd: int) -> None:
        self._socket = _socket.socket(fileno=fd)
        self.vain = self._waiting = 0

    @property
    def udp(self) -> bool:
        """Whether it is one, and no stream."""
        return self._socket.type == _socket.SOCK_DGRAM

    def before(self) -> None:
        """c-ares is going to read all there is."""
        try:
            (self._waiting,) = _bytes_of(self._socket.getsockopt(_socket.SOL_SOCKET, _SO_MEMINFO, 4))
        except (OSError, struct.error):
            self._waiting = 0

    def after(self, answers: int) -> None:
        """It has read, which brought so many answers."""
        rest = self._waiting - answers * _REPLY
        if rest > 0:
            self.vain += 1 + rest // _DATAGRAM

    def close(self) -> None:
        """Let go of the socket, which is c-ares'."""
        self._socket.detach()


def port_of(fd: int) -> Port | None:
    """The port of a socket that c-ares has made; None for a stream."""
    port = Port(fd)
    if port.udp:
        return port
    port.close()
    return None


@_ffi.callback("ares_sock_create_callback")  # type: ignore[untyped-decorator]
def _created(fd: int, kind: int, _data: Any) -> int:
    """c-ares has connected a socket, and sent nothing yet."""
    if kind == _socket.SOCK_DGRAM:
        only_replies(fd)
    return 0
