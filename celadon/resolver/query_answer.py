"""What a query brought, in the form that a program wants it: dnspython's objects, and the usual types as tuples.

Functions of an Answer; nothing here asks anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Any, NamedTuple

from . import lazy
from .answers.cname import follow, has_data
from .errors import KIND_OF_RCODE, Kind, ResolveError
from .frozen import fields, frozen
from .model import Answer, RRType, type_name

_AD = 0x0020  # RFC 4035 §3.2.3


@frozen
class QueryAnswer(Answer):
    """An Answer that holds what was asked for. Iterating it gives dnspython's rdata objects."""

    @property
    def canonical(self) -> str:
        """The name at the end of the CNAME chain, which owns the data; without final dot."""
        return follow(self).canonical if self.question.rdtype != RRType.ANY else self.question.name

    @property
    def data(self) -> tuple[str, ...]:
        """The data of the records asked for, in zone-file form."""
        if (one := self.one) is not None:
            return (one[1],)
        if self.question.rdtype == RRType.ANY:
            return tuple(one.data for one in self.records)
        return follow(self).data

    @property
    def ttl(self) -> int:
        """For how many seconds all of it holds: the least TTL of the chain and the data."""
        return min((one.ttl for one in self.records), default=0)

    @property
    def authenticated(self) -> bool:
        """Whether the server says that it has validated the answer (AD); worth what the way to the server is worth."""
        return bool(self.flags & _AD)

    @property
    def rdatas(self) -> tuple[Any, ...]:
        """The data as ``dns.rdata.Rdata`` objects of the type asked for; imports dnspython at the first call.

        ResolveError with Kind.FORMERR for data that dnspython takes for no instance of its type.
        """
        question = self.question
        if question.rdtype == RRType.ANY:
            return tuple(_rdata(self, one.rdclass, one.rdtype, one.data) for one in self.records)
        return tuple(_rdata(self, question.rdclass, question.rdtype, one) for one in self.data)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rdatas)

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        name = self.question.name or "."
        return f"<QueryAnswer {name} {type_name(self.question.rdtype)}: {'; '.join(self.data)}>"


_FIELDS = tuple(one.name for one in fields(Answer))


def _rdata(answer: Answer, rdclass: int, rdtype: int, data: str) -> Any:
    try:
        return lazy.rdata().rdata(rdclass, rdtype, data)
    except ValueError as error:
        name = answer.question.name
        raise ResolveError(Kind.FORMERR, name, detail=str(error), server=answer.server, answer=answer) from None


class _Told(QueryAnswer):
    """A QueryAnswer around an answer whose records are made when they are read, which is most of what a query costs."""

    __slots__ = ("_inner",)

    _inner: Answer

    def __init__(self, inner: Answer) -> None:
        object.__setattr__(self, "_inner", inner)

    def __reduce__(self) -> Any:
        return QueryAnswer, tuple([getattr(self._inner, one) for one in _FIELDS])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, QueryAnswer):
            return NotImplemented
        return all(getattr(self, one) == getattr(other, one) for one in _FIELDS)

    def __hash__(self) -> int:
        return QueryAnswer.__hash__(self)


for _name in (*_FIELDS, "one"):
    setattr(_Told, _name, property(attrgetter(f"_inner.{_name}")))


def told(answer: Answer) -> QueryAnswer:
    """The answer as a query tells it. ResolveError of the fitting kind, with ``answer``, if it holds no data."""
    if answer.one is not None or has_data(answer):
        return _Told(answer)
    question = answer.question
    kind = KIND_OF_RCODE.get(answer.rcode, Kind.OTHER) if answer.rcode else Kind.NODATA
    raise ResolveError(kind, question.name, server=answer.server, rcode=answer.rcode, answer=answer)


# -- the usual types -------------------------------------------------------------------------------------------


class Mx(NamedTuple):
    """A mail exchanger (RFC 5321 §5.1): the lower ``preference`` is tried first."""

    preference: int
    exchange: str


