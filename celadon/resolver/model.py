r"""The values of the resolver layer: frozen, slotted, without I/O.

Engines make them, policy reads them, nothing changes them, so greenlets and threads may share them.

Names in these values are text in presentation form (RFC 4343: ``\\.`` and ``\\DDD`` escapes) and absolute,
*without* the final dot; the root is the empty string. ``Record.data`` is the zone-file form of the rdata
(RFC 1035 §5.1), in which embedded names *do* carry their final dot, as dig prints them.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Any, ClassVar, NamedTuple

from .frozen import field, frozen, replace


class RRType(IntEnum):
    """Record types with a name (IANA DNS parameters); any other type is a plain int."""

    A = 1
    NS = 2
    CNAME = 5
    SOA = 6
    MB = 7
    MG = 8
    MR = 9
    NULL = 10
    WKS = 11
    PTR = 12
    HINFO = 13
    MINFO = 14
    MX = 15
    TXT = 16
    RP = 17
    AFSDB = 18
    X25 = 19
    ISDN = 20
    RT = 21
    NSAP = 22
    SIG = 24
    KEY = 25
    PX = 26
    GPOS = 27
    AAAA = 28
    LOC = 29
    SRV = 33
    NAPTR = 35
    KX = 36
    CERT = 37
    DNAME = 39
    OPT = 41
    APL = 42
    DS = 43
    SSHFP = 44
    IPSECKEY = 45
    RRSIG = 46
    NSEC = 47
    DNSKEY = 48
    DHCID = 49
    NSEC3 = 50
    NSEC3PARAM = 51
    TLSA = 52
    SMIMEA = 53
    HIP = 55
    NINFO = 56
    CDS = 59
    CDNSKEY = 60
    OPENPGPKEY = 61
    CSYNC = 62
    ZONEMD = 63
    SVCB = 64
    HTTPS = 65
    SPF = 99
    NID = 104
    L32 = 105
    L64 = 106
    LP = 107
    EUI48 = 108
    EUI64 = 109
    TKEY = 249
    TSIG = 250
    IXFR = 251
    AXFR = 252
    MAILB = 253
    MAILA = 254
    ANY = 255
    URI = 256
    CAA = 257
    AVC = 258
    AMTRELAY = 260
    TA = 32768
    DLV = 32769


class Rcode(IntEnum):
    """Response codes (RFC 1035 §4.1.1, RFC 6895 §2.3)."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    YXDOMAIN = 6
    YXRRSET = 7
    NXRRSET = 8
    NOTAUTH = 9
    NOTZONE = 10
    BADVERS = 16
    BADCOOKIE = 23


_TYPE_NAMES = {int(one): one.name for one in RRType}


def type_name(rdtype: int) -> str:
    """The mnemonic of a record type, or ``TYPE123`` (RFC 3597 §5) if it has none here."""
    return _TYPE_NAMES.get(rdtype) or f"TYPE{rdtype}"


def rcode_name(rcode: int) -> str:
    """The mnemonic of a response code, or ``RCODE17`` if it has none here."""
    try:
        return Rcode(rcode).name
    except ValueError:
        return f"RCODE{rcode}"


CLASS_IN = 1


@frozen
class Server:
    """A name server: address literal (an IPv6 scope as ``fe80::1%eth0``) and port.

    ``scheme`` is the protocol: ``udp`` (TCP for truncated answers), ``tcp``, ``tls`` (RFC 7858), ``quic`` (RFC 9250),
    ``https`` (RFC 8484, with the URI's ``path``). ``hostname`` is the name that its certificate must carry (empty: the
    address); ``trust`` a PEM file with CA certificates (empty: the system's; None: do not verify).
    """

    address: str
    port: int = 53
    scheme: str = "udp"
    hostname: str = ""
    path: str = ""
    trust: str | None = ""

    def __str__(self) -> str:
        return f"{self.address}#{self.port}"


@frozen
class QueryOptions:
    """How one question is asked, if not as usual. Our own exchange asks such questions, whichever the engine.

    ``server`` is asked in place of the configured ones, ``tcp`` without trying UDP first, ``ignore_tc`` takes a
    truncated answer as it is. ``rd``, ``cd``, ``ad``, ``aa`` and ``z`` are the header's bits (RFC 1035 §4.1.1, RFC 4035
    §3.2), ``dnssec`` is EDNS' DO bit (RFC 3225). ``edns`` is the EDNS version or None for no OPT record (RFC 6891),
    ``bufsize`` the bytes allowed over UDP. ``nsid`` asks for the server's identity (RFC 5001), ``subnet`` is
    ``address/prefix`` (RFC 7871), ``cookie`` a client cookie of 8 bytes, alone or with the server's (RFC 7873),
    ``padding`` the block length in bytes that the message is padded to (RFC 8467), ``edns_options`` further
    ``(code, data)`` pairs, ``co`` EDNS' bit for compact answers (RFC 9824 §4.1). ``final``: the first reply counts
    whatever its rcode, and the question is not asked again in a plainer form.
    """

    server: Server | None = None
    tcp: bool = False
    ignore_tc: bool = False
    rd: bool = True
    cd: bool = False
    ad: bool = False
    aa: bool = False
    z: bool = False
    dnssec: bool = False
    edns: int | None = 0
    bufsize: int = 1232
    nsid: bool = False
    subnet: str | None = None
    cookie: bytes | None = None
    padding: int = 0
    edns_options: tuple[tuple[int, bytes], ...] = ()
    final: bool = False
    co: bool = False


