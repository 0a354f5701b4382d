"""Signatures and keys: does an RRSIG hold, and which keys does a DS record vouch for."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import cryptography  # noqa: F401  (dns.dnssec imports without it, and then cannot validate)
import dns.dnssec
import dns.name
import dns.rdatatype
from dns.exception import DNSException
from dns.rdtypes.dnskeybase import Flag

from ...model import RRType
from .effort import (
    BOGUS,
    EXPIRED,
    MOST_DS,
    MOST_KEYS_OF_A_TAG,
    MOST_SIGNATURES,
    NO_KEY,
    NO_SIGNATURE,
    NOT_YET,
    UNSUPPORTED_KEY,
    Bogus,
    Effort,
)
from .rrsets import Signed, shown

#: A zone's keys by tag and algorithm.
Keys = Mapping[tuple[int, int], tuple[Any, ...]]

#: What can be validated (RFC 8624 §3.1): RSA with SHA-1, SHA-256 and SHA-512, ECDSA, EdDSA.
ALGORITHMS = frozenset((5, 7, 8, 10, 13, 14, 15, 16))
#: RFC 8624 §3.3: SHA-1, SHA-256, SHA-384.
DIGESTS = frozenset((1, 2, 4))
_SHA1 = 1
_HALF = 1 << 31  # RFC 4034 §3.1.5: times are serial numbers of 32 bits
_ALLOW = dns.dnssec.allow_all_policy
#: Types that a wildcard never makes: a proof of absence, or a zone's own.
_NEVER_EXPANDED = (RRType.NSEC, RRType.NSEC3, RRType.DS, RRType.DNSKEY, RRType.SOA)


def by_tag(keys: Iterable[Any]) -> Keys:
    """The keys that may sign a zone: with the zone bit, protocol 3, not revoked (RFC 4034 §2.1, RFC 5011 §2.1)."""
    made: dict[tuple[int, int], tuple[Any, ...]] = {}
    for one in keys:
        if one.flags & Flag.ZONE and not one.flags & Flag.REVOKE and one.protocol == 3:
            place = dns.dnssec.key_id(one), int(one.algorithm)
            made[place] = (*made.get(place, ()), one)
    return made


def later(one: int, other: float) -> bool:
    """Whether the time ``one`` of a signature is after ``other``, both in seconds of the epoch modulo 2^32."""
    return 0 < (one - int(other)) & 0xFFFFFFFF < _HALF


def stamp(seconds: int) -> str:
    """A signature's time, for messages."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def labels(name: dns.name.Name) -> int:
    """How many labels an RRSIG for this owner counts (RFC 4034 §3.1.3)."""
    return len(name) - 1 - (name.is_wild() and 1)


def verify(signed: Signed, zone: dns.name.Name, keys: Keys, now: float, effort: Effort) -> Any:
    """The RRSIG that holds. ``now`` is in seconds of the epoch. Bogus, with the reason of the nearest miss, for none.

    The RRset is then secure, unless it was made from a wildcard (the RRSIG counts fewer labels than the owner has):
    then it must be proven as well that there is nothing closer (RFC 4035 §5.3.4).
    """
    if not signed.signatures:
        raise Bogus(shown(zone), f"{signed.shown} has no RRSIG, and the zone {shown(zone)} is signed", NO_SIGNATURE)
    missed: Bogus | None = None
    for one in signed.signatures[:MOST_SIGNATURES]:
        try:
            _check(signed, one, zone, keys, now, effort)
            return one
        except Bogus as error:
            if missed is None or _NEARER.index(error.ede) > _NEARER.index(missed.ede):
                missed = error
    assert missed is not None
    raise missed


#: Of several signatures that do not hold, the last of these says most.
_NEARER = (NO_SIGNATURE, UNSUPPORTED_KEY, NO_KEY, NOT_YET, EXPIRED, BOGUS)


