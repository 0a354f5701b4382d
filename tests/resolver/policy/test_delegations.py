"""What replies mean to who starts at the root, and what is remembered of them."""

import pytest

from celadon.resolver.model import Answer, Question, Record
from celadon.resolver.policy.delegations import Delegations, child_of, inside, meaning

A, NS, CNAME, SOA, DNAME, DS, ANY = 1, 2, 5, 6, 39, 43, 255
AA = 0x0400


def reply(name, *records, authority=(), additional=(), rcode=0, aa=False, rdtype=A):
    rows = [
        tuple(Record(owner, kind, 300, data) for owner, kind, data in one) for one in (records, authority, additional)
    ]
    return Answer(Question(name, rdtype), rcode, *rows, flags=0x8000 | AA * aa)


def test_names():
    assert inside("a.b", "b")
    assert inside("b", "b")
    assert inside("b", "")
    assert not inside("ab", "b")
    assert child_of("", "www.a.test") == "test"
    assert child_of("test", "www.a.test") == "a.test"
    assert child_of("a.test", "www.a.test") == "www.a.test"


def test_an_answer():
    found = meaning(reply("www.A.test", ("www.a.test", A, "192.0.2.1"), aa=True), "a.test")
    assert (found.kind, [one.data for one in found.records]) == ("answer", ["192.0.2.1"])


def test_a_referral_with_glue_that_may_be_believed():
    authority = [("a.test", NS, "ns.a.test."), ("a.test", NS, "ns.b.other.")]
    additional = [("ns.a.test", A, "192.0.2.1"), ("ns.b.other", A, "6.6.6.6"), ("evil.test", A, "6.6.6.6")]
    found = meaning(reply("www.a.test", authority=authority, additional=additional), "test")
    assert found.kind == "referral"
    assert (found.cut.zone, found.cut.names) == ("a.test", ("ns.a.test", "ns.b.other"))
    assert [one.data for one in found.glue] == ["192.0.2.1"]


@pytest.mark.parametrize(
    ("name", "authority"),
    [
        ("www.a.test", [("", NS, "root.")]),  # upwards
        ("www.a.test", [("test", NS, "ns.test.")]),  # to itself
        ("www.a.test", [("b.test", NS, "ns.b.test.")]),  # elsewhere
        ("www.a.test", [("www.x.a.test", NS, "ns.b.test.")]),  # past the name
    ],
)
def test_what_is_no_referral_is_lame(name, authority):
    assert meaning(reply(name, authority=authority), "test").kind == "lame"


def test_a_referral_with_the_bit_of_authority():
    """Some balancers set AA in their referrals; Unbound and BIND follow these as well."""
    authority = [("a.test", NS, "ns.a.test.")]
    assert meaning(reply("www.a.test", authority=authority, aa=True), "test").kind == "referral"


def test_an_empty_reply_without_anything_is_no_data():
    found = meaning(reply("www.a.test"), "test")
    assert (found.kind, found.rcode) == ("none", 0)


def test_a_parent_that_knows_no_ds_refers_instead():
    """Without this the question goes round: the parent alone is asked for DS (RFC 4035 §3.1.4.1)."""
    found = meaning(reply("a.test", authority=[("a.test", NS, "ns.a.test.")], rdtype=DS), "test")
    assert (found.kind, found.rcode) == ("none", 0)
    below = meaning(reply("b.a.test", authority=[("a.test", NS, "ns.a.test.")], rdtype=DS), "test")
    assert below.kind == "referral"


def test_an_alias_goes_before_other_data():
    """RFC 1034 §3.6.2: there can be no other data, so whatever a server adds to an alias is wrong."""
    alias, other = ("www.a.test", CNAME, "x.b.test."), ("www.a.test", A, "192.0.2.1")
    found = meaning(reply("www.a.test", other, alias, aa=True), "a.test")
    assert (found.kind, found.name, len(found.records)) == ("alias", "x.b.test", 1)
    assert meaning(reply("www.a.test", alias, aa=True, rdtype=CNAME), "a.test").kind == "answer"
    assert meaning(reply("www.a.test", alias, aa=True, rdtype=ANY), "a.test").kind == "answer"


