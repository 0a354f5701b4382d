"""Signatures by dnspython: what holds, and what a hostile zone can make us do (KeyTrap, RFC 9276)."""

import time

import pytest

pytest.importorskip("cryptography", reason="validation needs cryptography, of the extra dnssec")

import dns.dnssec
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from celadon.resolver.dns.dnssec import effort
from celadon.resolver.dns.dnssec.denial import Denial, Proof
from celadon.resolver.dns.dnssec.effort import Bogus, Effort
from celadon.resolver.dns.dnssec.rrsets import Signed, rrsets
from celadon.resolver.dns.dnssec.signatures import by_tag, later, usable, verify, zone_keys
from celadon.resolver.model import Record, RRType

NOW = 1_800_000_000
ZONE = dns.name.from_text("example.")
WWW = dns.name.from_text("www.example.")
KEY = ed25519.Ed25519PrivateKey.generate()
DNSKEY = dns.dnssec.make_dnskey(KEY.public_key(), "ED25519", flags=257)
TAG = dns.dnssec.key_id(DNSKEY)


def rrset(text="192.0.2.1", name=WWW, rdtype="A"):
    return dns.rrset.from_text(name, 300, "IN", rdtype, text)


def signed(made=None, *, inception=NOW - 60, expiration=NOW + 60, signer=ZONE, key=KEY, dnskey=DNSKEY, count=1):
    made = made or rrset()
    signatures = [dns.dnssec.sign(made, key, signer, dnskey, inception, expiration) for _ in range(count)]
    return Signed(made.name, int(made.rdtype), made, tuple(signatures))


def reason(one, keys=None, zone=ZONE, now=NOW, work=None):
    with pytest.raises(Bogus) as caught:
        verify(one, zone, by_tag([DNSKEY]) if keys is None else keys, now, work or Effort())
    return caught.value.reason, caught.value.ede


def test_a_signature_that_holds():
    assert verify(signed(), ZONE, by_tag([DNSKEY]), NOW, Effort()).key_tag == TAG


@pytest.mark.parametrize(
    ("one", "told", "ede"),
    [
        (lambda: signed(expiration=NOW - 1), f"the signature of key {TAG} expired at 2027-01-15 07:59:59 UTC", 7),
        (lambda: signed(inception=NOW + 1), f"the signature of key {TAG} is not valid before 2027-01-15 08:00:01", 8),
        (lambda: signed()._replace(signatures=()), "has no RRSIG, and the zone example is signed", 10),
        (lambda: signed()._replace(rrset=rrset("192.0.2.2")), f"key {TAG} does not fit the data", 6),
        (lambda: signed(signer=dns.name.from_text("other.")), "signed by other, not by the zone example", 10),
    ],
)
def test_reasons(one, told, ede):
    found = reason(one())
    assert told in found[0]
    assert found[1] == ede


def test_the_last_second_counts():
    one = signed(inception=NOW, expiration=NOW)
    assert verify(one, ZONE, by_tag([DNSKEY]), NOW, Effort())
    assert reason(one, now=NOW - 1)[1] == 8
    assert reason(one, now=NOW + 1)[1] == 7


@pytest.mark.parametrize("change", [{"flags": 1}, {"protocol": 2}, {"flags": 257 | 128}])
def test_keys_that_may_not_sign(change):
    assert not by_tag([DNSKEY.replace(**change)])


def test_one_good_signature_is_enough():
    good, bad = signed(), signed(expiration=NOW - 1)
    assert verify(good._replace(signatures=(*bad.signatures, *good.signatures)), ZONE, by_tag([DNSKEY]), NOW, Effort())


def test_times_are_serial_numbers():
    """RFC 4034 §3.1.5: in 2106 the number begins anew."""
    assert later(5, 0xFFFFFFF0)
    assert not later(0xFFFFFFF0, 5)
    assert not later(NOW, NOW)


def test_types_that_a_wildcard_never_makes():
    one = signed(rrset("x.example. A RRSIG NSEC", dns.name.from_text("*.example."), "NSEC"))
    made = rrset("x.example. A RRSIG NSEC", WWW, "NSEC")
    assert "labels" in reason(Signed(WWW, 47, made, one.signatures))[0]


# -- work that others want to make us do -------------------------------------------------------------------------


def same_tag_keys(count):
    """Keys of one tag and algorithm: a tag is a sum, so the halves of a key may change places."""
    private = ec.generate_private_key(ec.SECP256R1())
    first = dns.dnssec.make_dnskey(private.public_key(), "ECDSAP256SHA256", flags=257)
    words = [first.key[n : n + 2] for n in range(0, 64, 2)]
    made = [first.replace(key=b"".join(words[turn % 32 :] + words[: turn % 32])) for turn in range(count)]
    assert {dns.dnssec.key_id(one) for one in made} == {dns.dnssec.key_id(first)}
    return private, first, made


def test_keytrap():
    """CVE-2023-50387: many keys of one tag, many signatures under it, none of which holds."""
    private, first, keys = same_tag_keys(32)
    one = signed(key=private, dnskey=first, count=20)
    bent = one._replace(rrset=rrset("192.0.2.66"))
    work = Effort()
    reason(bent, by_tag(keys), work=work)
    assert work.checks <= effort.MOST_FAILURES + effort.MOST_SIGNATURES
    began = time.process_time()
    for _ in range(50):
        reason(bent, by_tag(keys), work=work)  # of the same answer: what is spent is spent
    assert work.checks <= effort.MOST_FAILURES + 51 * effort.MOST_SIGNATURES
    assert time.process_time() - began < 2


