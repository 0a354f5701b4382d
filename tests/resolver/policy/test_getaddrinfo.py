"""The standard library's calls: flags, literals, products, and the older calls."""

import pytest

from celadon.resolver.policy.getaddrinfo import (
    getaddrinfo,
    gethostbyaddr,
    gethostbyname,
    gethostbyname_ex,
    getnameinfo,
)

from ..player import Player, look, outcome, world

INET, INET6 = 2, 10
PASSIVE, CANON, NUMHOST, V4MAPPED, ALL, ADDRCONFIG = 1, 2, 4, 8, 16, 32
H = "192.0.2.1 here.test here\n192.0.2.2 localonly.test\n"

# name, family, flags, the system's files, the zone, and what glibc 2.36 gave for the same files and the same server
ROWS = [
    # AI_V4MAPPED and AI_ALL
    ("x.test", INET6, V4MAPPED, {}, {"x.test A": "192.0.2.1"}, "::ffff:192.0.2.1"),
    ("x.test", INET6, V4MAPPED, {}, {"x.test A": "192.0.2.1", "x.test AAAA": "2001:db8::1"}, "2001:db8::1"),
    (
        "x.test",
        INET6,
        V4MAPPED | ALL,
        {},
        {"x.test A": "192.0.2.1", "x.test AAAA": "2001:db8::1"},
        "2001:db8::1 ::ffff:192.0.2.1",
    ),
    ("x.test", INET6, ALL, {}, {"x.test A": "192.0.2.1"}, -5),
    ("x.test", INET6, V4MAPPED, {}, {}, -2),
    ("x.test", INET6, V4MAPPED, {}, {"x.test A": "servfail", "x.test AAAA": "nodata"}, -5),
    ("x.test", INET6, V4MAPPED, {}, {"x.test A": "192.0.2.1", "x.test AAAA": "servfail"}, "::ffff:192.0.2.1"),
    ("x.test", INET, V4MAPPED, {}, {"x.test A": "192.0.2.1"}, "192.0.2.1"),
    ("x.test", INET6, V4MAPPED, {"hosts": "192.0.2.1 x.test\n"}, {}, "::ffff:192.0.2.1"),
    # AI_ADDRCONFIG
    ("x.test", 0, ADDRCONFIG, {"families": "4"}, {"x.test A": "192.0.2.1", "x.test AAAA": "2001:db8::1"}, "192.0.2.1"),
    (
        "x.test",
        0,
        ADDRCONFIG,
        {"families": "6"},
        {"x.test A": "192.0.2.1", "x.test AAAA": "2001:db8::1"},
        "2001:db8::1",
    ),
    ("x.test", INET6, ADDRCONFIG, {"families": "4"}, {"x.test A": "192.0.2.1", "x.test AAAA": "2001:db8::1"}, -2),
    ("x.test", INET, ADDRCONFIG, {"families": "6"}, {"x.test A": "192.0.2.1", "x.test AAAA": "2001:db8::1"}, -2),
    ("x.test", INET, ADDRCONFIG, {"families": ""}, {"x.test A": "192.0.2.1", "x.test AAAA": "2001:db8::1"}, -2),
    # literals, and names that are none
    ("192.0.2.1", 0, 0, {}, {}, "192.0.2.1"),
    ("192.0.2.1", INET, 0, {}, {}, "192.0.2.1"),
    ("127.1", 0, 0, {}, {}, "127.0.0.1"),
    ("127.1", INET, 0, {}, {}, "127.0.0.1"),
    ("0x7f.1", 0, 0, {}, {}, "127.0.0.1"),
    ("0x7f.1", INET, 0, {}, {}, "127.0.0.1"),
    ("2130706433", 0, 0, {}, {}, "127.0.0.1"),
    ("2130706433", INET, 0, {}, {}, "127.0.0.1"),
    ("::1", 0, 0, {}, {}, "::1"),
    ("::1", INET, 0, {}, {}, -9),
    ("::ffff:192.0.2.1", 0, 0, {}, {}, "::ffff:192.0.2.1"),
    ("::ffff:192.0.2.1", INET, 0, {}, {}, "192.0.2.1"),
    ("1.2.3.4.", 0, 0, {}, {}, -2),
    ("1.2.3.4.", INET, 0, {}, {}, -2),
    ("256.1.1.1", 0, 0, {}, {}, -2),
    ("256.1.1.1", INET, 0, {}, {}, -2),
    ("1.2.3.4.5", 0, 0, {}, {}, -2),
    ("1.2.3.4.5", INET, 0, {}, {}, -2),
    ("192.0.2.1", INET6, 0, {}, {}, -9),
    ("192.0.2.1", INET6, V4MAPPED, {}, {}, "::ffff:192.0.2.1"),
    ("::1", INET, 0, {}, {}, -9),
    ("x.test", 0, NUMHOST, {}, {"x.test A": "192.0.2.1"}, -2),
    ("192.0.2.1", 0, CANON | NUMHOST, {}, {}, "192.0.2.1 (192.0.2.1)"),
    ("::1%nosuch0", 0, 0, {}, {}, -2),
    ("fe80::1%1", 0, 0, {}, {}, "fe80::1"),
    ("a b", 0, 0, {}, {}, -2),
    ("a..b", INET, 0, {}, {}, "UnicodeError"),
    ("a..b", 0, 0, {}, {}, "UnicodeError"),
    ("a..b", INET6, 0, {}, {}, "UnicodeError"),
    ("-x.test", INET, 0, {}, {"-x.test A": "192.0.2.1"}, -2),
    ("-x.test", INET6, 0, {}, {"-x.test AAAA": "2001:db8::1"}, -2),
    ("_x.test", INET, 0, {}, {"_x.test A": "192.0.2.1"}, "192.0.2.1"),
    ("x" * 64, 0, 0, {}, {}, "UnicodeError"),
    (".", 0, 0, {}, {}, "UnicodeError"),
    ("x.test", 0, 1 << 20, {}, {}, -1),
    ("x.test", 99, 0, {}, {}, -6),
    # libc itself sorts these, by the routes that this machine has.
    pytest.param(None, 0, 0, {}, {}, "::1 127.0.0.1", marks=pytest.mark.ipv6),
    (None, 0, PASSIVE, {}, {}, "0.0.0.0 ::"),
    (None, 0, CANON, {}, {}, -1),
]


