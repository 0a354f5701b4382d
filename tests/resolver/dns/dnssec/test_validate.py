"""The chain from an anchor to an answer: as Unbound on recorded replies, and what it asks and keeps on the way."""

import random

import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.rrset
import pytest

from celadon.resolver import QueryOptions, Question, RRType, Security
from celadon.resolver.dns.wire import WireError
from celadon.resolver.errors import Kind, ResolveError
from tests.resolver.dns.dnssec.replayed import Servers, anchor, cases, now, question, reply

pytest.importorskip("cryptography", reason="validation needs cryptography, of the extra dnssec")

from celadon.resolver.resolvers.validation import Validator

#: delv calls an answer validated that rests on an opt-out span (RFC 5155 §9.2: it is not), and allows 150 iterations.
DELV = {"x.wild.optout.test A", "www.dear.test AAAA", "nx.optout.test A", "nx.dear.test A", "plain.optout.test DS"}


@pytest.fixture
def anchors(tmp_path):
    path = tmp_path / "anchors"
    path.write_text(anchor() + "\n")
    return str(path)


def judged(name, rdtype, validator, servers):
    asked = question(name, rdtype)
    answer = servers.answer(validator.asked(asked))
    return validator.validated(asked, answer, servers.ask)


@pytest.mark.parametrize(("name", "rdtype", "unbound", "delv"), cases(), ids=lambda one: one)
def test_as_unbound_and_delv(anchors, name, rdtype, unbound, delv):
    found = judged(name, rdtype, Validator(anchors, now), Servers()).validation
    assert (found.state, bool(found.reason)) == (unbound, unbound != "secure"), found
    assert found.state == delv or f"{name} {rdtype}" in DELV


def test_there_are_enough_cases_of_each_state():
    states = [one[2] for one in cases()]
    assert len(states) >= 110
    assert min(states.count(one) for one in ("secure", "insecure", "bogus")) >= 15


@pytest.mark.parametrize(
    ("case", "ede", "words"),
    [
        ("www.expired.test A", 7, "DNSKEY of expired.test: the signature of key N expired at "),
        ("www.future.test A", 8, "DNSKEY of future.test: the signature of key N is not valid before "),
        ("www.wrongds.test A", 9, "no DNSKEY of wrongds.test fits its DS or anchor (key N)"),
        ("www.nokey.test A", 9, "The zone nokey.test is signed, but has no DNSKEY record"),
        ("www.nosig.test A", 10, "A of www.nosig.test has no RRSIG, and the zone nosig.test is signed"),
        ("www.tamper.test A", 6, "A of www.tamper.test: the signature of key N does not fit the data"),
        (
            "nx.nonsec.test A",
            12,
            "That nx.nonsec.test does not exist is not proven by the zone nonsec.test: no NSEC",
        ),
        ("nx.nonsecsig.test A", 10, "has no RRSIG, and the zone nonsecsig.test is signed"),
        ("www.plain.test A", None, "plain.test is delegated without a DS record by test"),
        ("www.unknown.test A", 2, "The DS records of unknown.test have algorithms or digests that are not supported"),
        ("nx.dear.test A", 27, "dear.test has NSEC3 records of too many iterations"),
    ],
)
def test_the_reason_names_zone_key_and_cause(anchors, case, ede, words):
    found = judged(*case.split(), Validator(anchors, now), Servers()).validation
    assert found.ede == ede
    if found.key is not None:
        assert f"key {found.key}" in found.reason
    assert words.replace("key N", f"key {found.key}") in found.reason
    assert found.zone == case.split(".", 1)[1].split()[0]


def test_keys_are_asked_for_once(anchors):
    validator, servers = Validator(anchors, now), Servers()
    judged("www.good.test", "A", validator, servers)
    assert servers.asked == [
        "www.good.test A",
        ". DNSKEY",
        "test DS",
        "test DNSKEY",
        "good.test DS",
        "good.test DNSKEY",
    ]
    servers.asked.clear()
    judged("good.test", "MX", validator, servers)
    judged("www.good3.test", "A", validator, servers)
    assert servers.asked == ["good.test MX", "www.good3.test A", "good3.test DS", "good3.test DNSKEY"]


def test_what_failed_is_kept_for_half_a_minute(anchors):
    time = [now()]
    validator, servers = Validator(anchors, lambda: time[0]), Servers()
    for _ in range(2):
        found = judged("www.expired.test", "A", validator, servers).validation
        assert (found.state, found.ede) == ("bogus", 7)
    assert servers.asked.count("expired.test DNSKEY") == 1
    time[0] += 31
    judged("www.expired.test", "A", validator, servers)
    assert servers.asked.count("expired.test DNSKEY") == 2


def test_what_is_kept_ends(anchors):
    time = [now()]
    validator, servers = Validator(anchors, lambda: time[0]), Servers()
    assert judged("www.good.test", "A", validator, servers).validation.state == "secure"
    time[0] += 86400 * 40
    found = judged("www.good.test", "A", validator, servers).validation
    assert (found.state, found.ede, found.zone) == ("bogus", 7, ".")


