"""A name's addresses, or an address' name, from nsswitch's sources, with the statuses and errors that glibc's have.

glibc's getaddrinfo has three ways through its sources, and what a failure is called depends on the way: for IPv4 alone
without a canonical name it calls gethostbyname2_r (``by_simple``), for both families gethostbyname4_r (``by_both``),
else gethostbyname3_r for each family (``by_family``). Each source answers with a status, which decides whether the
next one is asked (nsswitch.conf(5)), and an h_errno, which decides what the failure is called.
"""

from __future__ import annotations

import _socket
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ..answers.cname import follow
from ..errors import KIND_OF_RCODE, Kind, ResolveError
from ..model import Answer, Question, RRType, asking, new_tuple
from ..names import domain
from ..names.address import digits_and_dots, normal, reverse, unmapped
from ..system.world import Source, World
from .plan import Ask, Call, Plan

_INET, _INET6 = int(_socket.AF_INET), int(_socket.AF_INET6)
_TYPE_OF = {_INET: int(RRType.A), _INET6: int(RRType.AAAA)}
_NONAME, _NODATA, _AGAIN = int(_socket.EAI_NONAME), int(_socket.EAI_NODATA), int(_socket.EAI_AGAIN)
_EBUSY = 16

# The values of h_errno, as in netdb.h.
HOST_NOT_FOUND, TRY_AGAIN, NO_RECOVERY, NO_DATA, INTERNAL = 1, 2, 3, 4, -1

_NO_ANSWER = frozenset((2, 4, 5))  # rcodes after which res_send goes on to the next server
_AA_OR_RA = 0x0480


class Result(NamedTuple):
    """What a source said: (family, address) in its order, the canonical name, aliases; or why there is nothing.

    ``status`` is nsswitch's word, or ``unknown`` of a table or a function that leaves the name to others, ``h_errno``
    netdb.h's number, ``told`` the one that the last DNS query of all left in the global h_errno, where CPython looks
    for it; ``error`` tells people.
    """

    status: str
    h_errno: int = 0
    found: Sequence[tuple[int, str]] = ()
    canonical: str = ""
    aliases: tuple[str, ...] = ()
    error: ResolveError | None = None
    told: int = 0


def _one_address(name: str, address: str) -> Result:
    """``Result("success", 0, [(AF_INET, address)], name)``, sooner: it is the commonest."""
    made: Result = new_tuple(Result, ("success", 0, [(_INET, address)], name, (), None, 0))
    return made


_ABSENT = Result("unavail", INTERNAL, told=INTERNAL)
_NOT_FOUND = Result("notfound", HOST_NOT_FOUND)


# -- the sources -------------------------------------------------------------------------------------------------


def _files(world: World, name: str, families: Sequence[int]) -> Result:
    lines = world.hosts.find(name)
    if len(families) == 1:
        family = families[0]
        pairs = [(line, address) for line in lines if (address := line.as_family(family)) is not None]
    else:
        pairs = [(line, line.address) for line in lines]
    if not world.multi:
        pairs = pairs[:1]
    found = [(families[0] if len(families) == 1 else line.family, address) for line, address in pairs]
    if not found:
        return _NOT_FOUND if world.hosts.readable else Result("unavail", 0)
    canonical = pairs[0][0].names[0]
    aliases = [*pairs[0][0].names[1:]]
    for line, _ in pairs[1:]:
        aliases += line.names[1:]
        if line.names[0] != canonical:
            aliases.append(line.names[0])
    return Result("success", 0, found, canonical, tuple(aliases))


def _special(name: str, families: Sequence[int]) -> Result | None:
    """RFC 6761 and RFC 7686: what never reaches DNS."""
    kind = domain.special(name)
    if kind == "loopback":
        both = [(_INET6, "::1"), (_INET, "127.0.0.1")]
        return Result("success", 0, [one for one in both if one[0] in families], name.removesuffix("."))
    if kind == "nothing":
        error = ResolveError(Kind.NXDOMAIN, name, detail="a name that never reaches DNS (RFC 6761, RFC 7686)")
        return _NOT_FOUND._replace(error=error)
    return None