@pytest.mark.parametrize(("name", "family", "flags", "files", "zone", "expected"), ROWS)
def test_as_glibc(name, family, flags, files, zone, expected):
    assert look(name, family, flags, files, zone) == expected


# call, its arguments, the system's files, the zone, and what glibc 2.36 gave
OLDER = [
    (
        gethostbyname_ex,
        ("x.test",),
        {},
        {"x.test A": "192.0.2.1 192.0.2.2"},
        ("x.test", [], ["192.0.2.1", "192.0.2.2"]),
    ),
    (
        gethostbyname_ex,
        ("alias.test",),
        {},
        {"alias.test": "-> mid.test", "mid.test": "-> x.test", "x.test A": "192.0.2.1"},
        ("x.test", ["alias.test", "mid.test"], ["192.0.2.1"]),
    ),
    (gethostbyname_ex, ("here",), {"hosts": H}, {}, ("here.test", ["here"], ["192.0.2.1"])),
    (gethostbyname_ex, ("x.test",), {"sources": "dns"}, {}, -2),
    (
        gethostbyname_ex,
        ("two.test",),
        {"hosts": "192.0.2.1 two.test a\n192.0.2.2 other.test two.test b\n"},
        {},
        ("two.test", ["a", "two.test", "b", "other.test"], ["192.0.2.1", "192.0.2.2"]),
    ),
    (gethostbyname_ex, ("127.1",), {}, {}, ("127.1", [], ["127.0.0.1"])),
    (gethostbyname_ex, ("192.0.2.1",), {}, {}, ("192.0.2.1", [], ["192.0.2.1"])),
    (gethostbyname, ("",), {}, {}, "0.0.0.0"),
    (gethostbyname, ("<broadcast>",), {}, {}, "255.255.255.255"),
    (gethostbyname, ("127.1",), {}, {}, "127.0.0.1"),
    (gethostbyname, ("x.test",), {}, {"x.test A": "192.0.2.2 192.0.2.1"}, "192.0.2.2"),
    (gethostbyaddr, ("192.0.2.1",), {"hosts": H}, {}, ("here.test", ["here"], ["192.0.2.1"])),
    (gethostbyaddr, ("192.0.2.5",), {}, {"5.2.0.192.in-addr.arpa PTR": "x.test."}, ("x.test", [], ["192.0.2.5"])),
    (gethostbyaddr, ("192.0.2.5",), {}, {}, ("herror", 1)),
    (gethostbyaddr, ("192.0.2.5",), {}, {"5.2.0.192.in-addr.arpa TXT": "x"}, ("herror", 4)),
    (gethostbyaddr, ("192.0.2.5",), {}, {"5.2.0.192.in-addr.arpa": "servfail"}, ("herror", 2)),
    (
        gethostbyaddr,
        ("192.0.2.5",),
        {"host_conf": "multi on\ntrim .dom.test"},
        {"5.2.0.192.in-addr.arpa PTR": "x.dom.test."},
        ("x", [], ["192.0.2.5"]),
    ),
    (gethostbyaddr, ("::ffff:192.0.2.5",), {}, {"5.2.0.192.in-addr.arpa PTR": "x.test."}, "OSError"),
    (
        gethostbyaddr,
        ("2001:db8::5",),
        {},
        {"5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR": "x.test."},
        ("x.test", [], ["2001:db8::5"]),
    ),
    (getnameinfo, (("192.0.2.5", 80), 2), {}, {"5.2.0.192.in-addr.arpa PTR": "x.test."}, ("x.test", "80")),
    (getnameinfo, (("192.0.2.5", 80), 3), {}, {"5.2.0.192.in-addr.arpa PTR": "x.test."}, ("192.0.2.5", "80")),
    (getnameinfo, (("192.0.2.5", 80), 10), {}, {"5.2.0.192.in-addr.arpa PTR": "x.test."}, ("x.test", "80")),
    (getnameinfo, (("192.0.2.5", 80), 6), {}, {"5.2.0.192.in-addr.arpa PTR": "x.test."}, ("x.test", "80")),
    (getnameinfo, (("192.0.2.5", 80), 2), {}, {}, ("192.0.2.5", "80")),
    (getnameinfo, (("192.0.2.5", 80), 10), {}, {}, -2),
    (getnameinfo, (("192.0.2.5", 80), 2), {}, {"5.2.0.192.in-addr.arpa": "servfail"}, -3),
    (getnameinfo, (("192.0.2.5", 80), 10), {}, {"5.2.0.192.in-addr.arpa": "servfail"}, -3),
    (
        getnameinfo,
        (("192.0.2.5", 80), 6),
        {"hosts": "127.0.0.1 me.dom.test localhost\n192.0.2.5 x.dom.test\n"},
        {},
        ("x", "80"),
    ),
]


