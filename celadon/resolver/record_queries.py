"""Records of any type, asked for by name: ``query``, and short ways to the usual ones.

All of it goes past hosts file and search list: names are absolute, with or without final dot.
"""

from __future__ import annotations

import _random
from collections.abc import Callable
from typing import Any

from . import in_use, registry
from .errors import LOOKUP_ERRORS, Kind, ResolveError, ResolverConfigError, noted
from .model import QueryOptions, Question, RRType, Server
from .names import record_type
from .names.address import normal
from .names.address import reverse as reverse_name
from .names.domain import to_ascii
from .query_answer import Https, Mx, QueryAnswer, Srv, https_of, mx_of, srv_of, srv_order, told, txt_of
from .system.servers import parse_server

_CLASSES = {"IN": 1, "CH": 3, "HS": 4, "ANY": 255}
_MAX_ALIASES = 8  # RFC 9460 §2.4.2 leaves the bound to us
_chance = _random.Random().random


def query(
    name: str,
    rrtype: str | int = "A",
    *,
    rclass: str | int = "IN",
    server: str | Server | None = None,
    tcp: bool = False,
    dnssec: bool = False,
    deadline: float | None = None,
    validate: bool = False,
    anchors: str | None = None,
) -> QueryAnswer:
    """Ask DNS one question about an absolute ``name``; parks only the calling greenlet.

    ``server`` (``address``, ``address:port``) is asked in place of the configured ones, ``tcp`` without trying UDP
    first, ``dnssec`` sets the DO bit, so that signatures come along (RFC 4035 §3.2.1); ``deadline`` bounds the whole in
    seconds, in place of the resolver's own. The same answer whichever engine, from the cache where it is there.

    ``validate`` checks the signatures from a trust anchor down (DNSSEC, RFC 4035 §5): what is returned is secure or
    proven to be unsigned, and ``validation`` says which; an error's ``answer`` has it too. ``anchors`` is a file of DS
    or DNSKEY records, or BIND's trust-anchors, in place of the root's keys.

    Raises ResolveError: Kind.NXDOMAIN, NODATA, SERVFAIL, REFUSED, FORMERR, NOTIMP with the reply as ``answer``, TIMEOUT
    and NETWORK where none came, ILLEGAL for what is no name, UNSUPPORTED where the resolver in use (``thread``,
    ``block``) has no way to ask; with ``validate`` BOGUS for what is forged or broken, INDETERMINATE where the proof
    could not be had. ResolverUnavailable for ``validate`` without the extra ``dnssec``. ResolverConfigError for a type,
    a class, a server or a file of anchors that cannot be.
    """
    made = in_use.current()
    question = question_of(name, rrtype, rclass, server, tcp, dnssec, deadline, made.idna)
    try:
        if validate:
            return told(registry.validation().query(made, question, deadline, anchors))
        return told(made.query(question, deadline))
    except LOOKUP_ERRORS as error:
        raise noted(error, name, made)  # noqa: B904  (the same error)


def question_of(
    name: str,
    rrtype: str | int,
    rclass: str | int,
    server: str | Server | None,
    tcp: bool,
    dnssec: bool,
    deadline: float | None,
    idna: int,
) -> Question:
    """The question that the arguments of ``query`` mean. Raises what ``query`` raises for such as cannot be."""
    if deadline is not None and not deadline > 0:
        raise ResolverConfigError(f"deadline: {deadline!r} is not a positive number of seconds")
    options = None
    if server is not None or tcp or dnssec:
        at = parse_server(server) if isinstance(server, str) else server
        options = QueryOptions(server=at, tcp=tcp, dnssec=dnssec)
    if not isinstance(name, str):
        raise TypeError(f"a name to ask for is a str, not {type(name).__name__}: {name!r}")
    asked = to_ascii(name, idna).removesuffix(".")
    return Question(asked, record_type.parse_type(rrtype), _class(rclass), options)


def _class(given: str | int) -> int:
    if given == "IN":
        return 1  # nearly always
    if isinstance(given, int) and 0 <= given <= 0xFFFF:
        return int(given)
    if isinstance(given, str) and given.upper() in _CLASSES:
        return _CLASSES[given.upper()]
    raise ResolverConfigError(f"unknown class {given!r}; there are {', '.join(_CLASSES)} and numbers")


def mx(name: str, **options: Any) -> tuple[Mx, ...]:
    """Who takes mail for a domain, best first; empty where it says that nobody does (RFC 7505). Options as ``query``'s.

    Raises what ``query`` raises: with Kind.NODATA, the domain itself takes its mail (RFC 5321 §5.1).
    """
    return mx_of(query(name, RRType.MX, **options))


def srv(name: str, *, random: Callable[[], float] = _chance, **options: Any) -> tuple[Srv, ...]:
    """Where a service (``_xmpp-client._tcp.example.com``) is, in the order to be tried (RFC 2782).

    By priority, and among equals by lot with the weights as chances: ``random`` gives a number from 0 to less than 1.
    Empty where the service is said not to be there. Options, and what is raised, as ``query``'s.
    """
    return srv_order(srv_of(query(name, RRType.SRV, **options)), random)


def txt(name: str, **options: Any) -> tuple[bytes, ...]:
    """The texts of a name, each record's strings joined. Options, and what is raised, as ``query``'s."""
    return txt_of(query(name, RRType.TXT, **options))


def reverse(address: str, **options: Any) -> tuple[str, ...]:
    """The names of an IPv4 or IPv6 address, without final dots (RFC 1035 §3.5, RFC 3596 §2.5).

    Options, and what is raised, as ``query``'s; Kind.ARGUMENT for what is no address.
    """
    if normal(address) is None:
        raise ResolveError(Kind.ARGUMENT, address, detail="not an IPv4 or IPv6 address")
    found = query(reverse_name(address), RRType.PTR, **options)
    return tuple(one.removesuffix(".") for one in found.data)


def https(name: str, port: int = 443, **options: Any) -> tuple[Https, ...]:
    """How the HTTPS origin ``name:port`` is reached, best first; aliases are followed (RFC 9460 §2.4.2, §9.1).

    Options, and what is raised, as ``query``'s. An alias to ``.``, to itself or through more than eight names gives
    nothing.
    """
    owner = name if port == 443 else f"_{port}._https.{name}"
    for _ in range(_MAX_ALIASES):
        found = https_of(query(owner, RRType.HTTPS, **options))
        alias = found[0]
        if alias.priority:
            return found
        owner = alias.target
        if not owner:
            break
    return ()
