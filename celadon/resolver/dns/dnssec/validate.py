"""The plan of a validation: from an anchor down the delegations to the zone that signed an answer (RFC 4035 §5).

A generator, as the plans of ``policy``: it yields ``Ask`` for DS and DNSKEY records, is sent the outcomes, and returns
a ``Validation``. Which zone an RRset is in, its RRSIG says; without one, each name on the way down is looked at for a
delegation that proves that the zone need not sign.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any, NamedTuple, TypeVar

import dns.name

from ...errors import ResolveError
from ...frozen import replace
from ...model import (
    CLASS_IN,
    Answer,
    QueryOptions,
    Question,
    Rcode,
    RRType,
    Security,
    Validation,
    rcode_name,
    type_name,
)
from ...policy.plan import Ask
from .anchors import Anchors
from .cuts import Cuts, Is, Known, seconds_of
from .denial import Cut, Denial, Proof
from .effort import (
    BOGUS,
    INDETERMINATE,
    NO_KEY,
    NO_PROOF,
    TOO_MANY_ITERATIONS,
    UNREACHED,
    UNSUPPORTED_DS,
    Bogus,
    Effort,
    Indeterminate,
    Unproven,
)
from .rrsets import RRsets, Signed, name_of, rrsets, shown
from .signatures import labels, usable, verify, zone_keys

T = TypeVar("T")
#: A part of the plan; what it is sent are the outcomes of what it asked.
Steps = Generator[Ask, Any, T]

_MOST_ALIASES = 32
_NEGATIVE = 900.0  # seconds that the absence of a DS record is kept at most (RFC 2308 §5 allows hours)
_SECURE = Validation(Security.SECURE)
_STATES = {Bogus: Security.BOGUS, Indeterminate: Security.INDETERMINATE}


def asked(question: Question) -> Question:
    """The question in the form whose answer can be validated: with DO, and with CD, so that we see what is bogus."""
    options = question.options or QueryOptions()
    return question._replace(options=replace(options, dnssec=True, cd=True, edns=options.edns or 0))


def validation(answer: Answer, anchors: Anchors, cuts: Cuts, clock: Callable[[], float]) -> Steps[Validation]:
    """What the answer is worth. ``clock`` gives the time of day in seconds of the epoch; ``cuts`` is kept for the next.

    The answer must be that of a question as ``asked`` makes it.
    """
    plan = _Validator(answer, anchors, cuts, clock)
    try:
        return (yield from plan.judge())
    except Unproven as error:
        return Validation(_STATES[type(error)], error.reason, error.zone, error.key, error.ede)
    except Exception as error:  # noqa: BLE001  (hostile bytes may break dnspython in more ways than its own exceptions)
        return Validation(
            Security.BOGUS, f"data that dnspython cannot read: {type(error).__name__}: {error}", ede=BOGUS
        )


class _Absence(NamedTuple):
    """What a message says about what is not there: records by signer, and the failures among them."""

    denial: Denial
    seconds: float
    failure: Bogus | None

    def missing(self, zone: dns.name.Name, what: str) -> Bogus:
        """The error for a proof that is not there: the signature that failed, if one did."""
        if self.failure is not None:
            return self.failure
        how = "no NSEC or NSEC3 record came" if self.denial.empty else "the NSEC or NSEC3 records do not show it"
        return Bogus(shown(zone), f"{what} is not proven by the zone {shown(zone)}: {how}", NO_PROOF)


class _Validator:
    def __init__(self, answer: Answer, anchors: Anchors, cuts: Cuts, clock: Callable[[], float]) -> None:
        self.answer = answer
        self.anchors = anchors
        self.cuts = cuts
        self.clock = clock
        self.effort = Effort()
        options = answer.question.options or QueryOptions()
        self._options = QueryOptions(server=options.server, tcp=options.tcp, rd=options.rd, dnssec=True, cd=True)

    # -- the answer ------------------------------------------------------------------------------------------

    def judge(self) -> Steps[Validation]:
        """The state of the whole: that of its weakest part."""
        answer, question = self.answer, self.answer.question
        if question.rdclass != CLASS_IN:
            raise Indeterminate(question.name, "DNSSEC signs class IN only", INDETERMINATE)
        if answer.rcode not in (Rcode.NOERROR, Rcode.NXDOMAIN):
            raise Indeterminate(question.name, f"the server answered {rcode_name(answer.rcode)}", UNREACHED)
        found = rrsets(answer.records, question.rdclass)
        authority = rrsets(answer.authority, question.rdclass)
        weakest = yield from self._chain(found, authority)
        for one in found.values():  # whatever else the section has: nothing in it may be less than it seems
            weakest = _weaker((yield from self._rrset(one, authority)), weakest)
        return weakest

    def _chain(self, found: RRsets, authority: RRsets) -> Steps[Validation]:
        """The state of what the question leads to; takes it out of ``found``."""
        answer, question = self.answer, self.answer.question
        name, rdtype = name_of(question.name), question.rdtype
        weakest = _SECURE
        for _ in range(_MOST_ALIASES):
            data = [one for one in found.values() if one.name == name and rdtype in (one.rdtype, RRType.ANY)]
            for one in data:
                del found[one.name, one.rdtype]
                weakest = _weaker(weakest, (yield from self._rrset(one, authority)))
            if data and answer.rcode == Rcode.NXDOMAIN:  # no signature covers the response code
                raise Bogus(shown(name), f"the server says that {shown(name)} does not exist, and gives data")
            if data:
                return weakest
            alias, target = _alias(name, rdtype, found)
            if alias is None:
                return _weaker(weakest, (yield from self._absent(name, rdtype, authority)))
            found.pop((name, int(RRType.CNAME)), None)  # of a DNAME, if it is not the alias itself
            found.pop((alias.name, alias.rdtype), None)
            weakest = _weaker(weakest, (yield from self._rrset(alias, authority)))
            name = target
        raise Bogus(question.name, f"more than {_MOST_ALIASES} aliases")

    def _rrset(self, signed: Signed, authority: RRsets) -> Steps[Validation]:
        """The state of one RRset of the answer section."""
        zone = yield from self._zone_of(signed.name, signed.rdtype == RRType.DS, _signers(signed))
        if zone.what is Is.UNSIGNED:
            return zone.unsigned()
        signature = verify(signed, zone.name, zone.keys, self.clock(), self.effort)
        if signature.labels < labels(signed.name):
            encloser = signed.name.split(signature.labels + 1)[1]
            absence = self._absence(zone, authority)
            what = f"That there is nothing closer to {shown(signed.name)} than *.{shown(encloser)}"
            proof = absence.denial.nothing_closer(signed.name, encloser)
            state = self._proven(proof, zone, absence, what)
            return state if state.state is not Security.SECURE else _by(zone, signature)
        return _by(zone, signature)

    def _absent(self, name: dns.name.Name, rdtype: int, authority: RRsets) -> Steps[Validation]:
        """The state of an answer that says that there is nothing."""
        signers = [
            signer
            for one in authority.values()
            if one.rdtype in (RRType.NSEC, RRType.NSEC3, RRType.SOA)
            for signer in _signers(one)
        ]
        zone = yield from self._zone_of(name, rdtype == RRType.DS, signers)
        if zone.what is Is.UNSIGNED:
            return zone.unsigned()
        for one in authority.values():
            if one.rdtype == RRType.SOA:  # it says how long this may be believed (RFC 2308 §5; RFC 4035 §3.2.3)
                verify(one, zone.name, zone.keys, self.clock(), self.effort)
        absence = self._absence(zone, authority)
        if self.answer.rcode == Rcode.NXDOMAIN:
            proof, what = absence.denial.nxdomain(name), f"That {shown(name)} does not exist"
        else:
            proof, what = absence.denial.nodata(name, rdtype), f"That {shown(name)} has no {type_name(rdtype)} record"
        return self._proven(proof, zone, absence, what)

    def _proven(self, proof: Proof, zone: Known, absence: _Absence, what: str) -> Validation:
        where = shown(zone.name)
        if proof is Proof.PROVEN:
            return Validation(Security.SECURE, "", where)
        if proof is Proof.OPTED_OUT:
            return Validation(Security.INSECURE, f"An NSEC3 record of {where} leaves out unsigned names there", where)
        if proof is Proof.TOO_MANY:
            return Validation(
                Security.INSECURE, f"{where} has NSEC3 records of too many iterations", where, None, TOO_MANY_ITERATIONS
            )
        raise absence.missing(zone.name, what)

    def _absence(self, zone: Known, authority: RRsets) -> _Absence:
        """The zone's records of absence whose signatures hold."""
        kept: dict[int, list[tuple[dns.name.Name, Any]]] = {int(RRType.NSEC): [], int(RRType.NSEC3): []}
        seconds = _NEGATIVE
        failure: Bogus | None = None
        for one in authority.values():
            if one.rdtype not in kept or (one.signatures and zone.name not in _signers(one)):
                continue
            try:
                signature = verify(one, zone.name, zone.keys, self.clock(), self.effort)
            except Bogus as error:
                failure = failure or error
                continue
            seconds = min(seconds, seconds_of(one, signature, self.clock()))
            kept[one.rdtype] += [(one.name, rdata) for rdata in one.rrset]
        nsec, nsec3 = kept.values()
        return _Absence(Denial(zone.name, nsec, nsec3, self.effort), seconds, failure)

    # -- the way down ----------------------------------------------------------------------------------------

    def _zone_of(self, name: dns.name.Name, above: bool, signers: Iterable[dns.name.Name]) -> Steps[Known]:
        """The zone that a name is in, or the unsigned one above; ``above``: the parent's side of a delegation.

        What signers say is only a short way: no signature holds whose signer is not a zone with keys.
        """
        target = name.parent() if above and name != dns.name.root else name
        anchor = self._anchor(target)
        for signer in sorted({one for one in signers if target.is_subdomain(one)}, key=len, reverse=True):
            if signer.is_subdomain(anchor):
                known = yield from self._walk(anchor, signer)
                if known.what is Is.UNSIGNED or known.name == signer:
                    return known
                break
        return (yield from self._walk(anchor, target))

    def _anchor(self, name: dns.name.Name) -> dns.name.Name:
        above = name
        while above not in self.anchors:
            if above == dns.name.root:
                raise Indeterminate(
                    shown(name), f"no trust anchor is for {shown(name)} or a zone above it", INDETERMINATE
                )
            above = above.parent()
        return above

    def _walk(self, anchor: dns.name.Name, target: dns.name.Name) -> Steps[Known]:
        """The lowest signed zone at or above ``target``, or the first unsigned one on the way."""
        zone = yield from self._anchored(anchor)
        for depth in range(len(anchor) + 1, len(target) + 1):
            if zone.what is Is.UNSIGNED:
                break
            known = yield from self._cut(zone, target.split(depth)[1])
            if known.what in (Is.SIGNED, Is.UNSIGNED):
                zone = known
            elif known.what is Is.NOTHING:
                break
        return zone

    def _anchored(self, name: dns.name.Name) -> Steps[Known]:
        known = self._known(name)
        if known is None:
            vouched = usable(self.anchors[name])
            if not vouched:
                return Known(
                    name, Is.UNSIGNED, reason=f"The anchor of {shown(name)} has algorithms that are not supported"
                )
            known = yield from self._signed_zone(name, vouched, _NEGATIVE * 96)
        return known

    def _known(self, name: dns.name.Name) -> Known | None:
        """What is known of a name; raises what failed there."""
        known = self.cuts.get(name, self.clock())
        if known is not None and known.error is not None:
            raise type(known.error)(known.error.zone, known.error.reason, known.error.ede, known.error.key)
        return known

    def _failed(self, name: dns.name.Name, error: Unproven) -> Unproven:
        if isinstance(error, Bogus):
            self.cuts.keep(Known(name, Is.FAILED, error=error), self.clock(), 0)
        return error

    def _ask(self, name: dns.name.Name, rdtype: int) -> Steps[Answer]:
        where = shown(name)
        self.effort.question(where)
        question = Question("" if where == "." else where, rdtype, 1, self._options)
        outcome = (yield Ask((question,)))[0]
        what = f"{type_name(rdtype)} of {where} could not be had"
        if isinstance(outcome, ResolveError):
            raise Indeterminate(where, f"{what}: {outcome.kind.value}", UNREACHED)
        if outcome.rcode not in (Rcode.NOERROR, Rcode.NXDOMAIN):
            server = f" from {outcome.server}" if outcome.server else ""
            raise Indeterminate(where, f"{what}: {rcode_name(outcome.rcode)}{server}", UNREACHED)
        return outcome  # type: ignore[no-any-return]

    def _cut(self, zone: Known, name: dns.name.Name) -> Steps[Known]:
        """What a name below a signed zone is."""
        known = self._known(name)
        if known is not None:
            return known
        answer = yield from self._ask(name, RRType.DS)
        known = self._known(name)  # somebody else may have found out meanwhile
        if known is not None:
            return known
        try:
            found = rrsets(answer.records)
            signed = found.get((name, int(RRType.DS)))
            if signed is None:
                return self._no_ds(zone, name, answer, found)
            signature = verify(signed, zone.name, zone.keys, self.clock(), self.effort)
            vouched = usable(signed.rrset)
            seconds = seconds_of(signed, signature, self.clock())
            if not vouched:
                reason = f"The DS records of {shown(name)} have algorithms or digests that are not supported"
                return self.cuts.keep(Known(name, Is.UNSIGNED, {}, reason, UNSUPPORTED_DS), self.clock(), seconds)
        except Unproven as error:
            raise self._failed(name, error) from None
        return (yield from self._signed_zone(name, vouched, seconds))

    def _signed_zone(self, name: dns.name.Name, vouched: Iterable[Any], seconds: float) -> Steps[Known]:
        answer = yield from self._ask(name, RRType.DNSKEY)
        known = self._known(name)
        if known is not None:
            return known
        try:
            signed = rrsets(answer.records).get((name, int(RRType.DNSKEY)))
            if signed is None:
                raise Bogus(
                    shown(name),
                    f"The zone {shown(name)} is signed, but has no DNSKEY record, or the server passes none on",
                    NO_KEY,
                )
            keys = zone_keys(signed, vouched, self.clock(), self.effort)
        except Unproven as error:
            raise self._failed(name, error) from None
        return self.cuts.keep(Known(name, Is.SIGNED, keys), self.clock(), min(seconds, signed.ttl))

    def _no_ds(self, zone: Known, name: dns.name.Name, answer: Answer, found: RRsets) -> Known:
        """What a name is that has no DS record; kept, and returned."""
        alias, _ = _alias(name, RRType.DS, found)
        if alias is not None:
            signature = verify(alias, zone.name, zone.keys, self.clock(), self.effort)
            return self.cuts.keep(Known(name, Is.INSIDE), self.clock(), seconds_of(alias, signature, self.clock()))
        absence = self._absence(zone, rrsets(answer.authority))
        proof, cut = absence.denial.no_ds(name)
        if proof is Proof.MISSING:
            raise absence.missing(zone.name, f"That {shown(name)} has no DS record")
        known = Known(name, _CUTS[cut], {}, f"{shown(name)} is delegated without a DS record by {shown(zone.name)}")
        if proof is not Proof.PROVEN:
            state = self._proven(proof, zone, absence, "")
            known = Known(name, Is.UNSIGNED, {}, state.reason, state.ede)
        return self.cuts.keep(known, self.clock(), absence.seconds)