def _dns(world: World, name: str, families: Sequence[int], any_name: bool) -> Plan[Result]:
    if not name and world.aliases:
        name = world.aliases.get("") or name
    legal = domain.is_hostname(name)
    if not legal:
        error = ResolveError(Kind.ILLEGAL, name, detail="not a host's name")
        if not any_name:
            return _NOT_FOUND._replace(error=error, told=0 if name else NO_RECOVERY)
        # gethostbyname3_r asks all the same, and takes no address for an answer; but NODATA it does.
        searched = yield from _search(world, domain.escaped(name), [_TYPE_OF[one] for one in families])
        return searched if isinstance(searched, Result) else Result("unavail", NO_RECOVERY, error=error)
    if world.aliases and "." not in name:
        name = world.aliases.get(name.lower()) or name
    config = world.config
    types = [_TYPE_OF[one] for one in families]
    if config.no_aaaa and len(types) > 1:
        types = [int(RRType.A)]
    searched = yield from _search(world, name, types)
    if isinstance(searched, Result):
        return searched
    got = _in_answers(world, searched)
    if got is not None:
        if config.sortlist and types == [RRType.A] and families == (_INET,):
            return got._replace(found=sorted(got.found, key=lambda one: _rank(config.sortlist, one[1])))
        return got
    error = ResolveError(Kind.NODATA, name, server=searched[0].server, detail="an answer without an address")
    if len(families) == 1:
        return Result("tryagain", NO_RECOVERY, error=error)
    return Result("notfound", HOST_NOT_FOUND, error=error)


def _rank(sortlist: Sequence[tuple[int, int]], address: str) -> int:
    number = int.from_bytes(_socket.inet_aton(address), "big")
    return next((rank for rank, (net, mask) in enumerate(sortlist) if net == number & mask), len(sortlist))


def _in_answers(world: World, answers: Sequence[Answer]) -> Result | None:
    """The addresses that the answers hold; None if there are none."""
    found: list[tuple[int, str]] = []
    canonical = ""
    aliases: tuple[str, ...] = ()
    for answer in answers:
        chain = follow(answer, world.ways.cname_order)
        if not chain.data:
            continue
        if not found:
            canonical, aliases = chain.canonical, chain.aliases
        if answer.question.rdtype == RRType.A:
            found += [(_INET, data) for data in chain.data]
        else:
            found += [(_INET6, literal[1] if (literal := normal(data)) else data) for data in chain.data]
    if not found:
        return None
    if not aliases:
        return Result("success", 0, found, canonical)
    chain_names = [one for one in (*aliases, canonical) if domain.is_hostname(one)]
    return Result("success", 0, found, chain_names[-1], tuple(chain_names[:-1]))


class _Failed(NamedTuple):
    """Why a name has no answer: res_query's h_errno, and whether the servers did not even answer."""

    h_errno: int
    error: ResolveError
    unanswered: bool = False
    servfail: bool = False
    refused: bool = False  # nobody listens


def _search(world: World, name: str, types: Sequence[int]) -> Plan[list[Answer] | Result]:
    """The search list, as res_search goes through it: the answers of the first name that has any."""
    config = world.config
    dots = name.count(".")
    trailing = name.endswith(".")
    first: _Failed | None = None
    last: _Failed | None = None
    if world.aliases and not dots and (alias := world.aliases.get(name.lower())):
        answered = yield from _query(world, alias.removesuffix("."), types)
        return _failure(name, answered, answered) if isinstance(answered, _Failed) else answered
    nodata = servfail = None
    domains = () if trailing else config.search
    root = "" in domains
    if dots >= config.ndots or trailing:
        answered = yield from _query(world, name.removesuffix("."), types)
        if not isinstance(answered, _Failed):
            return answered
        first = last = answered
        if trailing:
            return _failure(name, first, first)
    stop = False
    for suffix in domains:
        answered = yield from _query(world, f"{name}.{suffix}".removesuffix("."), types)
        if not isinstance(answered, _Failed):
            return answered
        last = answered
        if answered.refused:
            return _failure(name, last, last)
        if answered.h_errno == NO_DATA:
            nodata = nodata or answered
        elif answered.h_errno == TRY_AGAIN and answered.servfail:
            servfail = servfail or answered
        elif answered.h_errno != HOST_NOT_FOUND:
            stop = True
        if stop:
            break
    if first is None and not root and (dots or not domains or not config.no_tld_query):
        answered = yield from _query(world, name, types)
        if not isinstance(answered, _Failed):
            return answered
        last = answered
    assert last is not None
    return _failure(name, first or nodata or servfail or last, last)


def _failure(name: str, why: _Failed, last: _Failed) -> Result:
    # The status tells of the last name that was asked, h_errno of the one that counts.
    status = "unavail" if last.unanswered else "notfound"
    return Result(status, why.h_errno, error=_named(why.error, name), told=why.h_errno)


