"""A name's addresses, or an address' name, from nsswitch's sources, with the statuses and errors that glibc's have.

glibc's getaddrinfo has three ways through its sources, and what a failure is called depends on the way: for IPv4 alone
without a canonical name it calls gethostbyname2_r (``by_simple``), for both families gethostbyname4_r (``by_both``),
else gethostbyname3_r for each family (``by_family``). Each source answers with a status, which decides whether the
next one is asked (nsswitch.conf(5)), and an h_errno, which decides what the failure is called.
"""

from __future__ import annotations

import _socket
from collections.abc import Iterator
from typing import Any

from ..answers.cname import follow
from ..errors import Kind, ResolveError
from ..model import Answer, Question, RRType, asking, new_tuple
from ..names import domain
from ..names.address import AF_INET, AF_INET6, digits_and_dots, reverse, unmapped
from ..system.world import Source, World
from .plan import Ask, Plan
from .search import HOST_NOT_FOUND, INTERNAL, NO_DATA, TRY_AGAIN, Failed, Result, lame, query
from .sources import ABSENT, NOT_FOUND, TYPE_OF, ask, in_answers

_NONAME, _NODATA, _AGAIN = int(_socket.EAI_NONAME), int(_socket.EAI_NODATA), int(_socket.EAI_AGAIN)
_EBUSY = 16


# -- the ways through the sources --------------------------------------------------------------------------------


def _present(world: World) -> Iterator[Source]:
    """The sources that there are: the older calls pass over the others, unless told to end there."""
    for source in world.order:
        if source.name in ("files", "dns") or source.table is not None or source.look is not None:
            yield source
        elif "unavail" in source.returns:
            return


def by_simple(world: World, name: str) -> Plan[Result]:
    """As gethostbyname2_r for IPv4: the last source's result, found or not."""
    if digits_and_dots(name):
        try:
            literal = _socket.inet_ntoa(_socket.inet_aton(name))
        except OSError:
            return NOT_FOUND
        return Result("success", 0, [(AF_INET, literal)], name)
    if ":" in name and (name[0] == ":" or name[0] in "0123456789abcdefABCDEF"):
        return NOT_FOUND
    result = ABSENT
    told = 0
    for source in _present(world):
        result = yield from ask(world, source, name, (AF_INET,))
        told = result.told or told
        if result.status in source.returns:
            break
    return _reordered(world, _last(result, told)) if world.reorder else _last(result, told)


def _last(result: Result, told: int) -> Result:
    return result if result.told == told or result is ABSENT else result._replace(told=told)


def _reordered(world: World, result: Result) -> Result:
    """host.conf's reorder: the first address that is on a net of this host changes places with the very first one."""
    found = list(result.found)
    local = next((at for at, (family, one) in enumerate(found) if family == AF_INET and _is_local(world, one)), 0)
    if not local:
        return result
    found[0], found[local] = found[local], found[0]
    return result._replace(found=found)


def _is_local(world: World, address: str) -> bool:
    number = int.from_bytes(_socket.inet_aton(address), "big")
    return any(
        (number ^ int.from_bytes(_socket.inet_aton(mine), "big")) >> 32 - interface.prefix == 0
        for mine, interface in world.interfaces.items()
        if ":" not in mine
    )


def _trimmed(world: World, name: str) -> str:
    """host.conf's trim."""
    low = name.lower()
    size = next((len(one) for one in world.trim if len(one) < len(low) and low.endswith(one.lower())), 0)
    return name[: len(name) - size]


def _raise_simple(name: str, result: Result) -> None:
    if result.status == "success":
        return
    code = _NONAME if result.h_errno == INTERNAL else _NODATA
    if result.h_errno == TRY_AGAIN and result.status != "notfound":
        code = _AGAIN
    elif result.status in ("notfound", "unknown"):
        code = _NODATA if result.h_errno == NO_DATA else _NONAME
    raise _error(name, code, result)


def no_source() -> OSError:
    """nsswitch.conf names no source that there is: EAI_SYSTEM, for libc with whatever errno an earlier call left."""
    return OSError(_EBUSY, "Device or resource busy")


def _error(name: str, code: int, result: Result) -> Exception:
    known = result.error
    kind = {_NONAME: Kind.NXDOMAIN, _NODATA: Kind.NODATA, _AGAIN: Kind.OTHER}[code]
    if known is None:
        return ResolveError(kind, name, code=code)
    return ResolveError(
        known.kind, name, code=code, detail=known.detail, server=known.server, rcode=known.rcode, tried=known.tried
    )


def _one_address(name: str, address: str) -> Result:
    """``Result("success", 0, [(AF_INET, address)], name)``, sooner: it is the commonest."""
    made: Result = new_tuple(Result, ("success", 0, [(AF_INET, address)], name, (), None, 0))
    return made


def quick(world: World, name: str, family: int) -> Plan[Result]:
    """``addresses`` of a legal name without flags, shorter where all goes well.

    A name of the commonest kind on the commonest system is asked for as it stands, and nearly always has what it is
    asked for. Where that is not so, ``addresses`` decides, which begins with the very same questions.
    """
    config = world.config
    if (
        not world.simple
        or name.count(".") < config.ndots
        or name[-1] == "."
        or world.hosts.find(name)
        or (world.ways.special_names and domain.special(name) is not None)
    ):
        return (yield from addresses(world, name, family, False, False, False))
    # Without a comprehension, whose cell would be one more object while we wait.
    asked = Ask((asking(name, TYPE_OF[family]),) if family else (asking(name, 1), asking(name, 28)))
    outcomes = yield asked
    if family == AF_INET and isinstance(first := outcomes[0], Answer) and not first.rcode and len(first.records) == 1:
        owner, rdtype, _, data, rdclass = first.records[0]
        if owner == name and rdtype == 1 and rdclass == 1:  # as below, for the commonest answer
            return _one_address(name, data)
    for one in outcomes:
        if not isinstance(one, Answer) or one.rcode or lame(one):
            break
    else:
        got = in_answers(world, outcomes)
        if got is not None:
            return got
    return (yield from _after(addresses(world, name, family, False, False, False), asked, outcomes))