_CUTS = {Cut.UNSIGNED: Is.UNSIGNED, Cut.INSIDE: Is.INSIDE, Cut.NOTHING: Is.NOTHING}
_ORDER = (Security.SECURE, Security.INSECURE)


def _weaker(one: Validation, other: Validation) -> Validation:
    """The weaker of two; of two as good the later, which is about the end of the chain."""
    return one if _ORDER.index(one.state) > _ORDER.index(other.state) else other


def _by(zone: Known, signature: Any) -> Validation:
    return Validation(Security.SECURE, "", shown(zone.name), int(signature.key_tag))


def _signers(signed: Signed) -> list[dns.name.Name]:
    return [one.signer.canonicalize() for one in signed.signatures]


def _alias(name: dns.name.Name, rdtype: int, found: RRsets) -> tuple[Signed | None, dns.name.Name]:
    """What leads on from a name, and where to: its CNAME, or a DNAME above it, whose CNAME is unsigned (RFC 6672)."""
    above = name
    while above != dns.name.root:
        above = above.parent()
        made = found.get((above, int(RRType.DNAME)))
        if made is not None:
            target = made.rrset[0].target.canonicalize()
            prefix = name.relativize(above)
            cname = found.get((name, int(RRType.CNAME)))
            try:
                goes = prefix.concatenate(target)
            except dns.name.NameTooLong:
                raise Bogus(
                    shown(above), f"DNAME of {shown(above)} makes a name of {shown(name)} that is too long"
                ) from None
            if cname is not None and cname.rrset[0].target.canonicalize() != goes:
                raise Bogus(shown(above), f"CNAME of {shown(name)} is not what the DNAME of {shown(above)} makes")
            return made, goes
    cname = found.get((name, int(RRType.CNAME))) if rdtype != RRType.CNAME else None
    return cname, cname.rrset[0].target.canonicalize() if cname is not None else name
