"""A name server for tests, in this process: UDP and TCP on one loopback port, scripted name by name.

It runs in an OS thread of its own on C-level sockets, so it also answers while the program under test is patched,
blocked, or shutting down. It keeps every query, so a test can count them.
"""

from __future__ import annotations

import _socket
import _thread
import os
import select
import struct
import time
import zlib
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from types import TracebackType

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

# Bound at import: the server must work while the program is patched.
_new_epoll = select.epoll


@dataclass(frozen=True, slots=True)
class Query:
    """One question that arrived. ``when`` is in seconds of the monotonic clock, ``port`` the client's."""

    name: str
    rdtype: str
    tcp: bool
    port: int
    when: float


@dataclass(frozen=True, slots=True)
class Sent:
    """Something that the server sends, ``after`` seconds after what it sent before.

    ``source`` is ``"port"`` for a datagram from another port, ``"address"`` for one from 127.0.0.2. Over TCP, ``raw``
    bytes go without a length before them, and ``end`` is ``"close"`` or ``"reset"`` for what becomes of the
    connection then.
    """

    data: bytes = b""
    after: float = 0.0
    source: str = ""
    raw: bool = False
    end: str = ""


Change = Callable[[bytes, bytes], Sequence["bytes | Sent"]]


@dataclass(frozen=True, slots=True)
class Script:
    """What to do with a reply instead of sending it unchanged.

    ``change`` turns (query bytes, reply bytes) into a list of what to send; an empty list is silence. ``delay`` is in
    seconds. ``times``: for how many queries (None: all). ``tcp``: over TCP as well. ``stream``: replaces ``change``
    over TCP.
    """

    change: Change
    delay: float = 0.0
    times: int | None = None
    tcp: bool = True
    elsewhere: bool = False
    stream: Change | None = None


def _flags(reply: bytes, rcode: int = 0, set_bits: int = 0) -> bytes:
    """The reply with only its header and question, with these bits."""
    message = dns.message.from_wire(reply, ignore_trailing=True)
    end = 12 + len(message.question[0].name.to_wire() or b"") + 4
    bits = (int.from_bytes(reply[2:4], "big") & 0xFFF0) | rcode | set_bits
    return reply[:2] + bits.to_bytes(2, "big") + b"\0\1\0\0\0\0\0\0" + reply[12:end]


def Delay(seconds: float, times: int | None = None) -> Script:  # noqa: N802  (reads as a value in a script)
    """Answer right, ``seconds`` late."""
    return Script(lambda query, reply: [reply], delay=seconds, times=times)


def Drop(times: int | None = None) -> Script:  # noqa: N802
    """Say nothing (to the first ``times`` queries)."""
    return Script(lambda query, reply: [], times=times)


def Rcode(code: int, times: int | None = None) -> Script:  # noqa: N802
    """Answer with an empty reply of this response code."""
    return Script(lambda query, reply: [_flags(reply, code)], times=times)


def Servfail(times: int | None = None) -> Script:  # noqa: N802
    """Answer SERVFAIL."""
    return Rcode(2, times)


def Refused(times: int | None = None) -> Script:  # noqa: N802
    """Answer REFUSED."""
    return Rcode(5, times)


def Formerr(times: int | None = None) -> Script:  # noqa: N802
    """Answer FORMERR."""
    return Rcode(1, times)


def Truncate() -> Script:  # noqa: N802
    """Answer empty with TC set over UDP, and right over TCP."""
    return Script(lambda query, reply: [_flags(reply, 0, 0x0200)], tcp=False)


def WrongId(then_right: bool = True) -> Script:  # noqa: N802
    """A forged reply with another id and address, then the right one."""
    return Script(lambda q, r: [bytes([r[0] ^ 1]) + r[1:-4] + b"\6\6\6\6", *([r] if then_right else [])], tcp=False)


def WrongQuestion() -> Script:  # noqa: N802
    """A forged reply to another question, then the right one."""
    return Script(lambda q, r: [r[:13] + bytes([r[13] ^ 1]) + r[14:-4] + b"\6\6\6\6", r], tcp=False)


def WrongSource() -> Script:  # noqa: N802
    """A forged reply from another port, then the right one."""
    return Script(lambda q, r: [r[:-4] + b"\6\6\6\6", r], tcp=False, elsewhere=True)


def Duplicate() -> Script:  # noqa: N802
    """The right reply, twice."""
    return Script(lambda q, r: [r, r], tcp=False)


