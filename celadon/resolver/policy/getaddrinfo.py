"""The standard library's calls as plans: what CPython and glibc do before and after they ask nsswitch's sources.

libc itself handles literals, ports, services, flags and the products of types and protocols: with AI_NUMERICHOST its
getaddrinfo sends nothing and never waits.
"""

from __future__ import annotations

import _socket
from collections.abc import Callable, Generator, Sequence
from typing import Any

from .. import accel
from ..answers.cache import Key
from ..errors import Kind, ResolveError
from ..model import CLASS_IN, AddrInfo, Answer, Question, SockAddr
from ..names import domain, idn_flags
from ..names.address import normal
from ..names.idna import encode
from ..system.world import World
from . import address_order, nss
from .plan import Ask, Plan, Sources
from .search import HOST_NOT_FOUND, INTERNAL, NO_DATA, NO_RECOVERY, TRY_AGAIN, Result
from .sources import TYPE_OF

# Bound at import: patch_all may replace the module's own.
_numeric: Any = _socket.getaddrinfo
_nameinfo: Any = _socket.getnameinfo

_INET, _INET6 = int(_socket.AF_INET), int(_socket.AF_INET6)
_NUMERICHOST, _CANONNAME = int(_socket.AI_NUMERICHOST), int(_socket.AI_CANONNAME)
_ADDRCONFIG, _V4MAPPED, _ALL = int(_socket.AI_ADDRCONFIG), int(_socket.AI_V4MAPPED), int(_socket.AI_ALL)
_NUMERICSERV = int(_socket.AI_NUMERICSERV)
_NONAME, _AGAIN = int(_socket.EAI_NONAME), int(_socket.EAI_AGAIN)
_EAFNOSUPPORT = 97

_HERROR = {
    HOST_NOT_FOUND: "Unknown host",
    TRY_AGAIN: "Host name lookup failure",
    NO_RECOVERY: "Unknown server error",
    NO_DATA: "No address associated with name",
}

_FAMILIES = frozenset((0, _INET, _INET6))
# Letters that no numeric address ends in: not a hexadecimal digit, not x.
_NAME_ENDS = frozenset("ghijklmnopqrstuvwyzGHIJKLMNOPQRSTUVWYZ")
# type argument -> the (type, protocol) pairs of the result, in glibc's order (gaih_inet_typeproto)
_PROTOCOL = {1: 6, 2: 17}
_PRODUCTS = {0: ((1, 6), (2, 17), (3, 0)), 1: ((1, 6),), 2: ((2, 17),)}


def first_questions(
    world: World, host: Any, port: Any, family: int, type: int, proto: int, flags: int
) -> tuple[Question, ...] | None:
    """What ``getaddrinfo`` asks first for the commonest arguments; None where something else comes first.

    A plain name and a port number need none of ``checked``'s checks.
    """
    if plain(host, port, family, type, proto, flags) is None:
        return None
    return nss.first_questions(world, host, family)


def first_key(world: World, host: Any, port: Any, family: int, type: int, proto: int, flags: int) -> Key | None:
    """The cache's key of the one question that is first asked for one family; None where something else comes first."""
    low = plain(host, port, family, type, proto, flags)
    if low is None or not family:
        return None
    # As ``nss.first_questions``: a call less.
    if low.count(".") < world.dots or low in world.hosts.by_name or low.endswith(world.special):
        return None
    return low if family == _INET else (low, TYPE_OF[family], CLASS_IN, None)


def plain_in_python(host: Any, port: Any, family: int, type: int, proto: int, flags: int) -> str | None:
    """The host's name in lower case if these are the commonest arguments; else None.

    That is a host's name that cannot be a numeric address, a port's number, and neither protocol nor flags. They need
    none of ``checked``'s checks.
    """
    if (
        host.__class__ is str
        and port.__class__ is int
        and 0 <= port <= 65535
        and isinstance(family, int)
        and isinstance(type, int)
        and isinstance(proto, int)
        and isinstance(flags, int)
        and type in _PRODUCTS
        and not proto
        and not flags
        and family in _FAMILIES
        and host[-1:] in _NAME_ENDS
        and len(host) <= domain.MAX_NAME
        and domain.legal(host) is not None
    ):
        return host.lower()
    return None


#: As ``plain_in_python``, by the accelerator if it is there: a tenth of the instructions.
plain: Callable[[Any, Any, Any, Any, Any, Any], str | None]
plain = plain_in_python if accel.codec is None else accel.codec.plain


def of_one(one: tuple[int, str], port: int, type: int) -> list[AddrInfo]:
    """What ``answered`` returns if all that was asked for are IPv4 addresses, and this is the answer's ``one``."""
    place = one[1], port
    if type:
        return [(_INET, type, _PROTOCOL[type], "", place)]
    return [(_INET, kind, proto, "", place) for kind, proto in _PRODUCTS[0]]


