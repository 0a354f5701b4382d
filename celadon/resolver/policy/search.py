"""The search list: which names DNS is asked for, in which order, and which failure counts.

As glibc's res_nsearch, res_nquerydomain and res_nquery (resolver(3), resolv.conf(5)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from ..errors import KIND_OF_RCODE, Kind, ResolveError
from ..model import Answer, Config, Question, RRType
from ..names import domain
from ..system.world import World
from .plan import Ask, Plan

# The values of h_errno, as in netdb.h.
HOST_NOT_FOUND, TRY_AGAIN, NO_RECOVERY, NO_DATA, INTERNAL = 1, 2, 3, 4, -1
_NO_ANSWER = frozenset((2, 4, 5))  # SERVFAIL, NOTIMP, REFUSED: res_send then goes on to the next server
_AA_OR_RA = 0x0480
_NONE: Mapping[str, str] = MappingProxyType({})


class Result(NamedTuple):
    """What a source said: ``found`` holds (family, address) in the source's order; empty if the source has none.

    ``status`` is nsswitch.conf's word, or ``unknown`` if a table or function leaves the name to others. ``h_errno`` is
    netdb.h's number. ``told`` is the number that the last DNS query left in the global h_errno, which is what CPython
    raises. ``error`` has the details for people.
    """

    status: str
    h_errno: int = 0
    found: Sequence[tuple[int, str]] = ()
    canonical: str = ""
    aliases: tuple[str, ...] = ()
    error: ResolveError | None = None
    told: int = 0


class Failed(NamedTuple):
    """Why a name has no answer: res_nquery's h_errno. ``unanswered``: no server gave a usable reply."""

    h_errno: int
    error: ResolveError
    unanswered: bool = False
    servfail: bool = False
    refused: bool = False  # ECONNREFUSED, or no route


def _tries(name: str, config: Config, aliases: Mapping[str, str]) -> list[tuple[str, bool]]:
    """What res_nsearch asks, in order: absolute names without final dot, and whether each is from the search list."""
    dots = name.count(".")
    if not dots and (alias := aliases.get(name.lower())):
        return [(alias.removesuffix("."), False)]
    if name.endswith("."):
        return [(name[:-1], False)]
    listed = [(f"{name}.{suffix}".removesuffix("."), True) for suffix in config.search]
    if dots >= config.ndots:
        return [(name, False), *listed]
    return [*listed, (name, False)] if dots or not listed or not config.no_tld_query else listed


def aliased(name: str, aliases: Mapping[str, str]) -> str:
    """What HOSTALIASES calls a name without a dot (hostname(7)). nss_dns looks there first, res_nsearch then again."""
    return name if "." in name else aliases.get(name.lower()) or name


def candidates(name: str, config: Config, aliases: Mapping[str, str] = _NONE) -> list[str]:
    """The absolute names that a lookup asks DNS for, until one exists: in order, each once, without final dot."""
    return list(dict.fromkeys(one for one, _ in _tries(aliased(name, aliases), config, aliases)))


def search(world: World, name: str, types: Sequence[int]) -> Plan[list[Answer] | Result]:
    """The search list, as res_nsearch goes through it: the answers of the first name that has any."""
    first = nodata = servfail = last = None
    stop = had_root = False
    for asked, listed in _tries(name, world.config, world.aliases):
        # As res_nsearch: a hard failure ends the list, and the name itself is asked unless the list's root was it.
        if stop if listed else had_root:
            continue
        answered = yield from query(world, asked, types)
        if not isinstance(answered, Failed):
            return answered
        if not listed:
            first = answered if last is None else None
        elif answered.refused:
            return _failure(name, answered, answered)
        elif answered.h_errno == NO_DATA:
            nodata = nodata or answered
        elif answered.h_errno == TRY_AGAIN and answered.servfail:
            servfail = servfail or answered
        elif answered.h_errno != HOST_NOT_FOUND:
            stop = True
        had_root = had_root or asked == name
        last = answered
    assert last is not None
    return _failure(name, first or nodata or servfail or last, last)