def Garbage(data: bytes = b"\xff" * 30) -> Script:  # noqa: N802
    """Bytes under the right id that are no message, then the right reply."""
    return Script(lambda q, r: [q[:2] + data, r], tcp=False)


def synthetic_address(name: str) -> str:
    """The IPv4 address that a synthetic server gives for ``name``: computed from it, always in 10.0.0.0/8."""
    digest = zlib.crc32(name.lower().encode("ascii"))
    return f"10.{digest >> 16 & 255}.{digest >> 8 & 255}.{digest & 255}"


def synthetic_reply(query: bytes) -> bytes | None:
    """The reply of a synthetic server to a plain question: A as computed, AAAA mapped from it, NODATA for all else."""
    end = 12
    labels = []
    try:
        while query[end]:
            labels.append(query[end + 1 : end + 1 + query[end]])
            end += query[end] + 1
        rdtype = query[end + 1] << 8 | query[end + 2]
    except IndexError:
        return None
    question = query[12 : end + 5]
    digest = zlib.crc32(b".".join(labels).lower())
    address = bytes((10, digest >> 16 & 255, digest >> 8 & 255, digest & 255))
    if rdtype == 1:
        return query[:2] + b"\x85\x80\0\1\0\1\0\0\0\0" + question + b"\xc0\x0c\0\1\0\1\0\0\x01\x2c\0\4" + address
    if rdtype == 28:
        data = b"\xfd" + bytes(11) + address
        return query[:2] + b"\x85\x80\0\1\0\1\0\0\0\0" + question + b"\xc0\x0c\0\x1c\0\1\0\0\x01\x2c\0\x10" + data
    return query[:2] + b"\x85\x80\0\1\0\0\0\0\0\0" + question


def _rrset(owner: str, rdtype: str, ttl: int, texts: list[str]) -> dns.rrset.RRset:
    """Records from their zone-file form, whose names are absolute."""
    name = dns.name.from_text(owner)
    return dns.rrset.from_text_list(name, ttl, "IN", rdtype, texts, origin=dns.name.root, relativize=False)


def _signatures(
    asked: dns.message.Message, owner: str, node: dict[str, list[tuple[int, str]]], rdtype: str
) -> list[dns.rrset.RRset]:
    """The RRSIG records of the node that cover this type, for questions with the DO bit (RFC 4035 §3.1)."""
    found = [(ttl, data) for ttl, data in node.get("RRSIG", ()) if data.split(" ", 1)[0] == rdtype]
    if not found or not asked.ednsflags & dns.flags.DO:
        return []
    return [dns.rrset.from_text(dns.name.from_text(owner), found[0][0], "IN", "RRSIG", *[data for _, data in found])]


