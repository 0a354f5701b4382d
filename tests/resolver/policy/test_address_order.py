"""RFC 6724 §6, rule by rule, as glibc applies it: gai.conf's tables, and what it knows of the host's interfaces."""

import pytest

from celadon.resolver.policy.address_order import order
from celadon.resolver.system.gai_conf import Interface, parse_gai_conf

# rule -> [(address, the source that the kernel would use or None), …] in the order that is right
RULES = {
    "1: what cannot be reached goes last": [("192.0.2.1", "192.0.2.9"), ("2001:db8::1", None)],
    "2: the scope of the source is that of the destination": [
        ("192.0.2.1", "198.51.100.9"),
        ("2001:db8::1", "fe80::9"),
    ],
    "2: link-local IPv4 is of link scope": [("198.51.100.1", "198.51.100.9"), ("192.0.2.1", "169.254.0.9")],
    "5: the source's label is the destination's": [("2001:db8::1", "2001:db8::9"), ("2002:c000:201::1", "2001:db8::9")],
    "6: the higher precedence": [("2001:db8::1", "2001:db8::9"), ("192.0.2.1", "192.0.2.9")],
    "6: Teredo has ::/0's precedence in glibc, 6to4 less": [
        ("2001::1", "2001::9"),
        ("2002:c000:201::1", "2002:c000:201::9"),
    ],
    "8: the smaller scope": [("fe80::1", "fe80::9"), ("2001:db8::1", "2001:db8::9")],
    "9: the longer prefix in common, IPv6": [("2001:db8:1::1", "2001:db8:1::9"), ("2001:db8:2::1", "2001:db8:1::9")],
    "loopback before all others": [("::1", "::1"), ("2001:db8::1", "2001:db8::9")],
}


def ordered(pairs, rules=None, interfaces=None):
    found = order([one for one, _ in pairs], [source for _, source in pairs], 1, rules, interfaces)
    return [pairs[index] for index, _ in found]


@pytest.mark.parametrize("rule", RULES)
def test_a_rule(rule):
    right = RULES[rule]
    assert ordered(right) == right
    assert ordered(right[::-1]) == right


# Rules that ask about the interface of the source: what is known of it, for the first and the second.
OF_INTERFACES = {
    "3: no deprecated source": (Interface(64), Interface(64, deprecated=True)),
    "4: a home address": (Interface(64, home=True), Interface(64)),
    "7: no tunnel": (Interface(64, index=1), Interface(64, index=2, native=False)),
}


@pytest.mark.parametrize("rule", OF_INTERFACES)
def test_a_rule_about_interfaces(rule):
    first, second = OF_INTERFACES[rule]
    right = [("2001:db8:1::1", "2001:db8:ffff::8"), ("2001:db8:2::1", "2001:db8:ffff::9")]
    interfaces = {"2001:db8:ffff::8": first, "2001:db8:ffff::9": second}
    assert ordered(right, interfaces=interfaces) == right
    assert ordered(right[::-1], interfaces=interfaces) == right


def test_rule_7_does_not_decide_on_one_interface():
    pairs = [("2001:db8:2::1", "2001:db8:ffff::9"), ("2001:db8:2::2", "2001:db8:ffff::8")]
    tunnel = {"2001:db8:ffff::9": Interface(64, index=2, native=False), "2001:db8:ffff::8": Interface(64, index=2)}
    assert ordered(pairs, interfaces=tunnel) == pairs


def test_rule_9_for_ipv4_counts_inside_the_subnet_of_the_source_only():
    source = "192.0.2.200"
    near, far = ("192.0.2.201", source), ("192.0.2.1", source)
    assert ordered([far, near], interfaces={source: Interface(24)}) == [near, far]
    outside = [("198.51.100.1", source), ("192.1.0.1", source)]  # the second has more bits in common, and no claim
    assert ordered(outside, interfaces={source: Interface(24)}) == outside
    assert ordered([far, near], interfaces={source: Interface(32)}) == [far, near]


def test_rule_10_leaves_the_order_as_it_came():
    pairs = [("198.51.100.1", "192.0.2.9"), ("198.51.100.2", "192.0.2.9"), ("198.51.100.3", "192.0.2.9")]
    for one in (pairs, pairs[::-1]):
        assert ordered(one) == one


def test_rules_6_and_8_decide_among_what_cannot_be_reached_as_well():
    pairs = [("192.0.2.1", None), ("2001:db8::1", None), ("::1", None)]
    assert [one for one, _ in ordered(pairs)] == ["::1", "2001:db8::1", "192.0.2.1"]


def test_one_entry_for_each_product_in_the_products_order():
    found = order(["192.0.2.1", "2001:db8::1"], ["192.0.2.9", "2001:db8::9"], 3)
    assert found == [(1, 0), (1, 1), (1, 2), (0, 0), (0, 1), (0, 2)]


# gai.conf -> the order of these, both of which can be reached
GAI = [
    ("", ["2001:db8::1", "192.0.2.1"]),
    ("precedence ::ffff:0:0/96 100\n", ["192.0.2.1", "2001:db8::1"]),
    ("label 2001:db8::1/128 9\n", ["192.0.2.1", "2001:db8::1"]),
    ("scopev4 ::ffff:192.0.2.1/128 2\n", ["2001:db8::1", "192.0.2.1"]),
]


@pytest.mark.parametrize(("text", "right"), GAI)
def test_gai_conf(text, right):
    sources = {"192.0.2.1": "192.0.2.9", "2001:db8::1": "2001:db8::9"}
    pairs = [(one, sources[one]) for one in right]
    rules = parse_gai_conf(text.encode())
    assert ordered(pairs, rules) == pairs
    assert ordered(pairs[::-1], rules) == pairs
