"""The stub resolver's policy: what getaddrinfo does around asking DNS, as plans without I/O.

A plan is a generator. It yields ``Ask`` (questions to be sent side by side) and is sent the outcomes, or ``Sources``
and is sent the addresses that the kernel would send from; it returns what the standard library would, or raises
that. ``front`` runs plans on the hub; a test runs them on a table.

Literals, ports, services, flags and the products of families, types and protocols are left to libc itself: with
AI_NUMERICHOST its getaddrinfo is a function of its arguments and asks nobody.
"""

from __future__ import annotations

import _socket
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from . import names, sort
from .errors import Kind, ResolveError
from .hosts import Hosts, normal
from .model import AddrInfo, Answer, Config, Question, RRType, SockAddr
from .validate import Found, follow

# Bound at import, so that a patched module is never asked.
_numeric: Any = _socket.getaddrinfo
_nameinfo: Any = _socket.getnameinfo

_INET, _INET6 = int(_socket.AF_INET), int(_socket.AF_INET6)
_TYPE_OF = {_INET: int(RRType.A), _INET6: int(RRType.AAAA)}
_NUMERICHOST, _CANONNAME = _socket.AI_NUMERICHOST, _socket.AI_CANONNAME
_ADDRCONFIG, _V4MAPPED, _ALL = _socket.AI_ADDRCONFIG, _socket.AI_V4MAPPED, _socket.AI_ALL
_NONAME, _NODATA, _AGAIN = _socket.EAI_NONAME, _socket.EAI_NODATA, _socket.EAI_AGAIN
_HERROR = {_NONAME: (1, "Unknown host"), _AGAIN: (2, "Host name lookup failure")}

# What no numeric form of an address ends in: no digit, no hexadecimal one, no x, no dot.
_NAME_ENDS = frozenset("ghijklmnopqrstuvwyzGHIJKLMNOPQRSTUVWYZ")
_PROTO_OF = {1: 6, 2: 17}  # SOCK_STREAM: TCP, SOCK_DGRAM: UDP

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask:
    """Send these questions at once; the plan is sent the outcomes in the same order."""

    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Sources:
    """Tell from which address the kernel would send to each of these; None where it cannot."""

    destinations: tuple[SockAddr, ...]


Plan = Generator[Ask | Sources, Any, T]


@dataclass(frozen=True, slots=True)
class World:
    """What the system's files say. ``order`` is nsswitch's for hosts; ``families`` those that AI_ADDRCONFIG counts."""

    config: Config
    hosts: Hosts
    order: tuple[str, ...] = ("files", "dns")
    families: frozenset[int] = frozenset((_INET, _INET6))


@dataclass(frozen=True, slots=True)
class _Addresses:
    """What a name has: (family, address) in the order found, the canonical name, the aliases."""

    found: list[tuple[int, str]]
    canonical: str
    aliases: tuple[str, ...] = ()


def _text(host: str | bytes) -> str:
    name = host.decode("latin-1") if isinstance(host, bytes) else names.to_ascii(host)
    if "\0" in name:
        raise ValueError("embedded null character")
    return name