def answered(
    world: World,
    host: str,
    port: int,
    family: int,
    type: int,
    questions: tuple[Question, ...],
    outcomes: list[Answer | ResolveError],
) -> Plan[list[AddrInfo]]:
    """``getaddrinfo`` whose first questions have these outcomes."""
    got = yield from nss.answered(world, host, family, questions, outcomes)
    return (yield from _finish(world, got, _PRODUCTS[type], port, False))


def getaddrinfo(
    world: World, host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> Plan[list[AddrInfo]]:
    """``socket.getaddrinfo``, with a short way for the commonest arguments."""
    questions = first_questions(world, host, port, family, type, proto, flags)
    if questions is None:
        return (yield from checked(world, host, port, family, type, proto, flags))
    outcomes = yield Ask(questions)
    return (yield from answered(world, host, port, family, type, questions, outcomes))


def checked(world: World, host: Any, port: Any, family: int, type: int, proto: int, flags: int) -> Plan[list[AddrInfo]]:
    """Getaddrinfo with every check of libc's, in its order: arguments, flags, interfaces, service, literals, name."""
    if isinstance(host, str | bytes):
        zero = host.find("\0") if isinstance(host, str) else host.find(0)
        if zero >= 0:
            if world.ways.nul:
                raise ValueError("embedded null character")
            host = (encode(host, world.ways.idna) if isinstance(host, str) else host)[:zero]
        elif isinstance(host, str) and not host.isascii():
            host = encode(host, world.ways.idna)
    try:
        return _numeric(host, port, family, type, proto, flags | _NUMERICHOST)  # type: ignore[no-any-return]
    except _socket.gaierror as error:
        if error.errno != _NONAME or host is None or flags & _NUMERICHOST or host in ("*", b"*"):
            raise ResolveError(Kind.ARGUMENT, _text(host), code=error.errno) from None
    if flags & idn_flags.AI_IDN and not host.isascii():
        host = idn_flags.to_dns(host)
    name = _text(host)
    if flags & _ADDRCONFIG:
        family = _configured(world, name, family)
    literal, percent, _ = name.partition("%")
    wrong_scope = percent and normal(literal) is not None and ":" in literal
    # libc checks the service before it looks the name up; a literal in place of the name shows its result.
    hints = flags & _NUMERICSERV | _NUMERICHOST
    try:
        products = _numeric("127.0.0.1", port, _INET, type, proto, hints)
    except _socket.gaierror as error:
        raise ResolveError(Kind.ARGUMENT, name, code=error.errno) from None
    if wrong_scope:
        raise ResolveError(Kind.NXDOMAIN, name, detail="an address with a scope that it cannot have")
    canonical, mapped = bool(flags & _CANONNAME), bool(flags & _V4MAPPED)
    got = yield from nss.addresses(world, name, family, canonical, mapped, bool(flags & _ALL))
    pairs = [(one[1], one[2]) for one in products]
    result = yield from _finish(world, got, pairs, products[0][4][1], canonical)
    if flags & idn_flags.AI_CANONIDN and canonical:
        first = result[0]
        result[0] = (*first[:3], idn_flags.from_dns(got.canonical), first[4])
    return result


def _text(host: Any) -> str:
    return host.decode("latin-1") if isinstance(host, bytes) else str(host)


def _configured(world: World, name: str, family: int) -> int:
    """AI_ADDRCONFIG: the family to look up if only families count of which the host has an address."""
    if family:
        if family not in world.families:
            raise ResolveError(Kind.NXDOMAIN, name, detail="AI_ADDRCONFIG: this host has no address of that family")
        return family
    return next(iter(world.families)) if len(world.families) == 1 else 0


def _finish(
    world: World, got: Result, products: Sequence[tuple[int, int]], port: int, canonical: bool
) -> Generator[Sources, Any, list[AddrInfo]]:
    """The result: addresses in RFC 6724's order, each with its types and protocols, the canonical name in the first."""
    found = got.found
    result: list[AddrInfo]
    if len(found) == 1:
        family, address = found[0]
        place = _sockaddr(family, address, port)
        result = [(family, kind, proto, "", place) for kind, proto in products]
    else:
        addresses = [address for _, address in found]
        sources = yield Sources(tuple([address_order.destination(one) for one in addresses]))
        # If the host has no IPv6 address, glibc's check_pf gives its sort no interfaces.
        interfaces = world.interfaces if _INET6 in world.families else None
        result = []
        for index, product in address_order.order(addresses, sources, len(products), world.rules, interfaces):
            family, address = found[index]
            result.append((family, *products[product], "", _sockaddr(family, address, port)))
    if canonical and result:
        family, kind, proto, _, sockaddr = result[0]
        result[0] = (family, kind, proto, _told(got.canonical), sockaddr)
    return result


def _told(name: str) -> str:
    """Libc's name as CPython decodes it, from UTF-8. UnicodeDecodeError for other bytes, from a hosts file."""
    return name if name.isascii() else name.encode("latin-1").decode()


def _sockaddr(family: int, address: str, port: int) -> SockAddr:
    if family == _INET:
        return address, port
    if "%" not in address:
        return address, port, 0, 0
    rows: list[AddrInfo] = _numeric(address, port, _INET6, 1, 0, _NUMERICHOST)  # for the scope's number
    return rows[0][4]


# -- the older calls -------------------------------------------------------------------------------------------


def host_argument(call: str, host: Any, idna: int = 2003) -> bytes:
    """The argument of one of the older calls as bytes, as CPython converts it. Raises TypeError or UnicodeError."""
    if not isinstance(host, str | bytes | bytearray):
        kind = "None" if host is None else host.__class__.__name__
        raise TypeError(f"{call}() argument 1 must be str, bytes or bytearray, not {kind}")
    name = encode(host, idna) if isinstance(host, str) else bytes(host)
    if 0 in name:
        raise TypeError(f"{call}() argument 1 must be encoded string without null bytes, not {host.__class__.__name__}")
    return name


def _set_address(world: World, name: bytes, family: int) -> Plan[str]:
    """CPython's setipaddr: the first address of a name. It knows three forms that getaddrinfo does not."""
    if not name:
        if family != _INET:
            raise OSError("wildcard resolved to multiple address")
        return "0.0.0.0"
    if name in (b"255.255.255.255", b"<broadcast>"):
        return "255.255.255.255"
    if b"%" not in name:
        literal = normal(name.decode("latin-1"))
        if literal is not None and (not family or literal[0] == family):
            return literal[1]
    got = yield from checked(world, name, None, family, 0, 0, 0)
    return str(got[0][4][0])


def gethostbyname(world: World, host: Any) -> Plan[str]:
    """``socket.gethostbyname``."""
    return (yield from _set_address(world, host_argument("gethostbyname", host, world.ways.idna), _INET))


def _herror(result: Result) -> OSError:
    number = result.told or HOST_NOT_FOUND
    return _socket.herror(number, _HERROR.get(number, "Resolver internal error"))


def gethostbyname_ex(world: World, host: Any) -> Plan[tuple[str, list[str], list[str]]]:
    """``socket.gethostbyname_ex``."""
    raw = host_argument("gethostbyname_ex", host, world.ways.idna)
    name = raw.decode("latin-1")
    yield from _set_address(world, raw, _INET)
    got = yield from nss.by_simple(world, name)
    if got.status != "success":
        raise _herror(got)
    return _told(got.canonical), [_told(one) for one in got.aliases], [address for _, address in got.found]


def gethostbyaddr(world: World, address: Any) -> Plan[tuple[str, list[str], list[str]]]:
    """``socket.gethostbyaddr``."""
    text = yield from _set_address(world, host_argument("gethostbyaddr", address, world.ways.idna), 0)
    got = yield from nss.name_of(world, text)
    if got.status != "success":
        raise _herror(got)
    family, found = got.found[0]
    if family != (_INET6 if ":" in text else _INET):
        raise OSError(_EAFNOSUPPORT, "Address family not supported by protocol")
    return _told(got.canonical), [_told(one) for one in got.aliases], [found]


def getnameinfo(world: World, sockaddr: Any, flags: int = 0) -> Plan[tuple[str, str]]:
    """``socket.getnameinfo``."""
    numeric: tuple[str, str] = _nameinfo(sockaddr, flags & ~_socket.NI_NAMEREQD | _socket.NI_NUMERICHOST)
    if flags & _socket.NI_NUMERICHOST:
        return _nameinfo(sockaddr, flags)  # type: ignore[no-any-return]
    address = numeric[0].partition("%")[0]
    got = yield from nss.name_of(world, address)
    if got.status == "success":
        name = got.canonical
        if flags & _socket.NI_NOFQDN:
            name = yield from _without_domain(world, name)
        return idn_flags.from_dns(name) if flags & idn_flags.NI_IDN else _told(name), numeric[1]
    if got.h_errno == TRY_AGAIN:
        raise ResolveError(Kind.OTHER, address, code=_AGAIN)
    if got.h_errno == INTERNAL:
        raise nss.no_source()
    if flags & _socket.NI_NAMEREQD:
        raise ResolveError(Kind.NXDOMAIN, address)
    return numeric


def _without_domain(world: World, name: str) -> Plan[str]:
    """NI_NOFQDN: the name without this host's domain (glibc's nrl_domainname: the first of its names with a dot)."""
    got = yield from nss.by_simple(world, "localhost")
    mine = got.canonical
    if "." not in mine:
        mine = _socket.gethostname()
    if "." not in mine:
        got = yield from nss.by_simple(world, mine)
        mine = got.canonical
    if "." not in mine:
        got = yield from nss.name_of(world, "127.0.0.1")
        mine = got.canonical
    domain = mine.partition(".")[2]
    at = name.find(domain) if domain else -1
    return name[: at - 1] if at > 0 and name[at - 1] == "." else name
