"""What each source says of a name: the hosts file, DNS, a program's table or function (nsswitch.conf(5))."""

from __future__ import annotations

import _socket
from collections.abc import Iterable, Sequence

from ..answers.cname import follow
from ..errors import Kind, ResolveError
from ..model import Answer, RRType
from ..names import domain
from ..names.address import AF_INET, AF_INET6, normal
from ..system.world import Source, World
from .plan import AskFunction, Plan
from .search import HOST_NOT_FOUND, INTERNAL, NO_DATA, NO_RECOVERY, Result, aliased, search

TYPE_OF = {AF_INET: int(RRType.A), AF_INET6: int(RRType.AAAA)}


ABSENT = Result("unavail", INTERNAL, told=INTERNAL)
NOT_FOUND = Result("notfound", HOST_NOT_FOUND)


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
        return NOT_FOUND if world.hosts.readable else Result("unavail", 0)
    canonical = pairs[0][0].names[0]
    aliases = [*pairs[0][0].names[1:]]
    for line, _ in pairs[1:]:
        aliases += line.names[1:]
        if line.names[0] != canonical:
            aliases.append(line.names[0])
    return Result("success", 0, found, canonical, tuple(aliases))


def _special(name: str, families: Sequence[int]) -> Result | None:
    """The fixed result of a name that never reaches DNS (RFC 6761, RFC 7686); None for all others."""
    kind = domain.special(name)
    if kind == "loopback":
        both = [(AF_INET6, "::1"), (AF_INET, "127.0.0.1")]
        return Result("success", 0, [one for one in both if one[0] in families], name.removesuffix("."))
    if kind == "nothing":
        error = ResolveError(Kind.NXDOMAIN, name, detail="a name that never reaches DNS (RFC 6761, RFC 7686)")
        return NOT_FOUND._replace(error=error)
    return None


def _dns(world: World, name: str, families: Sequence[int], any_name: bool) -> Plan[Result]:
    if not name and world.aliases:
        name = world.aliases.get("") or name
    legal = domain.is_hostname(name)
    if not legal:
        error = ResolveError(Kind.ILLEGAL, name, detail="not a host's name")
        if not any_name:
            return NOT_FOUND._replace(error=error, told=0 if name else NO_RECOVERY)
        # gethostbyname3_r asks nevertheless. It accepts no address from the answer, but it does report NODATA.
        searched = yield from search(world, domain.escaped(name), [TYPE_OF[one] for one in families])
        return searched if isinstance(searched, Result) else Result("unavail", NO_RECOVERY, error=error)
    name = aliased(name, world.aliases)
    config = world.config
    types = [TYPE_OF[one] for one in families]
    if config.no_aaaa and len(types) > 1:
        types = [int(RRType.A)]
    searched = yield from search(world, name, types)
    if isinstance(searched, Result):
        return searched
    got = in_answers(world, searched)
    if got is not None:
        if config.sortlist and types == [RRType.A] and families == (AF_INET,):
            return got._replace(found=sorted(got.found, key=lambda one: _rank(config.sortlist, one[1])))
        return got
    error = ResolveError(Kind.NODATA, name, server=searched[0].server, detail="an answer without an address")
    if len(families) == 1:
        return Result("tryagain", NO_RECOVERY, error=error)
    return Result("notfound", HOST_NOT_FOUND, error=error)


def _rank(sortlist: Sequence[tuple[int, int]], address: str) -> int:
    number = int.from_bytes(_socket.inet_aton(address), "big")
    return next((rank for rank, (net, mask) in enumerate(sortlist) if net == number & mask), len(sortlist))


def in_answers(world: World, answers: Sequence[Answer]) -> Result | None:
    """The addresses in the answers, with the canonical name and aliases of the first that has any; None without one."""
    found: list[tuple[int, str]] = []
    canonical = ""
    aliases: tuple[str, ...] = ()
    for answer in answers:
        if answer.one is not None:  # what the chain comes to
            if not found:
                canonical = answer.question.name
            found.append((AF_INET, answer.one[1]))
            continue
        chain = follow(answer, world.ways.cname_order)
        if not chain.data:
            continue
        if not found:
            canonical, aliases = chain.canonical, chain.aliases
        if answer.question.rdtype == RRType.A:
            found += [(AF_INET, data) for data in chain.data]
        else:
            found += [(AF_INET6, literal[1] if (literal := normal(data)) else data) for data in chain.data]
    if not found:
        return None
    if not aliases:
        return Result("success", 0, found, canonical)
    chain_names = [one for one in (*aliases, canonical) if domain.is_hostname(one)]
    return Result("success", 0, found, chain_names[-1], tuple(chain_names[:-1]))


def ask(world: World, source: Source, name: str, families: Sequence[int], any_name: bool = False) -> Plan[Result]:
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
        called = yield AskFunction(source.look, name)
        return _given(name, called, families)
    return ABSENT


def _given(name: str, addresses: Iterable[str] | None, families: Sequence[int]) -> Result:
    """What the program's table or function has for a name. ValueError for what is not an address."""
    if addresses is None:
        return Result("unknown", HOST_NOT_FOUND, error=ResolveError(Kind.NOT_MINE, name))
    literals = []
    for one in (addresses,) if isinstance(addresses, str) else addresses:
        literal = normal(one) if isinstance(one, str) else None
        if literal is None:
            raise ValueError(f"{one!r} (given for {name!r}) is not an IP address")
        literals.append(literal)
    found = [one for one in literals if one[0] in families]
    if not found:
        return Result("notfound", NO_DATA, error=ResolveError(Kind.NODATA, name))
    return Result("success", 0, found, name)


def _renamed(world: World, source: Source, name: str, families: Sequence[int], any_name: bool) -> Plan[Result]:
    """The addresses of the other name that a table gave, from the sources after this one."""
    result = NOT_FOUND
    for other in world.order[world.order.index(source) + 1 :]:
        result = yield from ask(world, other, name, families, any_name)
        if result.status in other.returns:
            break
    return result