@pytest.mark.parametrize(("call", "args", "files", "zone", "expected"), OLDER)
def test_the_older_calls(call, args, files, zone, expected):
    assert outcome(call, files, zone, *args) == expected


# type, protocol -> the (type, protocol) pairs of one address, in gaih_inet_typeproto's order; or the gaierror's number
PRODUCTS = [
    (0, 0, [(1, 6), (2, 17), (3, 0)]),
    (1, 0, [(1, 6)]),
    (2, 0, [(2, 17)]),
    (3, 0, -8),  # a raw socket has no port
    (3, 6, -8),
    (0, 6, [(1, 6)]),
    (0, 17, [(2, 17)]),
    (1, 17, -7),
    (99, 0, -7),
]


@pytest.mark.parametrize(("type_", "proto", "expected"), PRODUCTS)
def test_products_in_their_order(type_, proto, expected):
    zone = {"x.test A": "192.0.2.1"}
    found = outcome(getaddrinfo, {}, zone, "x.test", 80, INET, type_, proto)
    assert (found if isinstance(found, int) else [one[1:3] for one in found]) == expected
    literal = outcome(getaddrinfo, {}, {}, "192.0.2.1", 80, INET, type_, proto)  # libc itself, which asks nobody
    assert literal == found


# port -> the port in the result, or the gaierror's number
PORTS = [(80, 80), ("80", 80), (None, 0), ("", 0), (65536, 0), (-1, -8), ("nosuchservice", -8)]


@pytest.mark.parametrize(("port", "expected"), PORTS)
def test_ports(port, expected):
    found = outcome(getaddrinfo, {}, {"x.test A": "192.0.2.1"}, "x.test", port, INET, 1)
    assert (found if isinstance(found, int) else found[0][4][1]) == expected
    assert found == outcome(getaddrinfo, {}, {}, "192.0.2.1", port, INET, 1)


def test_arguments_of_the_wrong_class():
    for host in (3, 1.5, ["x.test"]):
        with pytest.raises(TypeError):
            Player().run(getaddrinfo(world(), host, 80))
    for call in (gethostbyname, gethostbyname_ex, gethostbyaddr):
        with pytest.raises(TypeError, match="must be str, bytes or bytearray, not None"):
            Player().run(call(world(), None))
