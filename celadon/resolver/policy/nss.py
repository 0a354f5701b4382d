"""A name's addresses, or an address' name, from the sources of nsswitch.conf, with glibc's statuses and errors.

glibc's getaddrinfo has three ways through the sources, and the error of a failure depends on the way. For IPv4 without
a canonical name it calls gethostbyname2_r (``by_simple``); for both families gethostbyname4_r, and for one family with
more wishes gethostbyname3_r (both in ``addresses``). Each source reports a status, which decides whether the next one
is asked (nsswitch.conf(5)), and an h_errno, which decides the error.
"""

from __future__ import annotations

import _socket
import errno
from collections.abc import Iterator
from typing import Any

from ..answers.cname import follow
from ..errors import Kind, ResolveError
from ..model import Answer, Question, RRType, asking
from ..names import domain
from ..names.address import AF_INET, AF_INET6, digits_and_dots, reverse, unmapped
from ..system.world import Source, World
from .plan import Ask, Plan
from .search import HOST_NOT_FOUND, INTERNAL, NO_DATA, TRY_AGAIN, Failed, Result, lame, query
from .sources import ABSENT, NOT_FOUND, TYPE_OF, ask, in_answers

_NONAME, _NODATA, _AGAIN = int(_socket.EAI_NONAME), int(_socket.EAI_NODATA), int(_socket.EAI_AGAIN)


# -- the ways through the sources --------------------------------------------------------------------------------


def _present(world: World) -> Iterator[Source]:
    """The sources that exist here. The older calls skip the others, but end at one with [UNAVAIL=return]."""
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
    """host.conf's reorder: swap the first address that is on a net of this host with the very first address."""
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
    """The name without the first domain of host.conf's trim that it ends in."""
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
    """nsswitch.conf names no source that exists: EAI_SYSTEM. libc's errno is what an earlier call left there."""
    return OSError(errno.EBUSY, "Device or resource busy")


def _error(name: str, code: int, result: Result) -> Exception:
    known = result.error
    kind = {_NONAME: Kind.NXDOMAIN, _NODATA: Kind.NODATA, _AGAIN: Kind.OTHER}[code]
    if known is None:
        return ResolveError(kind, name, code=code)
    return ResolveError(
        known.kind, name, code=code, detail=known.detail, server=known.server, rcode=known.rcode, tried=known.tried
    )


def first_questions(world: World, name: str, family: int) -> tuple[Question, ...] | None:
    """What ``addresses`` of a legal name without flags and final dot asks first; None where something else comes first.

    On a common system a name with enough dots goes to DNS as it stands, and nearly always exists.
    """
    low = name.lower()
    if low.count(".") < world.dots or low in world.hosts.by_name or low.endswith(world.special):
        return None
    if family:
        return (asking(name, TYPE_OF[family]),)
    return asking(name, 1), asking(name, 28)


def answered(
    world: World, name: str, family: int, questions: tuple[Question, ...], outcomes: list[Answer | ResolveError]
) -> Plan[Result]:
    """``addresses`` whose first questions have these outcomes."""
    answers = [one for one in outcomes if isinstance(one, Answer) and not one.rcode and (one.one or not lame(one))]
    got = in_answers(world, answers) if len(answers) == len(outcomes) else None
    if got is not None:
        return got
    return (yield from _after(addresses(world, name, family, False, False, False), Ask(questions), outcomes))


def quick(world: World, name: str, family: int) -> Plan[Result]:
    """``addresses`` of a legal name without flags, with a short way for the commonest case."""
    questions = None if name[-1] == "." else first_questions(world, name, family)
    if questions is None:
        return (yield from addresses(world, name, family, False, False, False))
    outcomes = yield Ask(questions)
    return (yield from answered(world, name, family, questions, outcomes))


def _after(plan: Plan[Result], asked: Ask, outcomes: list[Answer | ResolveError]) -> Plan[Result]:
    """Run a plan whose first questions have been answered already."""
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
    """As getaddrinfo (gaih_inet): the addresses of one family, or of both for 0. ResolveError with libc's number.

    ``canonical`` is AI_CANONNAME, ``mapped`` AI_V4MAPPED, ``both`` AI_ALL.
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
            # Mapped addresses only replace missing IPv6 ones. glibc drops all mapped ones here, also those from DNS.
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
    """What getaddrinfo keeps of a failure: TRY_AGAIN or NO_DATA, else 0 (gaih_inet's no_data)."""
    return result.h_errno if result.status != "success" and result.h_errno in (TRY_AGAIN, NO_DATA) else 0


def _joined(six: Result, four: Result) -> Result:
    """The IPv6 and the IPv4 result of one source as one result, for AI_V4MAPPED."""
    mapped = [(AF_INET6, f"::ffff:{address}") for _, address in four.found]
    if six.status == "success" or four.status == "success":
        first = six if six.status == "success" else four
        return Result("success", 0, [*six.found, *mapped], first.canonical, first.aliases)
    status = four.status
    if six.status == "tryagain" or (four.status == "unavail" and six.status != "unavail"):
        status = six.status
    return Result(status, four.h_errno, error=four.error or six.error)


def name_of(world: World, address: str) -> Plan[Result]:
    """As gethostbyaddr_r: the names of an address. ``found`` is the address, in the family that the source has."""
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
            result = Result("unknown", HOST_NOT_FOUND)  # tables and functions have addresses only
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