def test_a_zone_of_many_ds_records():
    many = [dns.rdata.from_text("IN", "DS", f"{n} 15 2 {'00' * 32}") for n in range(1000)]
    one = signed(rrset(DNSKEY.to_text(), ZONE, "DNSKEY"))
    with pytest.raises(Bogus, match="no DNSKEY of example fits"):
        zone_keys(one, many, NOW, Effort())


def test_keys_that_a_ds_vouches_for():
    one = signed(rrset(DNSKEY.to_text(), ZONE, "DNSKEY"))
    for vouched in (dns.dnssec.make_ds(ZONE, DNSKEY, "SHA256"), dns.dnssec.make_ds(ZONE, DNSKEY, "SHA384"), DNSKEY):
        assert zone_keys(one, [vouched], NOW, Effort()) == by_tag([DNSKEY])


def test_digests():
    ds = {n: dns.rdata.from_text("IN", "DS", f"1 13 {n} {'00' * size}") for n, size in ((1, 20), (2, 32), (4, 48))}
    odd = dns.rdata.from_text("IN", "DS", f"1 250 2 {'00' * 32}")
    assert usable([ds[1]]) == (ds[1],)
    assert usable([ds[1], ds[2], ds[4], odd]) == (ds[2], ds[4])  # RFC 4509 §3
    assert usable([odd]) == ()


def test_too_many_records():
    with pytest.raises(Bogus, match="more than 2000 records"):
        rrsets(Record("www.example", RRType.A, 1, f"10.0.{n // 256}.{n % 256}") for n in range(2001))


def nsec3(name, after, *types, flags=0, iterations=0):
    """The owner and record of the NSEC3 chain that begin at a name's hash."""
    owner, end = (dns.dnssec.nsec3_hash(one, None, iterations, 1) for one in (name, after))
    text = f"1 {flags} {iterations} - {end} {' '.join(types)}"
    return dns.name.from_text(owner.lower(), ZONE), dns.rdata.from_text("IN", "NSEC3", text)


def test_hashes_are_counted():
    """CVE-2023-50868: a name of many labels, and the most iterations that we do."""
    records = [nsec3("example.", "example.", "SOA", "NS", iterations=effort.MOST_ITERATIONS)]
    work = Effort()
    name = dns.name.from_text("a." * 100 + "example.")
    began = time.process_time()
    Denial(ZONE, [], records, work).nxdomain(name)
    assert work.hashes <= 103
    assert time.process_time() - began < 1
    for _ in range(2):
        Denial(ZONE, [], records, work).nxdomain(dns.name.from_text("b." * 90 + "example."))
    with pytest.raises(Bogus, match="NSEC3 hashes"):
        Denial(ZONE, [], records, work).nxdomain(name)


def test_iterations():
    records = [nsec3("example.", "example.", "SOA", "NS", iterations=effort.MOST_ITERATIONS + 1)]
    assert Denial(ZONE, [], records, Effort()).nxdomain(WWW) is Proof.TOO_MANY
    cheap = [nsec3("example.", "example.", "SOA", "NS")]
    assert Denial(ZONE, [], records + cheap, Effort()).nxdomain(WWW) is Proof.PROVEN


@pytest.mark.parametrize(
    ("types", "rdtype", "proof"),
    [
        ("A", "AAAA", Proof.PROVEN),
        ("A", "A", Proof.MISSING),
        ("A CNAME", "AAAA", Proof.MISSING),  # RFC 6840 §4.3
        ("NS", "A", Proof.MISSING),  # the parent's side of a delegation (§4.1)
        ("NS", "DS", Proof.PROVEN),
        ("NS DS", "DS", Proof.MISSING),
        ("NS SOA", "A", Proof.PROVEN),
        ("NS SOA", "DS", Proof.MISSING),  # the child's side
    ],
)
def test_no_data(types, rdtype, proof):
    number = dns.rdatatype.from_text(rdtype)
    record = dns.rdata.from_text("IN", "NSEC", f"z.example. {types}")
    assert Denial(ZONE, [(WWW, record)], [], Effort()).nodata(WWW, number) is proof
    assert (
        Denial(ZONE, [], [nsec3("www.example.", "z.example.", *types.split())], Effort()).nodata(WWW, number) is proof
    )


@pytest.mark.parametrize("types", ["NS", "DNAME"])
def test_a_delegation_says_nothing_of_what_is_below(types):
    """RFC 6840 §4.1, RFC 5155 §8.3."""
    below = dns.name.from_text("a.www.example.")
    nsec = dns.rdata.from_text("IN", "NSEC", f"example. {types}")
    apex = dns.rdata.from_text("IN", "NSEC", "www.example. SOA NS")
    assert Denial(ZONE, [(WWW, nsec), (ZONE, apex)], [], Effort()).nxdomain(below) is Proof.MISSING
    hashed = [nsec3("www.example.", "www.example.", types)]
    assert Denial(ZONE, [], hashed, Effort()).nxdomain(below) is Proof.MISSING


def test_another_zones_records_prove_nothing():
    record = dns.rdata.from_text("IN", "NSEC", "z.example. A")
    other = dns.name.from_text("other.")
    assert Denial(other, [(WWW, record)], [], Effort()).empty
    assert Denial(other, [], [nsec3("www.example.", "z.example.", "A")], Effort()).empty


def test_the_whole_zone_in_one_record():
    """The apex is the only name: its NSEC record points at itself."""
    apex = dns.rdata.from_text("IN", "NSEC", "example. SOA NS")
    assert Denial(ZONE, [(ZONE, apex)], [], Effort()).nxdomain(WWW) is Proof.PROVEN