@pytest.mark.parametrize("missing", [". DNSKEY", "test DS", "test DNSKEY", "good.test DS", "good.test DNSKEY"])
def test_keys_that_cannot_be_had(anchors, missing):
    validator = Validator(anchors, now)
    down = ResolveError(Kind.TIMEOUT, "x")
    found = judged("www.good.test", "A", validator, Servers(**{missing: down})).validation
    assert (found.state, found.ede) == ("indeterminate", 22)
    assert f"{missing.split()[1]} of {missing.split()[0]} could not be had: TIMEOUT" in found.reason
    assert judged("www.good.test", "A", validator, Servers()).validation.state == "secure"  # it is asked again


def test_no_anchor_is_above_the_name(tmp_path):
    path = tmp_path / "anchors"
    path.write_text("good.test. DS 1 13 2 " + "00" * 32)
    validator = Validator(str(path), now)
    found = judged("www.plain.test", "A", validator, Servers()).validation
    assert (found.state, found.ede) == ("indeterminate", 5)
    assert found.reason == "no trust anchor is for www.plain.test or a zone above it"
    found = judged("www.good.test", "A", validator, Servers()).validation
    assert (found.state, found.reason) == ("bogus", "no DNSKEY of good.test fits its DS or anchor (key 1)")


def test_the_builtin_anchors_are_the_roots():
    """KSK-2017 and KSK-2024: a root signed by other keys is bogus."""
    found = judged("www.good.test", "A", Validator(None, now), Servers()).validation
    assert (found.state, found.zone) == ("bogus", ".")
    assert "20326, 38696" in found.reason


def changed(name, rdtype, change):
    """The recorded reply after ``change(message)``."""
    message = dns.message.from_wire(reply(name, rdtype))
    change(message)
    return message.to_wire(max_size=65535)


def without(section, rdtype):
    def change(message):
        kept = [one for one in getattr(message, section) if rdtype not in (one.rdtype, one.covers)]
        getattr(message, section)[:] = kept

    return change


def soa_of_a_week(message):
    """How long an absence is kept, is what the SOA record says (RFC 2308 §5)."""
    [soa] = [one for one in message.authority if one.rdtype == dns.rdatatype.SOA]
    longer = soa[0].replace(minimum=604800)
    soa.clear()
    soa.add(longer, 604800)


def unsigned_soa(message):
    kept = [one for one in message.authority if one.covers != dns.rdatatype.SOA]
    message.authority[:] = kept


