"""What a resolver that starts at the root knows, and makes of replies: zone cuts, their servers, referrals. Pure.

A server is believed for names in the zone that it was asked as a server of, and for nothing else (RFC 5452 §6).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from ..frozen import frozen
from ..model import Answer, Rcode, Record, RRType
from ..names.domain import fits

_CUTS = 100_000  # that are remembered
_LEAST, _MOST = 1.0, 86_400.0  # seconds for which a delegation is believed, whatever its TTL says
_CHAIN = 16  # aliases in one reply
#: Types that may stand beside an alias (RFC 4034 §2.5), or ask for it; for any other the alias is all there is.
_NOT_ALIASED = frozenset((RRType.CNAME, RRType.ANY, RRType.RRSIG, RRType.NSEC, RRType.SIG))


def inside(name: str, zone: str) -> bool:
    """Whether a name is in a zone or is its top. Both in lower case; the root is empty."""
    return not zone or name == zone or name.endswith("." + zone)


def child_of(zone: str, name: str) -> str:
    """The name one label below ``zone`` on the way to ``name``."""
    rest = name[: -len(zone) - 1] if zone else name
    label = rest.rpartition(".")[2]
    return f"{label}.{zone}" if zone else label


@frozen
class Cut:
    """A zone and the names of its servers."""

    zone: str
    names: tuple[str, ...]


@frozen
class Reply:
    """What a reply means.

    ``kind`` is "referral" (``cut``, ``glue``), "answer" (``records`` are all of it), "alias" (go on with ``name``),
    "none" (no such data or name, as ``rcode`` says) or "lame" (not a server of the zone; ask another).
    """

    kind: str
    records: tuple[Record, ...] = ()
    name: str = ""
    rcode: int = 0
    cut: Cut | None = None
    glue: tuple[Record, ...] = ()
    ttl: int = 0


_LAME = Reply("lame")


def meaning(answer: Answer, zone: str) -> Reply:
    """What the reply of a server of ``zone`` means."""
    if answer.rcode not in (0, 3):
        return _LAME
    asked, rdtype = answer.question.name.lower(), answer.question.rdtype
    records = [one for one in answer.records if inside(one.name.lower(), zone)]
    name, chain = asked, list[Record]()
    for _ in range(_CHAIN):
        own = [one for one in records if one.name.lower() == name]
        alias = [] if rdtype in _NOT_ALIASED else [one for one in own if one.rdtype == RRType.CNAME]
        found = [] if alias else [one for one in own if rdtype in (one.rdtype, RRType.ANY)]
        if found:
            signed = [one for one in own if one.rdtype == RRType.RRSIG and one not in found]
            return Reply("answer", (*chain, *found, *signed), name)
        moved = [one for one in records if one.rdtype == RRType.DNAME and name.endswith("." + one.name.lower())]
        if moved and not alias:
            alias = [_alias_of(moved[0], name)]
            if not fits(alias[0].target):
                return Reply("none", (*chain, *moved), name, Rcode.YXDOMAIN)
        if not alias:
            break
        chain += [*moved, alias[0]]
        name = alias[0].target.lower()
    soa = any(one.rdtype == RRType.SOA and inside(one.name.lower(), zone) for one in answer.authority)
    if chain:
        settled = inside(name, zone) and (answer.rcode == 3 or soa) and _cut_of(answer, name, zone) is None
        return Reply("none" if settled else "alias", tuple(dict.fromkeys(chain)), name, answer.rcode)
    if answer.rcode == 3:
        return Reply("none", (), name, 3)
    # Whether AA is set says nothing here: some balancers set it in referrals too. Unbound and BIND have it so.
    cut = None if soa else _cut_of(answer, asked, zone)
    if cut is not None and rdtype == RRType.DS and cut.zone == asked:
        return Reply("none", (), name, 0)  # a parent that knows no DS; nobody else is asked for it
    if cut is not None:
        wanted = frozenset(cut.names)
        glue = [one for one in answer.additional if one.rdtype in (RRType.A, RRType.AAAA)]
        glue = [one for one in glue if one.name.lower() in wanted and inside(one.name.lower(), zone)]
        ttl = min([one.ttl for one in answer.authority if one.rdtype == RRType.NS])
        return Reply("referral", cut=cut, glue=tuple(glue), ttl=ttl)
    told = soa or answer.flags & 0x0400 or not answer.authority
    return Reply("none", (), name, 0) if told else _LAME


def _alias_of(moved: Record, name: str) -> Record:
    """The CNAME that a DNAME above a name comes to (RFC 6672 §3.2), which not every server adds."""
    target = (name[: -len(moved.name)] + moved.data).removesuffix("..")
    return Record(name, RRType.CNAME, moved.ttl, target.removesuffix(".") + ".")


def _cut_of(answer: Answer, name: str, zone: str) -> Cut | None:
    """The delegation in the authority section: below the zone, at or above the name."""
    for one in answer.authority:
        owner = one.name.lower()
        if one.rdtype == RRType.NS and owner != zone and inside(owner, zone) and inside(name, owner):
            names = [
                two.target.lower() for two in answer.authority if two.rdtype == RRType.NS and two.name.lower() == owner
            ]
            return Cut(owner, tuple(dict.fromkeys(names)))
    return None


class Delegations:
    """The cuts and servers' addresses that are known. ``hints`` are names and addresses of the root's servers.

    Times are in seconds of a monotonic clock, which the caller gives. The cuts that were not used longest go first.
    """

    def __init__(self, hints: Iterable[tuple[str, str]]) -> None:
        self._addresses: OrderedDict[str, tuple[float, tuple[str, ...]]] = OrderedDict()
        self._cuts: OrderedDict[str, tuple[float, Cut | None]] = OrderedDict()
        roots: dict[str, list[str]] = {}
        for name, address in hints:
            roots.setdefault(name.lower(), []).append(address)
        self._root = Cut("", tuple(roots))
        self._hints = {name: tuple(found) for name, found in roots.items()}

    def __len__(self) -> int:
        return len(self._cuts)

    def closest(self, name: str, now: float) -> Cut:
        """The nearest cut that is known at or above a name (in lower case)."""
        while name:
            known = self._cuts.get(name)
            if known is not None and known[1] is not None and known[0] > now:
                self._cuts.move_to_end(name)
                return known[1]
            name = name.partition(".")[2]
        return self._root

    def is_none(self, name: str, now: float) -> bool:
        """Whether it is known that there is no cut at a name."""
        known = self._cuts.get(name)
        return known is not None and known[1] is None and known[0] > now

    def no_cut(self, name: str, now: float, ttl: float) -> None:
        """Note that a name is inside of the zone above."""
        self._keep(self._cuts, name, (now + min(max(ttl, _LEAST), _MOST), None))

    def learn(self, reply: Reply, now: float) -> None:
        """Note a referral."""
        cut = reply.cut
        if cut is None:
            return
        ends = now + min(max(reply.ttl, _LEAST), _MOST)
        self._keep(self._cuts, cut.zone, (ends, cut))
        found: dict[str, list[str]] = {}
        for one in reply.glue:
            found.setdefault(one.name.lower(), []).append(one.data)
        for name, data in found.items():
            self._keep(self._addresses, name, (ends, tuple(data)))

    def learn_addresses(self, name: str, found: tuple[str, ...], now: float, ttl: float) -> None:
        """Note a server's addresses, or that it has none."""
        self._keep(self._addresses, name, (now + min(max(ttl, _LEAST), _MOST), found))

    def forget_addresses(self, names: Iterable[str]) -> None:
        """The addresses that are known of these servers lead nowhere."""
        for name in names:
            self._addresses.pop(name, None)

    def addresses(self, name: str, now: float) -> tuple[str, ...] | None:
        """A server's addresses; None if they are not known."""
        known = self._addresses.get(name)
        if known is not None and known[0] > now:
            return known[1]
        return self._hints.get(name)

    @staticmethod
    def _keep(where: OrderedDict, name: str, value: object) -> None:  # type: ignore[type-arg]
        where[name] = value
        where.move_to_end(name)
        if len(where) > _CUTS:
            where.popitem(last=False)
