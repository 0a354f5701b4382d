"""What each source says of a name: the hosts file, DNS with resolv.conf's options, a program's table and function."""

import pytest

from celadon.resolver.frozen import replace
from celadon.resolver.policy.getaddrinfo import getaddrinfo
from celadon.resolver.policy.nss import by_simple
from celadon.resolver.system.world import Ways, look_source, table_source

from ..player import Player, look, world

INET, INET6 = 2, 10
CANON = 2

# name, family, flags, the system's files, the zone, and what glibc 2.36 gave for the same files and the same server
ROWS = [
    # resolv.conf: no-aaaa, single-request, use-vc, sortlist
    (
        "x.test",
        0,
        0,
        {"resolv": "options no-aaaa\n"},
        {"x.test A": "192.0.2.1", "x.test AAAA": "2001:db8::1"},
        "192.0.2.1",
    ),
    ("x.test", INET6, 0, {"resolv": "options no-aaaa\n"}, {"x.test A": "192.0.2.1", "x.test AAAA": "2001:db8::1"}, -5),
    ("x.test", INET6, 0, {"resolv": "options no-aaaa\n"}, {}, -2),
    (
        "x.test",
        0,
        0,
        {"resolv": "options single-request\n"},
        {"x.test A": "192.0.2.1", "x.test AAAA": "2001:db8::1"},
        "2001:db8::1 192.0.2.1",
    ),
    (
        "x.test",
        0,
        0,
        {"resolv": "options single-request\n"},
        {"x.test A": "servfail", "x.test AAAA": "2001:db8::1"},
        -3,
    ),
    (
        "x.test",
        0,
        0,
        {"resolv": "options single-request-reopen\n"},
        {"x.test A": "192.0.2.1", "x.test AAAA": "servfail"},
        "192.0.2.1",
    ),
    (
        "x.test",
        0,
        0,
        {"resolv": "options use-vc\n"},
        {"x.test A": "servfail", "x.test AAAA": "2001:db8::1"},
        "2001:db8::1",
    ),
    ("x.test", INET, 0, {"resolv": "options use-vc\n"}, {"x.test": "servfail"}, -2),
    (
        "x.test",
        INET,
        0,
        {"resolv": "sortlist 10.2.0.0/255.255.0.0 10.1.0.0/255.255.0.0\n"},
        {"x.test A": "192.0.2.1 10.1.0.1 10.2.0.1 10.2.0.2"},
        "10.2.0.1 10.2.0.2 10.1.0.1 192.0.2.1",
    ),
    (
        "x.test",
        INET,
        CANON,
        {"resolv": "sortlist 10.2.0.0/255.255.0.0\n"},
        {"x.test A": "192.0.2.1 10.2.0.1"},
        "10.2.0.1 192.0.2.1 (x.test)",
    ),
    (
        "x.test",
        0,
        0,
        {"resolv": "sortlist 10.2.0.0/255.255.0.0\n"},
        {"x.test A": "192.0.2.1 10.2.0.1"},
        "192.0.2.1 10.2.0.1",
    ),
    # hosts(5): families, several lines, case
    ("two.test", INET, 0, {"hosts": "192.0.2.1 two.test\n192.0.2.2 two.test\n"}, {}, "192.0.2.1 192.0.2.2"),
    (
        "two.test",
        INET,
        0,
        {"hosts": "192.0.2.1 two.test\n192.0.2.2 two.test\n", "host_conf": "multi off"},
        {},
        "192.0.2.1",
    ),
    ("two.test", 0, 0, {"hosts": "192.0.2.1 two.test\n2001:db8::1 two.test\n"}, {}, "2001:db8::1 192.0.2.1"),
    ("two.test", INET6, 0, {"hosts": "192.0.2.1 two.test\n2001:db8::1 two.test\n"}, {}, "2001:db8::1"),
    ("two.test", INET6, 0, {"hosts": "192.0.2.1 two.test\n"}, {}, -2),
    ("two.test", INET, 0, {"hosts": "::1 two.test\n"}, {}, "127.0.0.1"),
    ("two.test", INET, 0, {"hosts": "::ffff:192.0.2.7 two.test\n"}, {}, "192.0.2.7"),
    ("TWO.Test", INET, 0, {"hosts": "192.0.2.1 two.test\n"}, {}, "192.0.2.1"),
    ("two.test.", INET, 0, {"hosts": "192.0.2.1 two.test\n"}, {}, -2),
    ("alias", INET, CANON, {"hosts": "192.0.2.1 two.test alias\n"}, {}, "192.0.2.1 (two.test)"),
    # HOSTALIASES
    ("www", INET, 0, {"aliases": "www x.test\n"}, {"x.test A": "192.0.2.1"}, "192.0.2.1"),
    ("WWW", 0, 0, {"aliases": "www x.test\n"}, {"x.test A": "192.0.2.1"}, "192.0.2.1"),
    ("www.", INET, 0, {"aliases": "www x.test\n"}, {"x.test A": "192.0.2.1"}, -2),
    ("www", INET, CANON, {"aliases": "www x.test\n"}, {"x.test A": "192.0.2.1"}, "192.0.2.1 (x.test)"),
    ("www", INET, 0, {"aliases": "www x.test\n", "hosts": "192.0.2.4 www\n"}, {"x.test A": "192.0.2.1"}, "192.0.2.4"),
    # the search list through getaddrinfo
    ("www", INET, 0, {"resolv": "search one.test\n"}, {"www.one.test A": "192.0.2.1"}, "192.0.2.1"),
    ("www", 0, CANON, {"resolv": "search one.test\n"}, {"www.one.test A": "192.0.2.1"}, "192.0.2.1 (www.one.test)"),
    ("www", INET6, CANON, {"resolv": "search one.test\n"}, {"www.one.test A": "192.0.2.1"}, -5),
    ("www", 0, 0, {"resolv": "search one.test\n"}, {"www.one.test": "servfail"}, -3),
    # canonical names and CNAME chains
    ("alias.test", INET, CANON, {}, {"alias.test": "-> x.test", "x.test A": "192.0.2.1"}, "192.0.2.1 (x.test)"),
    (
        "alias.test",
        0,
        CANON,
        {},
        {"alias.test": "-> mid.test", "mid.test": "-> x.test", "x.test A": "192.0.2.1", "x.test AAAA": "2001:db8::1"},
        "2001:db8::1 192.0.2.1 (x.test)",
    ),
    ("alias.test", 0, 0, {}, {"alias.test": "-> x.test", "x.test TXT": "x"}, -2),
    ("alias.test", INET, 0, {}, {"alias.test": "-> x.test", "x.test TXT": "x"}, -5),
    ("alias.test", INET6, 0, {}, {"alias.test": "-> x.test", "x.test A": "192.0.2.1"}, -2),
    ("X.Test", INET, CANON, {}, {"X.Test A": "192.0.2.1", "x.test A": "192.0.2.1"}, "192.0.2.1 (X.Test)"),
    ("x.test.", INET, CANON, {}, {"x.test A": "192.0.2.1"}, "192.0.2.1 (x.test)"),
]