def test_a_dname_without_its_alias():
    """RFC 6672 §3.2: who knows DNAME makes the alias; not every server does it."""
    found = meaning(reply("w.x.d.a.test", ("d.a.test", DNAME, "B.test."), aa=True), "a.test")
    assert (found.kind, found.name) == ("alias", "w.x.b.test")
    assert found.records[-1] == Record("w.x.d.a.test", CNAME, 300, "w.x.B.test.")
    itself = meaning(reply("d.a.test", ("d.a.test", DNAME, "b.test."), aa=True, rdtype=DNAME), "a.test")
    assert itself.kind == "answer"
    root = meaning(reply("w.d.a.test", ("d.a.test", DNAME, "."), aa=True), "a.test")
    assert (root.kind, root.name, root.records[-1].data) == ("alias", "w", "w.")
    label = "x" * 60
    long = reply(f"{label}.{label}.d.a.test", ("d.a.test", DNAME, f"{label}.{label}.{label}."), aa=True)
    assert (meaning(long, "a.test").kind, meaning(long, "a.test").rcode) == ("none", 6)


def test_refusals_are_lame():
    for rcode in (1, 2, 4, 5):
        assert meaning(reply("a.test", rcode=rcode, aa=True), "test").kind == "lame"


def test_nothing_there():
    soa = [("a.test", SOA, "ns. host. 1 2 3 4 5")]
    assert meaning(reply("x.a.test", rcode=3, authority=soa, aa=True), "a.test").rcode == 3
    found = meaning(reply("x.a.test", authority=soa, aa=True), "a.test")
    assert (found.kind, found.rcode) == ("none", 0)


def test_aliases():
    alias = ("www.a.test", CNAME, "www.b.test.")
    found = meaning(reply("www.a.test", alias, aa=True), "a.test")
    assert (found.kind, found.name) == ("alias", "www.b.test")
    # What a server of a.test says of b.test is not believed; what it says of its own zone is.
    outside = ("www.b.test", A, "6.6.6.6")
    found = meaning(reply("www.a.test", alias, outside, aa=True), "a.test")
    assert (found.kind, len(found.records)) == ("alias", 1)
    near = ("www.a.test", CNAME, "x.a.test.")
    found = meaning(reply("www.a.test", near, ("x.a.test", A, "192.0.2.1"), aa=True), "a.test")
    assert (found.kind, len(found.records)) == ("answer", 2)
    found = meaning(reply("www.a.test", near, rcode=3, aa=True), "a.test")
    assert (found.kind, found.rcode) == ("none", 3)
    found = meaning(reply("www.a.test", alias, rcode=3, aa=True), "a.test")
    assert found.kind == "alias"
    below = [("sub.a.test", NS, "ns.sub.a.test.")]
    found = meaning(reply("www.a.test", ("www.a.test", CNAME, "x.sub.a.test."), authority=below, aa=True), "a.test")
    assert (found.kind, found.name) == ("alias", "x.sub.a.test")


def test_a_dname_is_part_of_the_chain():
    rows = [("old.a.test", DNAME, "new.test."), ("www.old.a.test", CNAME, "www.new.test.")]
    found = meaning(reply("www.old.a.test", *rows, aa=True), "a.test")
    assert (found.kind, found.name, len(found.records)) == ("alias", "www.new.test", 2)


def test_a_loop_of_aliases_ends():
    rows = [("a.test", CNAME, "b.test."), ("b.test", CNAME, "a.test.")]
    assert meaning(reply("a.test", *rows, aa=True), "test").kind == "alias"


def test_what_is_remembered():
    known = Delegations([("ns.root", "192.0.2.53"), ("ns.root", "2001:db8::53")])
    assert known.closest("www.a.test", 0.0).zone == ""
    assert known.addresses("ns.root", 0.0) == ("192.0.2.53", "2001:db8::53")
    authority, additional = [("a.test", NS, "ns.a.test.")], [("ns.a.test", A, "192.0.2.1")]
    known.learn(meaning(reply("www.a.test", authority=authority, additional=additional), "test"), 0.0)
    assert known.closest("www.a.test", 299.0).zone == "a.test"
    assert known.addresses("ns.a.test", 299.0) == ("192.0.2.1",)
    assert known.closest("www.a.test", 301.0).zone == ""
    assert known.addresses("ns.a.test", 301.0) is None
    known.no_cut("b.a.test", 0.0, 60)
    assert known.is_none("b.a.test", 59.0)
    assert not known.is_none("b.a.test", 61.0)
    assert known.closest("x.b.a.test", 10.0).zone == "a.test"
    known.forget_addresses(["ns.a.test"])
    assert known.addresses("ns.a.test", 1.0) is None


def test_memory_is_bounded():
    known = Delegations([("r", "192.0.2.1")])
    for n in range(100_500):
        known.no_cut(f"n{n}", 0.0, 60)
    assert len(known) == 100_000