def _named(error: ResolveError, name: str) -> ResolveError:
    """The same failure of the name as it was asked, before the search list."""
    return ResolveError(
        error.kind,
        name,
        code=error.errno,
        detail=error.detail,
        server=error.server,
        rcode=error.rcode,
        tried=error.tried,
    )


def _query(world: World, name: str, types: Sequence[int]) -> Plan[list[Answer] | _Failed]:
    """One absolute name, as res_query asks it: the answers to look into, or why there are none."""
    if not domain.fits(name):
        return _Failed(NO_RECOVERY, ResolveError(Kind.ILLEGAL, name, detail="longer than a name can be"))
    config = world.config
    if config.no_aaaa and types[0] == RRType.AAAA:
        # Whether the name exists is asked all the same.
        answered = yield from _query(world, name, (int(RRType.A),))
        if isinstance(answered, _Failed):
            return answered
        return _Failed(NO_DATA, ResolveError(Kind.NODATA, name, detail="option no-aaaa"))
    questions = tuple([Question(name, one) for one in types])
    outcomes: list[Answer | ResolveError]
    if (config.single_request or config.single_request_reopen) and len(questions) > 1:
        outcomes = []
        for question in questions:
            outcomes += yield Ask((question,))
            last = outcomes[-1]
            if isinstance(last, ResolveError) or (last.rcode in _NO_ANSWER and not config.use_vc):
                break  # res_send waits for an answer to the first before it sends the second
    else:
        outcomes = yield Ask(questions)
    failed: list[_Failed] = []
    answers: list[Answer] = []
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, ResolveError):
            lost = _Failed(TRY_AGAIN, outcome, True, refused=outcome.kind is Kind.NETWORK)
            if index == 0 and len(outcomes) > 1 and world.ways.strict:
                return lost  # without the A records there is no answer, whatever else came
            failed.append(lost)
        elif outcome.rcode in _NO_ANSWER and not config.use_vc:
            failed.append(_Failed(TRY_AGAIN, _refusal(name, outcome), True, outcome.rcode == 2))
        elif _lame(outcome):
            failed.append(_Failed(TRY_AGAIN, ResolveError(Kind.SERVFAIL, name, detail="a lame server"), True))
        else:
            answers.append(outcome)
    if not answers:
        return failed[0]
    if any(one.rcode == 0 and (one.records or one.unrelated) for one in answers):
        return answers  # libc looks into what is unrelated, too, and finds no address
    rcode = answers[0].rcode or answers[-1].rcode
    if rcode == 0:
        return _Failed(NO_DATA, ResolveError(Kind.NODATA, name, server=answers[0].server, rcode=0))
    h_errno = {2: TRY_AGAIN, 3: HOST_NOT_FOUND}.get(rcode, NO_RECOVERY)
    return _Failed(h_errno, _refusal(name, next(one for one in answers if one.rcode)), servfail=rcode == 2)


def _lame(answer: Answer) -> bool:
    """An empty answer from who neither knows nor asks others: res_send goes on to the next server."""
    some = answer.records or answer.unrelated or answer.additional
    return not (some or not answer.flags or answer.rcode or answer.flags & _AA_OR_RA)


def _refusal(name: str, answer: Answer) -> ResolveError:
    kind = KIND_OF_RCODE.get(answer.rcode, Kind.OTHER)
    return ResolveError(kind, name, server=answer.server, rcode=answer.rcode)


# -- the ways through the sources --------------------------------------------------------------------------------


def _ask(world: World, source: Source, name: str, families: Sequence[int], any_name: bool = False) -> Plan[Result]:
    if source.name == "files":
        return _files(world, name, families)
    if source.name == "dns":
        special = _special(name, families) if world.ways.special_names else None
        if special is not None:
            return special
        return (yield from _dns(world, name, families, any_name))
    if source.table is not None:
        given = source.table.get(name.lower().removesuffix("."))
        if isinstance(given, str):
            return (yield from _renamed(world, source, given, families, any_name))
        return _given(name, given, families)
    if source.look is not None:
        called = yield Call(source.look, name)
        return _given(name, called, families)
    return _ABSENT


def _given(name: str, addresses: Iterable[str] | None, families: Sequence[int]) -> Result:
    """What a table or a function of the program's has for a name."""
    if addresses is None:
        return Result("unknown", HOST_NOT_FOUND, error=ResolveError(Kind.NOT_MINE, name))
    literals = []
    for one in (addresses,) if isinstance(addresses, str) else addresses:
        literal = normal(one) if isinstance(one, str) else None
        if literal is None:
            raise ValueError(f"{one!r}, given as an address of {name!r}, is none")
        literals.append(literal)
    found = [one for one in literals if one[0] in families]
    if not found:
        return Result("notfound", NO_DATA, error=ResolveError(Kind.NODATA, name))
    return Result("success", 0, found, name)