class _Usual(QueryOptions):
    """Equal to itself only, which tells it from the same options given by a program, and is hashed in C."""

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return "USUAL"

    def __reduce__(self) -> str:
        return "USUAL"


#: As usual, but by our own exchange, whichever the engine; it is as fast as no options.
USUAL: QueryOptions = _Usual()


class Question(NamedTuple):  # hashed several times a lookup; a tuple does that in C
    """One DNS question: name, type and class. ``name`` has no final dot.

    Two questions that differ in ``options`` (None: the default) are two questions, to a cache as well.
    """

    name: str
    rdtype: int
    rdclass: int = CLASS_IN
    options: QueryOptions | None = None


#: Makes a NamedTuple in half the time: its own constructor is a Python function.
new_tuple: Any = tuple.__new__


def asking(name: str, rdtype: int) -> Question:
    """``Question(name, rdtype)``, in half the time."""
    made: Question = new_tuple(Question, (name, rdtype, CLASS_IN, None))
    return made


@frozen
class Edns:
    """The OPT record of a reply (RFC 6891 §6.1): version, DO bit, the sender's UDP size in bytes, options, CO bit."""

    version: int = 0
    dnssec: bool = False
    bufsize: int = 512
    options: tuple[tuple[int, bytes], ...] = ()
    co: bool = False


class Record(NamedTuple):  # made by the million; a tuple is cheap
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


class Security(StrEnum):
    """What DNSSEC makes of an answer (RFC 4033 §5)."""

    SECURE = "secure"
    INSECURE = "insecure"
    BOGUS = "bogus"
    INDETERMINATE = "indeterminate"


@frozen
class Validation:
    """The state of an answer, and why it is no better: ``reason`` is a sentence, empty for a secure answer.

    ``zone`` is the zone that it is about, without final dot; ``key`` the tag of the key that signed the answer, or that
    is to blame, None for none. ``ede`` is the extended error's code (RFC 8914 §4) of what is not secure, None else.
    """

    state: Security
    reason: str = ""
    zone: str = ""
    key: int | None = None
    ede: int | None = None

    def __str__(self) -> str:
        return f"{self.state}: {self.reason}" if self.reason else str(self.state)

    def row(self) -> dict[str, object]:
        """What is known, as an object of JSON: ``status``, and the other fields that say something."""
        told = {"status": self.state.value, "reason": self.reason, "zone": self.zone, "key": self.key, "ede": self.ede}
        return {key: value for key, value in told.items() if value not in ("", None)}


@frozen
class Answer:
    """The reply of a server to a question, whatever its rcode, or an engine's own knowledge.

    ``flags`` are the header's 16 bits of flags without opcode and rcode (QR AA TC RD RA AD CD), 0 where the
    engine cannot tell. ``server`` is ``address#port`` or None where no server was asked. ``rtt`` is in seconds.
    ``size`` is the message's length in bytes, 0 where the engine cannot tell. ``additional`` is without the OPT
    record, which ``edns`` is (None: the reply had none, or the engine cannot tell). ``id`` is the message's.
    ``cached``: it came from the cache, with TTLs counted down; ``stale``: its TTL is over (RFC 8767). ``unrelated``
    counts the records that were dropped because the question does not lead to their owner or type. ``validation`` is
    what DNSSEC says, where that was asked for.
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
    edns: Edns | None = None
    id: int = 0
    cached: bool = False
    stale: bool = False
    unrelated: int = 0
    validation: Validation | None = None

    #: TTL in seconds and address, if the engine knows that the answer section is one IPv4 address of the very name that
    #: was asked for; else None. Such an answer needs no chain to be followed, and nothing in it to be checked.
    one: ClassVar[tuple[int, str] | None] = None
    #: The reply, as ``dns/wire`` keeps it beside its address: enough to make the answer again. None for all others.
    told: ClassVar[Any] = None

    def soa(self) -> Record | None:
        """The first SOA record of the authority section, which says how long a negative answer may be kept."""
        return next((one for one in self.authority if one.rdtype == RRType.SOA), None)

    def changed(self, **changes: Any) -> Answer:
        """The same with other fields, as ``dataclasses.replace``."""
        return replace(self, **changes)


@frozen
class Config:
    """The settings of resolv.conf(5), some of them replaced by the options of ``use``.

    ``timeout`` is seconds per try, ``attempts`` rounds over all servers. ``sortlist`` are IPv4 networks and masks.
    ``options`` has the words that are unknown here: the ``auto`` resolver leaves such systems to libc.
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
    no_tld_query: bool = False
    sortlist: tuple[tuple[int, int], ...] = ()
    options: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=(), compare=False)


# (family, type, proto, canonname, sockaddr), exactly the standard library's tuple.
SockAddr = tuple[str, int] | tuple[str, int, int, int]
AddrInfo = tuple[int, int, int, str, SockAddr]