def getaddrinfo(
    world: World, host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> Plan[list[AddrInfo]]:
    """``socket.getaddrinfo``."""
    if (
        host.__class__ is str
        and port.__class__ is int
        and 0 <= port <= 65535
        and type in _PROTO_OF
        and not proto
        and not flags
        and family in (0, _INET, _INET6)
        and host[-1:] in _NAME_ENDS
        and names.is_hostname(host)
    ):
        # The commonest call, a plain name and port, needs nothing of libc's checks.
        got = yield from _lookup(world, host, [family] if family else [_INET, _INET6])
        if len(got.found) == 1 and got.found[0][0] == _INET:
            return [(_INET, type, _PROTO_OF[type], "", (got.found[0][1], port))]
        return (yield from _finish(got, [one for _, one in got.found], port, type, 0, _NUMERICHOST))
    if isinstance(host, str | bytes) and ("\0" in host if isinstance(host, str) else 0 in host):
        raise ValueError("embedded null character")
    try:
        return _numeric(host, port, family, type, proto, flags | _NUMERICHOST)  # type: ignore[no-any-return]
    except _socket.gaierror as error:
        if error.errno != _NONAME or not host or flags & _NUMERICHOST or host in ("*", b"*"):
            raise ResolveError(Kind.ARGUMENT, str(host), code=error.errno) from None
    name = _text(host)
    # Of libc's checks only the service's came after the host's: an unknown one shows now.
    loopback = "::1" if family == _INET6 else "127.0.0.1"
    _numeric(loopback, port, 0, type, proto, flags & _socket.AI_NUMERICSERV | _NUMERICHOST)
    families = [family] if family else [_INET, _INET6]
    if flags & _ADDRCONFIG:
        if family == _INET6 and _INET6 not in world.families:
            raise ResolveError(Kind.NXDOMAIN, name)
        if world.families:
            families = [one for one in families if one in world.families]
        if not families:
            raise ResolveError(Kind.NXDOMAIN, name)
    mapped = family == _INET6 and flags & _V4MAPPED
    if mapped and flags & _ALL:
        families = [_INET6, _INET]
    try:
        got = yield from _lookup(world, name, families)
    except ResolveError as error:
        if not mapped or families != [_INET6] or error.errno == _AGAIN:
            raise
        got = yield from _lookup(world, name, [_INET])
    addresses = [f"::ffff:{address}" if mapped and one == _INET else address for one, address in got.found]
    hints = (flags & ~(_ADDRCONFIG | _V4MAPPED | _ALL)) | _NUMERICHOST
    return (yield from _finish(got, addresses, port, type, proto, hints))


def _finish(
    got: _Addresses, addresses: list[str], port: Any, type: int, proto: int, flags: int
) -> Generator[Sources, Any, list[AddrInfo]]:
    """The addresses in RFC 6724's order, each with libc's products of types and protocols."""
    if len(addresses) > 1:
        addresses = yield from _sorted(addresses)
    hints = flags & ~_CANONNAME
    result: list[AddrInfo] = [one for address in addresses for one in _numeric(address, port, 0, type, proto, hints)]
    if flags & _CANONNAME and result:
        first = result[0]
        result[0] = (first[0], first[1], first[2], got.canonical, first[4])
    return result


def _sorted(addresses: list[str]) -> Generator[Sources, Any, list[str]]:
    destinations = tuple(_numeric(one, 0, 0, _socket.SOCK_DGRAM, 0, _NUMERICHOST)[0][4] for one in addresses)
    sources = yield Sources(destinations)
    return sort.order(addresses, sources)


def _lookup(world: World, name: str, families: Sequence[int]) -> Plan[_Addresses]:
    """The hosts file and DNS in nsswitch's order."""
    error: ResolveError | None = None
    for source in world.order:
        if source == "files":
            found = _in_hosts(world.hosts, name, families)
            if found is not None:
                return found
            kind = names.special(name)
            if kind == "loopback":
                both = [(_INET6, "::1"), (_INET, "127.0.0.1")]
                return _Addresses([one for one in both if one[0] in families], name.removesuffix("."))
            if kind == "nothing":
                raise ResolveError(Kind.NXDOMAIN, name, detail="a name that never reaches DNS (RFC 6761, RFC 7686)")
        elif source == "dns":
            try:
                return (yield from _in_dns(world.config, name, families))
            except ResolveError as failed:
                error = failed
    raise error or ResolveError(Kind.NXDOMAIN, name)


def _in_hosts(hosts: Hosts, name: str, families: Sequence[int]) -> _Addresses | None:
    lines = hosts.find(name)
    if not lines:
        return None
    found = [(line.family, line.address) for line in lines if line.family in families]
    if _INET in families and _INET6 not in families:
        # As glibc: the IPv6 loopback of a hosts file counts as 127.0.0.1 where only IPv4 is asked for.
        found += [(_INET, "127.0.0.1") for line in lines if line.address == "::1"]
    if not found:
        return None
    first = next((line for line in lines if line.family in families), lines[0])
    aliases = tuple(one for line in lines if line.family in families for one in line.names[1:])
    return _Addresses(found, first.names[0], aliases)


def _in_dns(config: Config, name: str, families: Sequence[int]) -> Plan[_Addresses]:
    if not names.is_hostname(name):
        raise ResolveError(Kind.ILLEGAL, name, detail="not a host's name")
    types = [_TYPE_OF[one] for one in families if not (config.no_aaaa and one == _INET6)]
    nodata = soft = None
    for candidate in names.candidates(name, config):
        if len(candidate) > 253:
            continue
        questions = tuple(Question(candidate, one) for one in types)
        if config.single_request and len(questions) > 1:
            outcomes = []
            for question in questions:
                outcomes += yield Ask((question,))
        else:
            outcomes = yield Ask(questions)
        found: list[tuple[int, str]] = []
        canonical: Found | None = None
        failed: ResolveError | None = None
        exists = False
        for one, outcome in zip(types, outcomes, strict=True):
            if isinstance(outcome, Answer) and outcome.rcode == 0:
                exists = True
                chain = follow(outcome)
                if chain.data:
                    canonical = canonical or chain
                    family = _INET if one == RRType.A else _INET6
                    found += [(family, data) for data in chain.data]
            elif isinstance(outcome, Answer) and outcome.rcode != 3:
                failed = failed or _refused(name, outcome)
            elif isinstance(outcome, ResolveError):
                failed = failed or outcome
                if one == RRType.A and len(types) > 1:
                    found = []
                    soft = soft or outcome
                    break
        if found and canonical is not None and not (soft and failed is soft):
            return _Addresses(found, canonical.canonical, canonical.aliases)
        if failed is not None and not exists:
            soft = soft or failed
        elif exists:
            nodata = nodata or ResolveError(Kind.NODATA, name)
    if soft is not None:
        raise ResolveError(
            soft.kind, name, code=_AGAIN, detail=soft.detail, server=soft.server, rcode=soft.rcode, tried=soft.tried
        )
    raise nodata or ResolveError(Kind.NXDOMAIN, name, rcode=3)


def _refused(name: str, answer: Answer) -> ResolveError:
    kind = {1: Kind.FORMERR, 2: Kind.SERVFAIL, 4: Kind.NOTIMP, 5: Kind.REFUSED}.get(answer.rcode, Kind.OTHER)
    return ResolveError(kind, name, code=_AGAIN, server=answer.server, rcode=answer.rcode)


# -- the older calls -------------------------------------------------------------------------------------------


def _host_argument(call: str, host: Any) -> str:
    if not isinstance(host, str | bytes | bytearray):
        kind = "None" if host is None else host.__class__.__name__
        raise TypeError(f"{call}() argument 1 must be str, bytes or bytearray, not {kind}")
    try:
        name = host.encode("idna").decode("ascii") if isinstance(host, str) else bytes(host).decode("latin-1")
    except UnicodeError:
        raise TypeError(f"{call}() argument 1 must be a host name that IDNA can encode") from None
    if "\0" in name:
        raise TypeError(f"{call}() argument 1 must be encoded string without null bytes, not {host.__class__.__name__}")
    return name


def gethostbyname(world: World, host: Any) -> Plan[str]:
    """``socket.gethostbyname``."""
    name = _host_argument("gethostbyname", host)
    if name in ("", "<broadcast>"):
        return "255.255.255.255" if name else "0.0.0.0"
    got = yield from getaddrinfo(world, name, None, _INET)
    return str(got[0][4][0])


def gethostbyname_ex(world: World, host: Any) -> Plan[tuple[str, list[str], list[str]]]:
    """``socket.gethostbyname_ex``."""
    name = _host_argument("gethostbyname_ex", host)
    if name == "":
        raise _socket.herror(3, "Unknown server error")
    if name == "<broadcast>":
        raise _socket.herror(1, "Unknown host")
    try:
        literal = _numeric(name, None, _INET, _socket.SOCK_STREAM, 0, _NUMERICHOST)
    except _socket.gaierror as error:
        if error.errno != _NONAME or name == "*":
            raise ResolveError(Kind.ARGUMENT, name, code=error.errno) from None
    else:
        return name, [], [str(literal[0][4][0])]
    got = yield from _lookup(world, name, [_INET])
    return got.canonical, list(got.aliases), [address for _, address in got.found]


def gethostbyaddr(world: World, address: Any) -> Plan[tuple[str, list[str], list[str]]]:
    """``socket.gethostbyaddr``."""
    name = _host_argument("gethostbyaddr", address)
    if name == "":
        raise OSError("wildcard resolved to multiple address")
    got = yield from getaddrinfo(world, name, None, 0, _socket.SOCK_DGRAM)
    text = str(got[0][4][0])
    for source in world.order:
        if source == "files":
            found = normal(text)
            line = world.hosts.by_address.get(found[1]) if found else None
            if line is not None:
                return line.names[0], list(line.names[1:]), [text]
        elif source == "dns":
            [outcome] = yield Ask((Question(names.reverse(text), RRType.PTR),))
            chain = follow(outcome) if isinstance(outcome, Answer) and outcome.rcode == 0 else None
            if chain is not None and chain.data:
                first, *others = [one.removesuffix(".") for one in chain.data]
                return first, [*chain.aliases, *others], [text]
            if chain is not None:
                raise _socket.herror(4, "No address associated with name")
            nxdomain = isinstance(outcome, Answer) and outcome.rcode == 3
            raise _socket.herror(*_HERROR[_NONAME if nxdomain else _AGAIN])
    raise _socket.herror(*_HERROR[_NONAME])


def getnameinfo(world: World, sockaddr: Any, flags: int = 0) -> Plan[tuple[str, str]]:
    """``socket.getnameinfo``."""
    numeric: tuple[str, str] = _nameinfo(sockaddr, flags & ~_socket.NI_NAMEREQD | _socket.NI_NUMERICHOST)
    if flags & _socket.NI_NUMERICHOST:
        return _nameinfo(sockaddr, flags)  # type: ignore[no-any-return]
    try:
        found, _, _ = yield from gethostbyaddr(world, numeric[0])
    except _socket.herror as error:
        if error.errno == 2:
            raise ResolveError(Kind.OTHER, numeric[0], code=_AGAIN) from None
        if flags & _socket.NI_NAMEREQD:
            raise ResolveError(Kind.NXDOMAIN, numeric[0]) from None
        return numeric
    return found, numeric[1]