ATTACKS = {
    "an address more": ("www.good.test A", lambda m: m.answer[0].add(dns.rdata.from_text("IN", "A", "192.0.2.66"))),
    "without signatures": ("www.good.test A", lambda m: m.answer.__delitem__(slice(1, None))),
    "nothing in place of something": ("www.good.test A", lambda m: m.answer.clear()),
    "no name in place of something": (
        "www.good.test A",
        lambda m: (m.answer.clear(), m.set_rcode(3)),
    ),
    "NXDOMAIN beside the data": ("www.good.test A", lambda m: m.set_rcode(3)),
    "NXDOMAIN beside the data of an alias": ("two.good.test A", lambda m: m.set_rcode(3)),
    "NOERROR where there is no name": ("nx.good.test A", lambda m: m.set_rcode(0)),
    "NOERROR where there is no name, NSEC3": ("nx.good3.test A", lambda m: m.set_rcode(0)),
    "a record that nobody asked for": (
        "www.good.test A",
        lambda m: m.answer.append(dns.rrset.from_text("www.good.test.", 300, "IN", "TXT", "forged")),
    ),
    "another name's record": (
        "www.good.test A",
        lambda m: m.answer.append(dns.rrset.from_text("nx.good.test.", 300, "IN", "A", "192.0.2.66")),
    ),
    "a record of another class": (
        "www.good.test A",
        lambda m: m.answer.append(dns.rrset.from_text("www.good.test.", 300, "CH", "TXT", "forged")),
    ),
    "an alias cut off": ("two.good.test A", lambda m: m.answer.__delitem__(slice(2, None))),
    "an unsigned alias": (
        "www.good.test A",
        lambda m: m.answer.__setitem__(
            slice(None), [dns.rrset.from_text("www.good.test.", 300, "IN", "CNAME", "www.plain.test.")]
        ),
    ),
    "a wildcard's proof dropped": ("x.wild.good.test TXT", lambda m: m.authority.clear()),
    "a name's proof dropped": ("nx.good.test A", without("authority", dns.rdatatype.NSEC)),
    "a name's proof dropped, NSEC3": ("nx.good3.test A", without("authority", dns.rdatatype.NSEC3)),
    "an absence for longer": ("nx.good.test A", lambda m: soa_of_a_week(m)),
    "an absence for longer, NSEC3": ("www.good3.test AAAA", lambda m: soa_of_a_week(m)),
    "the SOA record's signature dropped": ("www.good.test AAAA", lambda m: unsigned_soa(m)),
    "NXDOMAIN where there is no data": ("www.good.test AAAA", lambda m: m.set_rcode(3)),
    "NXDOMAIN where there is no data, NSEC3": ("www.good3.test AAAA", lambda m: m.set_rcode(3)),
    "another DNAME's alias": (
        "www.d.good.test A",
        lambda m: m.answer.__setitem__(
            slice(None),
            [
                *[one for one in m.answer if dns.rdatatype.DNAME in (one.rdtype, one.covers)],
                dns.rrset.from_text("www.d.good.test.", 300, "IN", "CNAME", "www.plain.test."),
                dns.rrset.from_text("www.plain.test.", 300, "IN", "A", "192.0.2.66"),
            ],
        ),
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_who_stands_between_is_found_out(anchors, attack):
    case, change = ATTACKS[attack]
    bent = changed(*case.split(), change)
    found = judged(*case.split(), Validator(anchors, now), Servers(**{case: bent})).validation
    assert found.state == "bogus", found


@pytest.mark.parametrize(
    ("case", "as_if"),
    [
        ("good.test DS", lambda m: without("answer", dns.rdatatype.DS)(m)),
        ("good.test DS", lambda m: m.answer.clear()),
    ],
)
def test_a_downgrade_is_bogus(anchors, case, as_if):
    """A reply without the DS record must prove that the zone has no DS record."""
    servers = Servers(**{case: changed(*case.split(), as_if), "www.good.test A": reply("www.good.test", "A")})
    assert judged("www.good.test", "A", Validator(anchors, now), servers).validation.state == "bogus"


def test_another_zones_proof_is_no_proof(anchors):
    """The parent's NSEC record at the delegation says nothing of names in the zone below it."""

    def change(message):
        parents = dns.message.from_wire(reply("plain.test", "DS"))
        message.answer.clear()
        message.authority[:] = parents.authority
        message.set_rcode(3)

    bent = changed("www.good.test", "A", change)
    found = judged("www.good.test", "A", Validator(anchors, now), Servers(**{"www.good.test A": bent})).validation
    assert found.state == "bogus", found


def test_signatures_come_along_only_if_they_were_asked_for(anchors):
    validator, servers = Validator(anchors, now), Servers()
    answer = judged("www.good.test", "A", validator, servers)
    assert {one.rdtype for one in answer.records} == {RRType.A}
    assert answer.question == Question("www.good.test", RRType.A)
    asked = Question("www.good.test", RRType.A, 1, QueryOptions(dnssec=True))
    answer = validator.validated(asked, servers.answer(validator.asked(asked)), servers.ask)
    assert {one.rdtype for one in answer.records} == {RRType.A, RRType.RRSIG}
    assert answer.question == asked


def test_a_server_that_fails(anchors):
    bent = changed("www.good.test", "A", lambda m: (m.answer.clear(), m.set_rcode(2)))
    found = judged("www.good.test", "A", Validator(anchors, now), Servers(**{"www.good.test A": bent})).validation
    assert (found.state, found.reason) == (Security.INDETERMINATE, "the server answered SERVFAIL")


def bent(message, chance):
    """The message with some of its bits, its counts or its response code changed."""
    made = bytearray(message)
    for _ in range(chance.choice((1, 1, 2, 4))):
        match chance.randrange(4):
            case 0:
                made[chance.randrange(12, len(made))] ^= 1 << chance.randrange(8)
            case 1:
                made[chance.randrange(12, len(made))] = chance.randrange(256)
            case 2:
                made[3] = made[3] & 0xF0 | chance.choice((0, 3))
            case _:
                count = chance.choice((7, 9))
                made[count] = max(0, made[count] - 1)
    return bytes(made)


def shown(answer):
    return answer.rcode, {(one.name.lower(), one.rdtype, one.data) for one in answer.records}


@pytest.mark.parametrize("seed", range(4))
def test_bent_replies(anchors, seed):
    """A bent answer, or a bent reply about keys, never makes other data secure, and a signed zone never unsigned."""
    chance = random.Random(seed)
    for _ in range(25):
        name, rdtype, unbound, _ = chance.choice([one for one in cases() if one[2] != "bogus"])
        case = chance.choice([f"{name} {rdtype}"] * 2 + [". DNSKEY", "test DS", "test DNSKEY", "good.test DS"])
        validator, asked = Validator(anchors, now), question(name, rdtype)
        servers = Servers(**{case: bent(reply(*case.split()), chance)})
        try:
            answer = servers.answer(validator.asked(asked))
            found = validator.validated(asked, answer, servers.ask)
        except WireError:
            continue  # the engine waits for another reply
        good = judged(name, rdtype, Validator(anchors, now), Servers())
        if unbound == "secure":
            assert found.validation.state != "insecure", (case, found.validation)
        if found.validation.state == "secure":
            assert shown(found) == shown(good), case