def _check(signed: Signed, one: Any, zone: dns.name.Name, keys: Keys, now: float, effort: Effort) -> None:
    tag, place = int(one.key_tag), shown(zone)

    def bogus(reason: str, ede: int = BOGUS) -> Bogus:
        return Bogus(place, f"{signed.shown}: {reason}", ede, tag)

    if one.signer.canonicalize() != zone:
        raise bogus(f"signed by {shown(one.signer)}, not by the zone {place}", NO_SIGNATURE)
    if one.labels > labels(signed.name) or (one.labels < labels(signed.name) and signed.rdtype in _NEVER_EXPANDED):
        raise bogus(f"the RRSIG counts {one.labels} labels, the name has {labels(signed.name)}")
    if one.algorithm not in ALGORITHMS:
        raise bogus(f"the algorithm {one.algorithm} of key {tag} is not supported", UNSUPPORTED_KEY)
    found = keys.get((tag, int(one.algorithm)), ())
    if not found:
        raise bogus(f"signed by key {tag}, which is no DNSKEY of {place} (algorithm {one.algorithm})", NO_KEY)
    if later(one.inception, now):
        raise bogus(f"the signature of key {tag} is not valid before {stamp(one.inception)}", NOT_YET)
    if not later(one.expiration, now - 1):
        raise bogus(f"the signature of key {tag} expired at {stamp(one.expiration)}", EXPIRED)
    for key in found[:MOST_KEYS_OF_A_TAG]:
        effort.check(place)
        try:
            dns.dnssec.validate_rrsig(signed.rrset, one, {one.signer: [key]}, None, now, _ALLOW)  # type: ignore[dict-item]
            return
        except (DNSException, ValueError, TypeError):
            effort.failed(place)
    raise bogus(f"the signature of key {tag} does not fit the data")


def usable(records: Iterable[Any]) -> tuple[Any, ...]:
    """The DS records (and DNSKEY anchors) that we can use: none means that the zone counts as unsigned (RFC 4035 §5.2).

    Where there is a better digest, SHA-1 does not count (RFC 4509 §3).
    """
    found = [
        one
        for one in records
        if one.algorithm in ALGORITHMS and (one.rdtype == dns.rdatatype.DNSKEY or one.digest_type in DIGESTS)
    ]
    better = any(one.rdtype == dns.rdatatype.DS and one.digest_type != _SHA1 for one in found)
    return tuple(one for one in found if not better or one.rdtype == dns.rdatatype.DNSKEY or one.digest_type != _SHA1)


def zone_keys(signed: Signed, vouched: Iterable[Any], now: float, effort: Effort) -> Keys:
    """The keys of a DNSKEY RRset that one of its keys signed for which a DS record or an anchor vouches.

    Bogus where none of the keys is vouched for, or none of those has a good signature (RFC 4035 §5.2).
    """
    zone = signed.name
    keys = by_tag(signed.rrset)
    anchors = tuple(vouched)[:MOST_DS]
    trusted = [key for one in anchors for key in _vouched(zone, one, keys)]
    if not trusted:
        tags = sorted({_tag(one) for one in anchors})
        raise Bogus(
            shown(zone),
            f"no DNSKEY of {shown(zone)} fits its DS or anchor (key {', '.join(map(str, tags))})",
            NO_KEY,
            tags[0] if tags else None,
        )
    verify(signed, zone, by_tag(trusted), now, effort)
    return keys


def _tag(one: Any) -> int:
    return int(one.key_tag) if one.rdtype == dns.rdatatype.DS else dns.dnssec.key_id(one)


def _vouched(zone: dns.name.Name, one: Any, keys: Keys) -> list[Any]:
    found = keys.get((_tag(one), int(one.algorithm)), ())[:MOST_KEYS_OF_A_TAG]
    if one.rdtype == dns.rdatatype.DNSKEY:
        return [key for key in found if key.key == one.key]
    return [key for key in found if dns.dnssec.make_ds(zone, key, one.digest_type, policy=_ALLOW).digest == one.digest]
