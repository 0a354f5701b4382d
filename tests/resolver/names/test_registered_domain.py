"""Registered domains, with the list's own examples (https://raw.githubusercontent.com/publicsuffix/list/, tests)."""

import pytest

from celadon.resolver.names.registered_domain import registered_domain, suffix_rules

LIST = """
// ===BEGIN ICANN DOMAINS===
com
uk
co.uk
jp
kyoto.jp
ide.kyoto.jp
*.kobe.jp
!city.kobe.jp
*.ck
!www.ck
cn
公司.cn
// private
blogspot.com
"""


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("www.example.com", "example.com"), ("EXAMPLE.COM.", "example.com"), ("a.b.example.co.uk", "example.co.uk"),
        ("b.ide.kyoto.jp", "b.ide.kyoto.jp"), ("a.b.ide.kyoto.jp", "b.ide.kyoto.jp"), ("a.b.c.kobe.jp", "b.c.kobe.jp"),
        ("www.city.kobe.jp", "city.kobe.jp"), ("www.www.ck", "www.ck"), ("a.b.test.ck", "b.test.ck"),
        ("x.me.blogspot.com", "me.blogspot.com"), ("www.xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn"),
        ("com", "com"), ("co.uk", "co.uk"), ("a.b.unlisted", "b.unlisted"), ("", ""), (".", ""), ("a..com", ".com"),
    ],
)  # fmt: skip
def test_by_the_list(name, domain):
    assert registered_domain(name, suffix_rules(LIST.splitlines())) == domain


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("www.example.com", "example.com"), ("a.b.example.co.uk", "example.co.uk"), ("a.example.de", "example.de"),
        ("example.com.au", "example.com.au"), ("www.com.example", "com.example"), ("co.uk", "co.uk"), ("x", "x"),
    ],
)  # fmt: skip
def test_without_a_list(name, domain):
    assert registered_domain(name) == domain


def test_what_is_no_rule_is_left_out():
    assert suffix_rules(["", "// com", "com // a comment", "x" * 70 + "é.com"]) == {"com"}