@pytest.mark.parametrize(("name", "family", "flags", "files", "zone", "expected"), ROWS)
def test_as_glibc(name, family, flags, files, zone, expected):
    assert look(name, family, flags, files, zone) == expected


# A program's own sources stand before nsswitch.conf's: name, family -> addresses, or the number of the gaierror.
TABLE = table_source(
    {
        "given.test": ("192.0.2.3", "2001:db8::3"),
        "four.test": ("192.0.2.4",),
        "gone.test": (),
        "other.test": "x.test",
        "chained.test": "hosts.test",
    }
)
OF_A_PROGRAM = [
    ("given.test", 0, "2001:db8::3 192.0.2.3"),
    ("GIVEN.test.", INET, "192.0.2.3"),
    ("four.test", INET6, -5),
    ("gone.test", 0, -5),
    ("other.test", INET, "192.0.2.1"),
    ("chained.test", INET, "192.0.2.9"),
    ("x.test", INET, "192.0.2.1"),
    ("nx.test", INET, -2),
    ("mine.look", INET, "192.0.2.5"),
    ("none.look", 0, -5),
]


def looks(name):
    return {"mine.look": ["192.0.2.5", "2001:db8::5"], "none.look": []}.get(name)


@pytest.mark.parametrize(("name", "family", "expected"), OF_A_PROGRAM)
def test_a_table_and_a_function(name, family, expected):
    plain = world(hosts="192.0.2.9 hosts.test\n")
    here = replace(plain, order=(TABLE, look_source("looks", looks), *plain.order))
    player = Player({"x.test A": "192.0.2.1"})
    try:
        found = " ".join(one[4][0] for one in player.run(getaddrinfo(here, name, 80, family, 1)))
    except OSError as error:
        found = error.errno
    assert found == expected


def test_what_a_table_gives_must_be_addresses():
    here = replace(world(), order=(table_source({"x.test": ("192.0.2",)}),))
    with pytest.raises(ValueError, match=r"'192\.0\.2' \(given for 'x\.test'\) is not an IP address"):
        Player().run(by_simple(here, "x.test"))


# RFC 6761 and RFC 7686, which libc leaves to DNS: never asked unless special_names says so.
SPECIAL = [
    ("x.localhost", "::1 127.0.0.1"),
    ("localhost.", "::1 127.0.0.1"),
    ("x.invalid", -2),
    ("x.onion", -2),
]


@pytest.mark.parametrize(("name", "expected"), SPECIAL)
def test_names_that_never_reach_dns(name, expected):
    zone = {name.rstrip("."): "nodata"}
    assert look(name, 0, 0, {"ways": Ways()}, zone) == expected
    assert look(name, 0, 0, {}, zone) == -5