def _after(plan: Plan[Result], asked: Ask, outcomes: list[Answer | ResolveError]) -> Plan[Result]:
    """Go on with a plan whose first questions were asked already."""
    request = next(plan)
    assert request == asked
    reply: Any = outcomes
    try:
        while True:
            request = plan.send(reply)
            reply = yield request
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # a plan's value is its T


def addresses(world: World, name: str, family: int, canonical: bool, mapped: bool, both: bool) -> Plan[Result]:
    """As getaddrinfo: the addresses of a name of one family or (0) of both, or ResolveError as libc calls it.

    ``canonical`` says whether AI_CANONNAME is set, ``mapped`` AI_V4MAPPED, ``both`` AI_ALL.
    """
    if family == AF_INET and not canonical:
        result = yield from by_simple(world, name)
        _raise_simple(name, result)
        return result
    result = ABSENT
    six = False
    no_data = no_data6 = 0
    for source in world.order:
        no_data = no_data6 = 0
        if not family:
            result = yield from ask(world, source, name, (AF_INET, AF_INET6))
            no_data = no_data6 = _no_data(result)
        else:
            result = yield from ask(world, source, name, (family,), canonical)
            no_data = no_data6 = _no_data(result)
            six = six or result.status == "success"
            if family == AF_INET6 and mapped and (both or result.status != "success"):
                other = yield from ask(world, source, name, (AF_INET,), canonical)
                no_data = _no_data(other)
                result = _joined(result, other)
        if result.status in source.returns:
            break
    if result.status == "success":
        if family == AF_INET6 and mapped and not both and six:
            # Mapped addresses stand in for IPv6 ones; there are some, so the mapped ones go, whoever made them.
            found = [one for one in result.found if not one[1].startswith("::ffff:") or "." not in one[1]]
            if not found:
                raise _error(name, _NONAME, result)
            return result._replace(found=found)
        return result
    if result.status in ("tryagain", "unavail") and result.h_errno == INTERNAL:
        raise no_source()
    if no_data and no_data6:
        raise _error(name, _AGAIN if no_data == no_data6 == TRY_AGAIN else _NODATA, result)
    raise _error(name, _NONAME, result)


def _no_data(result: Result) -> int:
    """What getaddrinfo remembers of a failure: TRY_AGAIN or NO_DATA, else 0."""
    return result.h_errno if result.status != "success" and result.h_errno in (TRY_AGAIN, NO_DATA) else 0


def _joined(six: Result, four: Result) -> Result:
    """IPv6 and IPv4 of one source, asked one after the other for AI_V4MAPPED."""
    mapped = [(AF_INET6, f"::ffff:{address}") for _, address in four.found]
    if six.status == "success" or four.status == "success":
        first = six if six.status == "success" else four
        return Result("success", 0, [*six.found, *mapped], first.canonical, first.aliases)
    status = four.status
    if six.status == "tryagain" or (four.status == "unavail" and six.status != "unavail"):
        status = six.status
    return Result(status, four.h_errno, error=four.error or six.error)


def name_of(world: World, address: str) -> Plan[Result]:
    """As gethostbyaddr_r: the names of an address; ``found`` is the address in the family that the source gave it."""
    family = AF_INET6 if ":" in address else AF_INET
    if address == "::":
        return NOT_FOUND
    result = ABSENT
    told = 0
    for source in _present(world):
        if source.name == "files":
            result = _name_in_files(world, address, family)
        elif source.name == "dns":
            result = yield from _name_in_dns(world, address)
        else:
            result = Result("unknown", HOST_NOT_FOUND)  # they have addresses only
        told = result.told or told
        if result.status in source.returns:
            break
    result = _last(result, told)
    if world.trim:
        aliases = tuple([_trimmed(world, one) for one in result.aliases])
        result = result._replace(canonical=_trimmed(world, result.canonical), aliases=aliases)
    return result


def _name_in_files(world: World, address: str, family: int) -> Result:
    line = world.hosts.by_address.get(address)
    if line is None:
        return NOT_FOUND if world.hosts.readable else Result("unavail", 0)
    return Result("success", 0, [(family, address)], line.names[0], line.names[1:])


def _name_in_dns(world: World, address: str) -> Plan[Result]:
    plain = unmapped(address)
    question = Question(reverse(plain), RRType.PTR)
    answered = yield from query(world, question.name, (int(RRType.PTR),))
    if isinstance(answered, Failed):
        return Result("notfound", answered.h_errno, error=answered.error, told=answered.h_errno)
    chain = follow(answered[0], world.ways.cname_order)
    name = chain.data[0].removesuffix(".") if chain.data else ""
    if not domain.is_hostname(name):
        error = ResolveError(Kind.NODATA, address, server=answered[0].server, detail="no name that a host can have")
        return Result("tryagain", HOST_NOT_FOUND, error=error)
    return Result("success", 0, [(AF_INET6 if ":" in plain else AF_INET, plain)], name)