def _failure(name: str, why: Failed, last: Failed) -> Result:
    # The status is the last query's; h_errno is that of the query that counts.
    status = "unavail" if last.unanswered else "notfound"
    return Result(status, why.h_errno, error=_named(why.error, name), told=why.h_errno)


def _named(error: ResolveError, name: str) -> ResolveError:
    """The same failure, for the name as the caller wrote it."""
    return ResolveError(
        error.kind,
        name,
        code=error.errno,
        detail=error.detail,
        server=error.server,
        rcode=error.rcode,
        tried=error.tried,
    )


def query(world: World, name: str, types: Sequence[int]) -> Plan[list[Answer] | Failed]:
    """One absolute name, as res_nquery asks it: the answers, or why there are none."""
    if not domain.fits(name):
        return Failed(NO_RECOVERY, ResolveError(Kind.ILLEGAL, name, detail="longer than a name can be"))
    config = world.config
    if config.no_aaaa and types[0] == RRType.AAAA:
        # As res_nquery under no-aaaa: an A query still tells whether the name exists.
        answered = yield from query(world, name, (int(RRType.A),))
        if isinstance(answered, Failed):
            return answered
        return Failed(NO_DATA, ResolveError(Kind.NODATA, name, detail="option no-aaaa"))
    questions = tuple([Question(name, one) for one in types])
    outcomes: list[Answer | ResolveError]
    if (config.single_request or config.single_request_reopen) and len(questions) > 1:
        outcomes = []
        for question in questions:
            outcomes += yield Ask((question,))
            last = outcomes[-1]
            if isinstance(last, ResolveError) or (last.rcode in _NO_ANSWER and not config.use_vc):
                break  # res_send sends the second question only after an answer to the first
    else:
        outcomes = yield Ask(questions)
    failed: list[Failed] = []
    answers: list[Answer] = []
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, ResolveError):
            lost = Failed(TRY_AGAIN, outcome, True, refused=outcome.kind is Kind.NETWORK)
            if index == 0 and len(outcomes) > 1 and world.ways.strict:
                return lost  # half an answer would hide a failure: see Ways.strict
            failed.append(lost)
        elif outcome.rcode in _NO_ANSWER and not config.use_vc:
            failed.append(Failed(TRY_AGAIN, _refusal(name, outcome), True, outcome.rcode == 2))
        elif lame(outcome):
            failed.append(Failed(TRY_AGAIN, ResolveError(Kind.SERVFAIL, name, detail="a lame server"), True))
        else:
            answers.append(outcome)
    if not answers:
        return failed[0]
    if any(one.rcode == 0 and (one.records or one.unrelated) for one in answers):
        return answers  # libc also counts unrelated records as an answer, and then finds no address in it
    rcode = answers[0].rcode or answers[-1].rcode
    if rcode == 0:
        return Failed(NO_DATA, ResolveError(Kind.NODATA, name, server=answers[0].server, rcode=0))
    h_errno = {2: TRY_AGAIN, 3: HOST_NOT_FOUND}.get(rcode, NO_RECOVERY)
    return Failed(h_errno, _refusal(name, next(one for one in answers if one.rcode)), servfail=rcode == 2)


def lame(answer: Answer) -> bool:
    """An empty answer from a server neither authoritative nor recursive: res_send goes on to the next server."""
    known = not answer.flags or answer.rcode or answer.flags & _AA_OR_RA
    return not (known or answer.records or answer.unrelated or answer.additional)  # last: reading a section decodes it


def _refusal(name: str, answer: Answer) -> ResolveError:
    kind = KIND_OF_RCODE.get(answer.rcode, Kind.OTHER)
    return ResolveError(kind, name, server=answer.server, rcode=answer.rcode)
