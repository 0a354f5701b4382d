"""Proofs of absence, from NSEC (RFC 4035 §5.4) and NSEC3 records (RFC 5155 §8) whose signatures hold.

One ``Denial`` has what one zone says in one message. Each question is answered with a ``Proof``: the absence is proven;
it is not; an opt-out span covers it, in which unsigned delegations may be; or the hashes would cost too much.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, NamedTuple

import dns.dnssec
import dns.name
import dns.rdatatype

from ...model import RRType
from .effort import MOST_ITERATIONS, Effort

_SHA1, _OPT_OUT = 1, 1  # RFC 5155 §11
_NS, _CNAME, _SOA, _DS, _DNAME = (int(one) for one in (RRType.NS, RRType.CNAME, RRType.SOA, RRType.DS, RRType.DNAME))


class Proof(Enum):
    """What the records prove."""

    PROVEN = "proven"
    OPTED_OUT = "opted out"
    TOO_MANY = "too many iterations"
    MISSING = "missing"


class Cut(Enum):
    """What a name is without a DS record."""

    UNSIGNED = "an unsigned delegation"
    INSIDE = "no delegation"
    NOTHING = "no name"


def has(rdata: Any, rdtype: int) -> bool:
    """Whether the bitmap of an NSEC or NSEC3 record has this type (RFC 4034 §4.1.2)."""
    window, at = divmod(rdtype, 256)
    for number, bitmap in rdata.windows:
        if number == window and at // 8 < len(bitmap):
            return bool(bitmap[at // 8] & 0x80 >> at % 8)
    return False


def _above_a_cut(rdata: Any) -> bool:
    """Whether the record is the parent's at a delegation, or has a DNAME: it says nothing of names below it."""
    return has(rdata, _DNAME) or _delegates(rdata)


def _delegates(rdata: Any) -> bool:
    return has(rdata, _NS) and not has(rdata, _SOA)


def _lacks(rdata: Any, rdtype: int) -> bool:
    """Whether the record at the very name proves that the type is not there (RFC 4035 §5.4, RFC 6840 §4.1, §4.4)."""
    if has(rdata, rdtype) or has(rdata, _CNAME):
        return False
    return not has(rdata, _SOA) if rdtype == _DS else not _delegates(rdata)


def common(one: dns.name.Name, other: dns.name.Name) -> dns.name.Name:
    """The lowest name that both are, or are under."""
    return one.split(one.fullcompare(other)[2])[1]


def wildcard(parent: dns.name.Name) -> dns.name.Name:
    """The wildcard below a name. It may be too long to exist; then nothing can match it, and the name stands for it."""
    try:
        return dns.name.Name((b"*", *parent.labels))
    except dns.name.NameTooLong:
        return parent


class _Match(NamedTuple):
    """The closest name that exists, the record at it, and the name one label longer on the way to what was asked."""

    encloser: dns.name.Name
    record: Any
    closer: dns.name.Name | None


