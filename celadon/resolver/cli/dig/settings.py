"""What a command line means, as values: the command as a whole, and each question that it asks."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...model import QueryOptions, RRType


class Settings(NamedTuple):
    """How one question is asked, and how its answer is shown. The defaults are dig's.

    ``servers`` are as they were given (addresses, names, URIs), ``types`` and ``rdclass`` numbers. ``timeout`` is in
    seconds per try, ``tries`` rounds over all servers. ``cookie`` None sends none, empty a random one (RFC 7873).
    ``scheme``, where it is not empty, is how the servers are spoken to, ``path`` the URI's; ``tls_trust`` and
    ``tls_hostname`` are ``Server.trust`` and ``Server.hostname``.
    ``ixfr`` is the serial that we have of a zone, None for all of it; ``qid`` the id of each message, None for any.
    At None, ``tcp`` is on for ANY alone (RFC 8482 §4), ``idnout`` on a terminal, ``rrcomments`` with ``multiline``.
    """

    types: tuple[int, ...] = ()
    rdclass: int = 1
    servers: tuple[str, ...] = ()
    # how it is asked
    scheme: str = ""
    path: str = ""
    tls_trust: str | None = None
    tls_hostname: str = ""
    timeout: float = 2.0
    tries: int = 3
    tcp: bool | None = None
    ignore: bool = False
    rd: bool = True
    cd: bool = False
    ad: bool = True
    aa: bool = False
    z: bool = False
    dnssec: bool = False
    edns: int | None = 0
    ednsnegotiation: bool = True
    bufsize: int = 1232
    nsid: bool = False
    subnet: str | None = None
    cookie: bytes | None = b""
    padding: int = 0
    ednsopt: tuple[tuple[int, bytes], ...] = ()
    co: bool = False
    opcode: int = 0
    qid: int | None = None
    header_only: bool = False
    fail: bool = False
    ixfr: int | None = None
    onesoa: bool = False
    search: bool = False
    showsearch: bool = False
    domain: str | None = None
    ndots: int | None = None
    trace: bool = False
    nssearch: bool = False
    validate: bool = False
    # how it is shown
    format: str = "dig"
    short: bool = False
    cmd: bool = True
    comments: bool = True
    question: bool = True
    answer: bool = True
    authority: bool = True
    additional: bool = True
    stats: bool = True
    ttlid: bool = True
    ttlunits: bool = False
    show_class: bool = True
    multiline: bool = False
    rrcomments: bool | None = None
    crypto: bool = True
    split: int | None = None
    identify: bool = False
    qr: bool = False
    idnin: bool = True
    idnout: bool | None = None
    expandaaaa: bool = False

    def query_options(self, rdtype: int, cookie: bytes | None) -> QueryOptions:
        """What the engine has to know; ``cookie`` is the client cookie to send."""
        return QueryOptions(
            tcp=rdtype == RRType.ANY if self.tcp is None else self.tcp,
            ignore_tc=self.ignore,
            rd=self.rd,
            cd=self.cd,
            ad=self.ad,
            aa=self.aa,
            z=self.z,
            dnssec=self.dnssec,
            edns=self.edns,
            bufsize=self.bufsize,
            nsid=self.nsid,
            subnet=self.subnet,
            cookie=cookie,
            padding=self.padding,
            edns_options=self.ednsopt,
            final=self.fail,
            co=self.co,
        )


class Run(NamedTuple):
    """What holds for the command as a whole. ``action`` is ``ask``, or what is printed instead of asking.

    ``key`` is the TsigKey that messages are signed with, ``source`` the address and port that they leave from.
    """

    action: str = "ask"
    batch: str | None = None
    resolver: str = "python"
    port: int = 0
    family: int = 0
    hints: str | None = None
    anchors: str | None = None
    key: Any = None
    source: tuple[str, int] | None = None
    color: str = "auto"
    why: bool = False
    by_rcode: bool = False
    strict: bool = False
    microseconds: bool = False
    warnings: tuple[str, ...] = ()


class Lookup(NamedTuple):
    """One question of the command line: ``given`` is the word as it stood there, ``name`` what is asked for."""

    given: str
    name: str
    rdtype: int
    settings: Settings


class Command(NamedTuple):
    """A command line, understood. ``base`` is what stood before the first name, and so holds for batch lines too."""

    run: Run
    base: Settings
    lookups: tuple[Lookup, ...]