class NameServer:
    """An authoritative name server on loopback for as long as its ``with`` block lasts.

    RRSIG records that it is given come along with what they cover, for questions with the DO bit.

    A name exists if it has records; every other name is NXDOMAIN. With ``synthetic``, every name has the address
    ``synthetic_address(name)``. ``delay`` is in seconds, before each answer that is not scripted. May be scripted and
    read from any thread.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, synthetic: bool = False, delay: float = 0.0) -> None:
        self.host = host
        self.synthetic = synthetic
        if not isinstance(delay, (int, float)) or not 0 <= delay < float("inf"):
            raise ValueError(f"delay={delay!r} is not a number of seconds, 0 or more")
        self._always: Script | None = Delay(delay) if delay else None
        self.queries: list[Query] = []
        self._zone: dict[str, dict[str, list[tuple[int, str]]]] = defaultdict(dict)
        self._scripts: dict[str, deque[list[object]]] = defaultdict(deque)
        family = _socket.AF_INET6 if ":" in host else _socket.AF_INET
        for _ in range(50):
            self._udp = _socket.socket(family, _socket.SOCK_DGRAM)
            self._tcp = _socket.socket(family, _socket.SOCK_STREAM)
            self._tcp.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
            try:
                self._udp.bind((host, port))
                self._tcp.bind((host, self._udp.getsockname()[1]))
                break
            except OSError:
                self._udp.close()
                self._tcp.close()
                if port:
                    raise
        else:
            raise OSError(f"no port of {host} is free for both UDP and TCP")
        self._elsewhere = _socket.socket(family, _socket.SOCK_DGRAM)
        self._stranger = _socket.socket(family, _socket.SOCK_DGRAM)
        self._udp.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVBUF, 4 << 20)
        self._tcp.listen(64)
        for one in (self._udp, self._tcp):
            one.setblocking(False)
        self.port: int = self._udp.getsockname()[1]
        #: As ``use(servers=…)`` takes it.
        self.address: str = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.servers: list[str] = [self.address]
        self._stop_read, self._stop_write = os.pipe()
        self._stopped = _thread.allocate_lock()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = 0

    def add(self, name: str, rdtype: str, data: str, ttl: int = 300) -> None:
        """Give ``name`` a record, in zone-file form. ``*.example.com`` is for names without records of their own.

        Names are absolute, with and without a final dot. ValueError for what is no such record.
        """
        try:
            _rrset("", rdtype, ttl, [data])
        except dns.exception.DNSException as error:
            shown = "such as A 192.0.2.1, MX '10 mail.example.com.'"
            raise ValueError(f"{name} {rdtype} {data!r}: not a record in zone-file form, {shown}: {error}") from None
        self._zone[name.lower().rstrip(".")].setdefault(rdtype.upper(), []).append((ttl, data))

    def script(self, name: str, *scripts: Script) -> None:
        """Let these change the replies about ``name``, one after the other as their ``times`` are used up."""
        self._scripts[name.lower().rstrip(".")].extend([one, one.times] for one in scripts)

    def remove(self, name: str, rdtype: str | None = None) -> None:
        """Remove a name's records, or those of one type."""
        node = self._zone.pop(name.lower().rstrip("."), {})
        if rdtype is not None and node.pop(rdtype.upper(), None) is not None and node:
            self._zone[name.lower().rstrip(".")] = node

    def unscript(self, name: str) -> None:
        """Answer about ``name`` without scripts again."""
        self._scripts.pop(name.lower().rstrip("."), None)

    def count(self, name: str, rdtype: str | None = None) -> int:
        """How many queries about ``name`` came."""
        return sum(1 for q in list(self.queries) if q.name == name.lower() and rdtype in (None, q.rdtype))

    def __enter__(self) -> NameServer:
        self._stopped.acquire()
        # Made here and not in the thread: a test that counts descriptors must see them from now on.
        _thread.start_new_thread(self._serve, (_new_epoll(),))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.write(self._stop_write, b"x")
        self._stopped.acquire()
        for fd in (self._stop_read, self._stop_write):
            os.close(fd)

    # -- in the thread ---------------------------------------------------------------------------------------

    def _serve(self, poller: select.epoll) -> None:
        poller.register(self._udp, select.EPOLLIN)
        poller.register(self._tcp, select.EPOLLIN)
        poller.register(self._stop_read, select.EPOLLIN)
        streams: dict[int, tuple[_socket.socket, bytearray]] = {}
        try:
            while True:
                timeout = max(self._timers[0][0] - time.monotonic(), 0) if self._timers else None
                for fd, _ in poller.poll(timeout):
                    if fd == self._stop_read:
                        return
                    if fd == self._udp.fileno():
                        self._read_udp()
                    elif fd == self._tcp.fileno():
                        number, _peer = self._tcp._accept()  # type: ignore[attr-defined]
                        stream = _socket.socket(fileno=number)
                        stream.setblocking(False)
                        streams[number] = (stream, bytearray())
                        poller.register(number, select.EPOLLIN)
                    elif not self._read_tcp(*streams[fd]):
                        poller.unregister(fd)
                        streams.pop(fd)[0].close()
                while self._timers and self._timers[0][0] <= time.monotonic():
                    heappop(self._timers)[2]()
        finally:
            poller.close()
            for stream, _buffer in streams.values():
                stream.close()
            for one in (self._udp, self._tcp, self._elsewhere, self._stranger):
                one.close()
            self._stopped.release()

    def _read_udp(self) -> None:
        receive, send = self._udp.recvfrom, self._udp.sendto
        for _ in range(200):
            try:
                query, peer = receive(4096)
            except BlockingIOError:
                return
            if self.synthetic and not (self._scripts or self._zone or self._always):
                reply = synthetic_reply(query)
                if reply is not None:
                    send(reply, peer)
                continue

            def answer(sent: Sent, peer: tuple[str, int] = peer) -> None:
                source = self._udp
                if sent.source == "port":
                    source = self._elsewhere
                elif sent.source == "address":
                    source = self._stranger
                    if not source.getsockname()[1]:
                        source.bind(("127.0.0.2", self.port))
                source.sendto(sent.data, peer)

            self._answer(query, False, peer[1], answer)

    def _read_tcp(self, stream: _socket.socket, buffer: bytearray) -> bool:
        try:
            data = stream.recv(65536)
            port = stream.getpeername()[1]
        except OSError:
            return False
        if not data:
            return False
        buffer += data
        while len(buffer) >= 2 and len(buffer) >= 2 + (size := int.from_bytes(buffer[:2], "big")):
            query = bytes(buffer[2 : 2 + size])
            del buffer[: 2 + size]

            def answer(sent: Sent) -> None:
                data = sent.data
                try:
                    stream.settimeout(1.0)
                    if data or not sent.end:
                        stream.sendall(data if sent.raw else len(data).to_bytes(2, "big") + data)
                    if sent.end == "reset":
                        stream.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, struct.pack("ii", 1, 0))
                    if sent.end:
                        stream.shutdown(_socket.SHUT_RD if sent.end == "reset" else _socket.SHUT_RDWR)
                except OSError:
                    return  # the client went away

            self._answer(query, True, port, answer)
        return True

    def _answer(self, query: bytes, tcp: bool, port: int, send: Callable[[Sent], None]) -> None:
        try:
            asked = dns.message.from_wire(query)
            question = asked.question[0]
        except Exception:  # noqa: BLE001  (whatever it is, it is not a question)
            return
        name = question.name.to_text(omit_final_dot=True).lower() if question.name != dns.name.root else ""
        rdtype = dns.rdatatype.to_text(question.rdtype)
        self.queries.append(Query(name, rdtype, tcp, port, time.monotonic()))
        reply = self._lookup(asked, name, rdtype, question)
        script = self._take_script(name, tcp) or self._always
        if script is None:
            send(Sent(reply))
            return
        change = script.stream if tcp and script.stream is not None else script.change
        late = script.delay
        for index, one in enumerate(change(query, reply)):
            sent = one if isinstance(one, Sent) else Sent(one, source="port" * (script.elsewhere and index == 0))
            late += sent.after
            if late:
                self._sequence += 1
                work: Callable[[], None] = partial(send, sent)
                heappush(self._timers, (time.monotonic() + late, self._sequence, work))
            else:
                send(sent)

    def _take_script(self, name: str, tcp: bool) -> Script | None:
        scripts = self._scripts.get(name)
        while scripts:
            script, left = scripts[0]
            assert isinstance(script, Script)
            if tcp and not script.tcp:
                return None
            if left is None:
                return script
            assert isinstance(left, int)
            if left > 0:
                scripts[0][1] = left - 1
                return script
            scripts.popleft()
        return None

    def _lookup(self, asked: dns.message.Message, name: str, rdtype: str, question: dns.rrset.RRset) -> bytes:
        reply = dns.message.make_response(asked, recursion_available=True)
        if asked.ednsflags & dns.flags.DO:
            reply.want_dnssec()  # RFC 3225 §3: the bit is copied
        reply.flags |= dns.flags.AA
        if self.synthetic and name not in self._zone:
            data = {"A": synthetic_address(name), "AAAA": "fd00::" + synthetic_address(name)}.get(rdtype)
            if data:
                reply.answer.append(dns.rrset.from_text(question.name, 300, "IN", rdtype, data))
            return reply.to_wire()
        owner, seen = name, set()
        while True:
            node = self._zone.get(owner)
            if node is None:
                node = self._zone.get("*." + owner.partition(".")[2])
            if node is None:
                if not any(other.endswith("." + owner) for other in list(self._zone)):
                    reply.set_rcode(dns.rcode.NXDOMAIN)
                break
            records = node.get(rdtype)
            if records is not None or "CNAME" not in node or rdtype == "CNAME":
                if records:
                    texts = [data for _, data in records]
                    reply.answer.append(_rrset(owner, rdtype, records[0][0], texts))
                    reply.answer.extend(_signatures(asked, owner, node, rdtype))
                break
            ttl, target = node["CNAME"][0]
            reply.answer.append(_rrset(owner, "CNAME", ttl, [target]))
            reply.answer.extend(_signatures(asked, owner, node, "CNAME"))
            if owner in seen:
                break
            seen.add(owner)
            owner = target.lower().rstrip(".")
        return reply.to_wire(max_size=65535, want_shuffle=False)
