r"""The values that the resolver layer passes about: frozen, slotted, without behaviour that needs I/O.

Engines make them, policy reads them, nobody changes them; so they may be shared by greenlets and threads.

Names in these values are text in presentation form (RFC 4343: ``\\.`` and ``\\DDD`` escapes) and absolute,
*without* the final dot; the root is the empty string. ``Record.data`` is the zone-file form of the rdata
(RFC 1035 §5.1), in which embedded names *do* carry their final dot, as dig prints them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class RRType(IntEnum):
    """The record types that have a name here; any other is a plain int (IANA DNS parameters)."""

    A = 1
    NS = 2
    CNAME = 5
    SOA = 6
    PTR = 12
    HINFO = 13
    MX = 15
    TXT = 16
    AAAA = 28
    SRV = 33
    NAPTR = 35
    DNAME = 39
    OPT = 41
    DS = 43
    SSHFP = 44
    RRSIG = 46
    NSEC = 47
    DNSKEY = 48
    TLSA = 52
    SVCB = 64
    HTTPS = 65
    ANY = 255
    URI = 256
    CAA = 257


class Rcode(IntEnum):
    """Response codes (RFC 1035 §4.1.1, RFC 6895 §2.3)."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    BADVERS = 16


def type_name(rdtype: int) -> str:
    """The mnemonic of a record type, or ``TYPE123`` (RFC 3597 §5) where it has none here."""
    try:
        return RRType(rdtype).name
    except ValueError:
        return f"TYPE{rdtype}"


def rcode_name(rcode: int) -> str:
    """The mnemonic of a response code, or ``RCODE17`` where it has none here."""
    try:
        return Rcode(rcode).name
    except ValueError:
        return f"RCODE{rcode}"


CLASS_IN = 1


@dataclass(frozen=True, slots=True)
class Question:
    """One DNS question: name, type and class. ``name`` has no final dot."""

    name: str
    rdtype: int
    rdclass: int = CLASS_IN


@dataclass(frozen=True, slots=True)
class Record:
    """One resource record. ``ttl`` is in seconds; ``data`` is the presentation form of the rdata."""

    name: str
    rdtype: int
    ttl: int
    data: str
    rdclass: int = CLASS_IN

    @property
    def target(self) -> str:
        """For CNAME, DNAME, NS and PTR: the name in ``data``, without its final dot."""
        return self.data.removesuffix(".")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said to a question, whatever the rcode was; or what an engine knows as well as that.

    ``flags`` are the header's 16 bits of flags without opcode and rcode (QR AA TC RD RA AD CD), 0 where the
    engine cannot tell. ``server`` is ``address#port`` or None where no server was asked. ``rtt`` is in seconds.
    ``size`` is the message's length in bytes, 0 where the engine cannot tell.
    """

    question: Question
    rcode: int = 0
    records: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    flags: int = 0
    server: str | None = None
    rtt: float = 0.0
    tcp: bool = False
    attempts: int = 1
    size: int = 0
    engine: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """A name server: address literal (an IPv6 scope as ``fe80::1%eth0``) and port."""

    address: str
    port: int = 53

    def __str__(self) -> str:
        return f"{self.address}#{self.port}"


@dataclass(frozen=True, slots=True)
class Config:
    """What resolv.conf says (resolv.conf(5)), and what an argument of ``use`` put in its place.

    ``timeout`` is seconds per try, ``attempts`` rounds over all servers. ``options`` keeps the words that
    are not understood here, for the decision of the ``auto`` resolver.
    """

    servers: tuple[Server, ...] = (Server("127.0.0.1"),)
    search: tuple[str, ...] = ()
    ndots: int = 1
    timeout: float = 5.0
    attempts: int = 2
    rotate: bool = False
    single_request: bool = False
    single_request_reopen: bool = False
    use_vc: bool = False
    edns0: bool = False
    trust_ad: bool = False
    no_aaaa: bool = False
    options: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=(), compare=False)


# (family, type, proto, canonname, sockaddr), exactly the standard library's tuple.
SockAddr = tuple[str, int] | tuple[str, int, int, int]
AddrInfo = tuple[int, int, int, str, SockAddr]