class Srv(NamedTuple):
    """Where a service is (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


class Https(NamedTuple):
    """How an HTTPS origin is reached (RFC 9460 §7, §9).

    ``target`` is the host to connect to; ``port`` None for the origin's own. ``alpn`` are protocol ids, the default
    ``http/1.1`` among them unless the record says otherwise; the hints are addresses to begin with. ``ech`` is the
    ECHConfigList, and ``others`` are parameters that have no field here, as bytes by their numbers.
    """

    priority: int
    target: str
    alpn: tuple[str, ...] = ("http/1.1",)
    port: int | None = None
    ipv4hint: tuple[str, ...] = ()
    ipv6hint: tuple[str, ...] = ()
    ech: bytes | None = None
    others: tuple[tuple[int, bytes], ...] = ()


def _bare(name: str) -> str:
    return name.removesuffix(".")


def mx_of(answer: QueryAnswer) -> tuple[Mx, ...]:
    """In order of preference; none for a null MX (RFC 7505)."""
    found = [Mx(int(one.partition(" ")[0]), _bare(one.partition(" ")[2])) for one in answer.data]
    return tuple(sorted(one for one in found if one.exchange))


def srv_of(answer: QueryAnswer) -> tuple[Srv, ...]:
    """As the records came; none where the service is said not to be there (a target of ``.``, RFC 2782)."""
    found = []
    for one in answer.data:
        priority, weight, port, target = one.split(" ")
        if target != ".":
            found.append(Srv(int(priority), int(weight), int(port), _bare(target)))
    return tuple(found)


def srv_order(records: Iterable[Srv], random: Callable[[], float]) -> tuple[Srv, ...]:
    """In the order to be tried (RFC 2782): by priority, and within one by lot with the weights as chances.

    ``random`` gives a number from 0 to less than 1 at each call.
    """
    ordered: list[Srv] = []
    groups: dict[int, list[Srv]] = {}
    for one in records:
        groups.setdefault(one.priority, []).append(one)
    for _, group in sorted(groups.items()):
        left = sorted(group, key=lambda one: one.weight > 0)  # those of weight 0 at the beginning
        while left:
            lot = int(random() * (sum(one.weight for one in left) + 1))
            running = 0
            for index, one in enumerate(left):
                running += one.weight
                if running >= lot:
                    ordered.append(left.pop(index))
                    break
    return tuple(ordered)


def txt_of(answer: QueryAnswer) -> tuple[bytes, ...]:
    """Each record's strings joined, as SPF and DKIM join them (RFC 7208 §3.3, RFC 6376 §3.6.2.2)."""
    return tuple(b"".join(one.strings) for one in answer.rdatas)


def https_of(answer: QueryAnswer) -> tuple[Https, ...]:
    """In order of priority; one of priority 0 is an alias and has no parameters (RFC 9460 §2.4.2).

    Records with a mandatory parameter that has no field in ``Https`` are left out, as §8 wants it.
    """
    found = [_https(one, answer.canonical) for one in answer.rdatas if not _needs_more(one)]
    return tuple(sorted(found, key=lambda one: one.priority))


_ALPN, _NO_DEFAULT, _PORT, _IPV4, _ECH, _IPV6 = 1, 2, 3, 4, 5, 6
_MANDATORY = 0
_KNOWN = frozenset((_MANDATORY, _ALPN, _NO_DEFAULT, _PORT, _IPV4, _ECH, _IPV6))


def _needs_more(rdata: Any) -> bool:
    mandatory = rdata.params.get(_MANDATORY)
    return mandatory is not None and not _KNOWN.issuperset(map(int, mandatory.keys))


def _https(rdata: Any, owner: str) -> Https:
    target = _bare(rdata.target.to_text()) or (owner if rdata.priority else "")
    params = {int(key): value for key, value in rdata.params.items()}
    alpn = tuple(one.decode("latin-1") for one in params[_ALPN].ids) if _ALPN in params else ()
    if _NO_DEFAULT not in params and rdata.priority:
        alpn = (*alpn, "http/1.1")
    return Https(
        rdata.priority,
        target,
        tuple(dict.fromkeys(alpn)),
        params[_PORT].port if _PORT in params else None,
        tuple(params[_IPV4].addresses) if _IPV4 in params else (),
        tuple(params[_IPV6].addresses) if _IPV6 in params else (),
        bytes(params[_ECH].ech) if _ECH in params else None,
        tuple((key, bytes(value.value)) for key, value in sorted(params.items()) if key not in _KNOWN and value),
    )