def _renamed(world: World, source: Source, name: str, families: Sequence[int], any_name: bool) -> Plan[Result]:
    """Another name's addresses, from the sources behind this one."""
    result = _NOT_FOUND
    for other in world.order[world.order.index(source) + 1 :]:
        result = yield from _ask(world, other, name, families, any_name)
        if result.status in other.returns:
            break
    return result


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
            return _NOT_FOUND
        return Result("success", 0, [(_INET, literal)], name)
    if ":" in name and (name[0] == ":" or name[0] in "0123456789abcdefABCDEF"):
        return _NOT_FOUND
    result = _ABSENT
    told = 0
    for source in _present(world):
        result = yield from _ask(world, source, name, (_INET,))
        told = result.told or told
        if result.status in source.returns:
            break
    return _reordered(world, _last(result, told)) if world.reorder else _last(result, told)


def _last(result: Result, told: int) -> Result:
    return result if result.told == told or result is _ABSENT else result._replace(told=told)


def _reordered(world: World, result: Result) -> Result:
    """host.conf's reorder: the first address that is on a net of this host changes places with the very first one."""
    found = list(result.found)
    local = next((at for at, (family, one) in enumerate(found) if family == _INET and _is_local(world, one)), 0)
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
    asked = Ask((asking(name, _TYPE_OF[family]),) if family else (asking(name, 1), asking(name, 28)))
    outcomes = yield asked
    if family == _INET and isinstance(first := outcomes[0], Answer) and not first.rcode and len(first.records) == 1:
        owner, rdtype, _, data, rdclass = first.records[0]
        if owner == name and rdtype == 1 and rdclass == 1:  # as below, for the commonest answer
            return _one_address(name, data)
    for one in outcomes:
        if not isinstance(one, Answer) or one.rcode or _lame(one):
            break
    else:
        got = _in_answers(world, outcomes)
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
    if family == _INET and not canonical:
        result = yield from by_simple(world, name)
        _raise_simple(name, result)
        return result
    result = _ABSENT
    six = False
    no_data = no_data6 = 0
    for source in world.order:
        no_data = no_data6 = 0
        if not family:
            result = yield from _ask(world, source, name, (_INET, _INET6))
            no_data = no_data6 = _no_data(result)
        else:
            result = yield from _ask(world, source, name, (family,), canonical)
            no_data = no_data6 = _no_data(result)
            six = six or result.status == "success"
            if family == _INET6 and mapped and (both or result.status != "success"):
                other = yield from _ask(world, source, name, (_INET,), canonical)
                no_data = _no_data(other)
                result = _joined(result, other)
        if result.status in source.returns:
            break
    if result.status == "success":
        if family == _INET6 and mapped and not both and six:
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
    mapped = [(_INET6, f"::ffff:{address}") for _, address in four.found]
    if six.status == "success" or four.status == "success":
        first = six if six.status == "success" else four
        return Result("success", 0, [*six.found, *mapped], first.canonical, first.aliases)
    status = four.status
    if six.status == "tryagain" or (four.status == "unavail" and six.status != "unavail"):
        status = six.status
    return Result(status, four.h_errno, error=four.error or six.error)


def name_of(world: World, address: str) -> Plan[Result]:
    """As gethostbyaddr_r: the names of an address; ``found`` is the address in the family that the source gave it."""
    family = _INET6 if ":" in address else _INET
    if address == "::":
        return _NOT_FOUND
    result = _ABSENT
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
        return _NOT_FOUND if world.hosts.readable else Result("unavail", 0)
    return Result("success", 0, [(family, address)], line.names[0], line.names[1:])


def _name_in_dns(world: World, address: str) -> Plan[Result]:
    plain = unmapped(address)
    question = Question(reverse(plain), RRType.PTR)
    answered = yield from _query(world, question.name, (int(RRType.PTR),))
    if isinstance(answered, _Failed):
        return Result("notfound", answered.h_errno, error=answered.error, told=answered.h_errno)
    chain = follow(answered[0], world.ways.cname_order)
    name = chain.data[0].removesuffix(".") if chain.data else ""
    if not domain.is_hostname(name):
        error = ResolveError(Kind.NODATA, address, server=answered[0].server, detail="no name that a host can have")
        return Result("tryagain", HOST_NOT_FOUND, error=error)
    return Result("success", 0, [(_INET6 if ":" in plain else _INET, plain)], name)