class Denial:
    """What a zone's NSEC and NSEC3 records prove; they are given with their owners, in lower case."""

    def __init__(
        self,
        zone: dns.name.Name,
        nsec: Iterable[tuple[dns.name.Name, Any]],
        nsec3: Iterable[tuple[dns.name.Name, Any]],
        effort: Effort,
    ) -> None:
        self._zone = zone
        self._effort = effort
        self._nsec = [(owner, one) for owner, one in nsec if owner.is_subdomain(zone)]
        hashed = [
            (owner.labels[0].upper(), one)
            for owner, one in nsec3
            if owner != zone and owner.parent() == zone and one.algorithm == _SHA1 and not one.flags & ~_OPT_OUT
        ]
        cheap = [pair for pair in hashed if pair[1].iterations <= MOST_ITERATIONS]
        self._dear = bool(hashed) and not cheap and not self._nsec
        # One zone has one chain at a time, or two while it changes: then the first.
        form = [(one.salt, one.iterations) for _, one in cheap]
        self._nsec3 = [pair for pair, mine in zip(cheap, form, strict=True) if mine == form[0]]
        self._hashes: dict[dns.name.Name, bytes] = {}

    @property
    def empty(self) -> bool:
        """Whether there is nothing to prove anything with."""
        return not (self._nsec or self._nsec3 or self._dear)

    # -- the questions ---------------------------------------------------------------------------------------

    def nodata(self, name: dns.name.Name, rdtype: int) -> Proof:
        """The name exists and has no record of this type."""
        return self._first(lambda: self._nsec_nodata(name, rdtype), lambda: self._nsec3_nodata(name, rdtype))

    def nxdomain(self, name: dns.name.Name) -> Proof:
        """The name does not exist, and no wildcard makes it."""
        return self._first(lambda: self._nsec_nxdomain(name), lambda: self._nsec3_nxdomain(name))

    def nothing_closer(self, name: dns.name.Name, encloser: dns.name.Name) -> Proof:
        """What the wildcard below ``encloser`` made is right: the name itself and all names between do not exist."""
        return self._first(
            lambda: _said(any(self._encloser(owner, one, name) == encloser for owner, one in self._covering(name))),
            lambda: self._nsec3_gap(_closer(name, encloser)),
        )

    def no_ds(self, name: dns.name.Name) -> tuple[Proof, Cut]:
        """Why a name has no DS record: what that makes of it, if it is proven."""
        at = next((one for owner, one in self._nsec if owner == name), None)
        if at is None and self._nsec3:
            at = self._matching(name)
        if at is not None:
            return _said(_lacks(at, _DS)), Cut.UNSIGNED if _delegates(at) else Cut.INSIDE
        proof = self.nodata(name, _DS)
        if proof is not Proof.MISSING:
            return proof, Cut.INSIDE  # between two names, or what a wildcard makes
        return self.nxdomain(name), Cut.NOTHING

    def _first(self, by_nsec: Callable[[], Proof], by_nsec3: Callable[[], Proof]) -> Proof:
        if self._dear:
            return Proof.TOO_MANY
        proof = by_nsec() if self._nsec else Proof.MISSING
        return by_nsec3() if proof is Proof.MISSING and self._nsec3 else proof

    # -- NSEC ------------------------------------------------------------------------------------------------

    def _covering(self, name: dns.name.Name) -> list[tuple[dns.name.Name, Any]]:
        """The records that show a gap in the zone where the name would be."""
        found = []
        for owner, one in self._nsec:
            after = one.next.canonicalize()
            last = after == self._zone or after <= owner
            inside = owner < name and (last or name < after)
            if inside and not (name.is_subdomain(owner) and _above_a_cut(one)):
                found.append((owner, one))
        return found

    def _encloser(self, owner: dns.name.Name, one: Any, name: dns.name.Name) -> dns.name.Name:
        """The closest name that exists, as the gap shows it: both of its ends exist."""
        found = common(name, owner), common(name, one.next.canonicalize())
        return max(found, key=len)

    def _nsec_nodata(self, name: dns.name.Name, rdtype: int) -> Proof:
        if any(owner == name for owner, _ in self._nsec):
            return _said(any(owner == name and _lacks(one, rdtype) for owner, one in self._nsec))
        for owner, one in self._covering(name):
            if one.next.canonicalize().is_subdomain(name):
                return Proof.PROVEN  # an empty name between two others
            made = wildcard(self._encloser(owner, one, name))
            if any(at == made and _lacks(other, rdtype) for at, other in self._nsec):
                return Proof.PROVEN
        return Proof.MISSING

    def _nsec_nxdomain(self, name: dns.name.Name) -> Proof:
        for owner, one in self._covering(name):
            if one.next.canonicalize().is_subdomain(name):
                continue  # it exists, without records
            made = wildcard(self._encloser(owner, one, name))
            if self._covering(made):
                return Proof.PROVEN
        return Proof.MISSING

    # -- NSEC3 -----------------------------------------------------------------------------------------------

    def _hash(self, name: dns.name.Name) -> bytes:
        found = self._hashes.get(name)
        if found is None:
            self._effort.hash(str(self._zone))
            one = self._nsec3[0][1]
            found = self._hashes[name] = dns.dnssec.nsec3_hash(name, one.salt, one.iterations, _SHA1).upper().encode()
        return found

    def _matching(self, name: dns.name.Name) -> Any:
        hashed = self._hash(name)
        return next((one for owner, one in self._nsec3 if owner == hashed), None)

    def _gap(self, name: dns.name.Name) -> Any:
        """The record whose span has the name's hash in it."""
        hashed = self._hash(name)
        for owner, one in self._nsec3:
            after = base64.b32hexencode(one.next).upper()
            if owner < hashed < after or (after <= owner and (owner < hashed or hashed < after)):
                return one
        return None

    def _closest(self, name: dns.name.Name) -> _Match | None:
        """The closest encloser proof (RFC 5155 §8.3), without the check of the gap."""
        closer = None
        while name.is_subdomain(self._zone):
            record = self._matching(name)
            if record is not None:
                return None if closer is not None and _above_a_cut(record) else _Match(name, record, closer)
            if name == self._zone:
                break
            closer, name = name, name.parent()
        return None

    def _nsec3_gap(self, closer: dns.name.Name) -> Proof:
        gap = self._gap(closer)
        if gap is None:
            return Proof.MISSING
        return Proof.OPTED_OUT if gap.flags & _OPT_OUT else Proof.PROVEN

    def _nsec3_nxdomain(self, name: dns.name.Name) -> Proof:
        closest = self._closest(name)
        if closest is None or closest.closer is None or self._gap(wildcard(closest.encloser)) is None:
            return Proof.MISSING
        return self._nsec3_gap(closest.closer)

    def _nsec3_nodata(self, name: dns.name.Name, rdtype: int) -> Proof:
        closest = self._closest(name)
        if closest is None:
            return Proof.MISSING
        if closest.closer is None:
            return _said(_lacks(closest.record, rdtype))
        made = self._matching(wildcard(closest.encloser))
        gap = self._nsec3_gap(closest.closer)
        if made is not None and _lacks(made, rdtype):
            return gap
        return gap if gap is Proof.OPTED_OUT else Proof.MISSING


def _said(proven: bool) -> Proof:
    return Proof.PROVEN if proven else Proof.MISSING


def _closer(name: dns.name.Name, encloser: dns.name.Name) -> dns.name.Name:
    """The name one label longer than ``encloser`` on the way to ``name``."""
    return name.split(len(encloser) + 1)[1]
