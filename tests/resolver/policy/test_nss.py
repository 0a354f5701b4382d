"""The ways through nsswitch.conf's sources: criteria, and what the failure of each way is called."""

import contextlib

import pytest

from celadon.resolver.policy.nss import addresses, quick
from celadon.resolver.system.gai_conf import Interface

from ..player import Player, look, world

INET, INET6 = 2, 10
# hosts file and zone of the rows about nsswitch.conf
H = "192.0.2.1 here.test here\n192.0.2.2 localonly.test\n"
HF = "192.0.2.1 here.test here\n192.0.2.2 localonly.test\n192.0.2.3 fail.test\n192.0.2.4 noaddr.test\n"
Z = {"here.test A": "192.0.2.9", "dnsonly.test A": "192.0.2.10", "fail.test": "servfail"}

# name, family, flags, the system's files, the zone, and what glibc 2.36 gave for the same files and the same server
ROWS = [
    # nsswitch.conf: order and criteria
    ("here.test", INET, 0, {"hosts": H}, Z, "192.0.2.1"),
    ("here.test", INET, 0, {"hosts": H, "sources": "dns files"}, Z, "192.0.2.9"),
    ("here.test", 0, 0, {"hosts": H, "sources": "files"}, Z, "192.0.2.1"),
    ("here.test", 0, 0, {"hosts": H, "sources": "dns"}, Z, "192.0.2.9"),
    ("dnsonly.test", INET, 0, {"hosts": H, "sources": "files"}, Z, -2),
    ("here.test", INET, 0, {"hosts": H, "sources": "files [SUCCESS=continue] dns"}, Z, "192.0.2.9"),
    ("localonly.test", INET, 0, {"hosts": H, "sources": "files [SUCCESS=continue] dns"}, Z, -2),
    ("localonly.test", 0, 0, {"hosts": H, "sources": "files [SUCCESS=continue] dns"}, Z, -2),
    ("dnsonly.test", INET, 0, {"hosts": H, "sources": "files [NOTFOUND=return] dns"}, Z, -2),
    ("dnsonly.test", 0, 0, {"hosts": H, "sources": "files [NOTFOUND=return] dns"}, Z, -2),
    ("localonly.test", INET, 0, {"hosts": H, "sources": "dns [NOTFOUND=return] files"}, Z, -2),
    ("localonly.test", INET, 0, {"hosts": H, "sources": "dns [!NOTFOUND=return] files"}, Z, "192.0.2.2"),
    ("fail.test", INET, 0, {"hosts": HF, "sources": "dns files"}, Z, "192.0.2.3"),
    ("fail.test", INET, 0, {"hosts": HF, "sources": "dns [UNAVAIL=return] files"}, Z, -3),
    ("fail.test", 0, 0, {"hosts": HF, "sources": "dns [UNAVAIL=return] files"}, Z, -3),
    ("fail.test", INET, 0, {"hosts": HF, "sources": "dns [!UNAVAIL=return] files"}, Z, "192.0.2.3"),
    (
        "noaddr.test",
        INET,
        0,
        {"hosts": HF, "sources": "dns [TRYAGAIN=return] files"},
        {"noaddr.test": "-> nowhere.test", "nowhere.test": "nodata"},
        -5,
    ),
    (
        "noaddr.test",
        INET,
        0,
        {"hosts": HF, "sources": "dns files"},
        {"noaddr.test": "-> nowhere.test", "nowhere.test": "nodata"},
        "192.0.2.4",
    ),
    ("here.test", INET, 0, {"hosts": H, "sources": "nosuch [NOTFOUND=return] files"}, Z, "192.0.2.1"),
    ("here.test", INET, 0, {"hosts": H, "sources": "nosuch [UNAVAIL=return] files"}, Z, -2),
    ("here.test", 0, 0, {"hosts": H, "sources": "nosuch [UNAVAIL=return] files"}, Z, "OSError"),
    ("here.test", 0, 0, {"hosts": H, "sources": "nosuch files [SUCCESS=return] dns"}, Z, "192.0.2.1"),
    # DNS: the failure of both families, and of one
    ("x.test", 0, 0, {}, {"x.test": "nx"}, -2),
    ("x.test", INET, 0, {}, {"x.test": "nx"}, -2),
    ("x.test", INET6, 0, {}, {"x.test": "nx"}, -2),
    ("x.test", 0, 0, {}, {"x.test TXT": "x"}, -5),
    ("x.test", INET, 0, {}, {"x.test TXT": "x"}, -5),
    ("x.test", INET6, 0, {}, {"x.test TXT": "x"}, -5),
    ("x.test", 0, 0, {}, {"x.test": "servfail"}, -3),
    ("x.test", INET, 0, {}, {"x.test": "servfail"}, -3),
    ("x.test", INET6, 0, {}, {"x.test": "servfail"}, -3),
    ("x.test", 0, 0, {}, {"x.test": "refused"}, -3),
    ("x.test", INET, 0, {}, {"x.test": "refused"}, -3),
    ("x.test", INET6, 0, {}, {"x.test": "refused"}, -3),
    ("x.test", 0, 0, {}, {"x.test": "notimp"}, -3),
    ("x.test", INET, 0, {}, {"x.test": "notimp"}, -3),
    ("x.test", INET6, 0, {}, {"x.test": "notimp"}, -3),
    ("x.test", 0, 0, {}, {"x.test": "formerr"}, -2),
    ("x.test", INET, 0, {}, {"x.test": "formerr"}, -2),
    ("x.test", INET6, 0, {}, {"x.test": "formerr"}, -2),
    ("x.test", 0, 0, {}, {"x.test": "rcode9"}, -2),
    ("x.test", INET, 0, {}, {"x.test": "rcode9"}, -2),
    ("x.test", INET6, 0, {}, {"x.test": "rcode9"}, -2),
    ("x.test", 0, 0, {}, {"x.test": "silent"}, -3),
    ("x.test", INET, 0, {}, {"x.test": "silent"}, -3),
    ("x.test", INET6, 0, {}, {"x.test": "silent"}, -3),
    ("x.test", 0, 0, {}, {"x.test A": "192.0.2.1", "x.test AAAA": "2001:db8::1"}, "2001:db8::1 192.0.2.1"),
    ("x.test", 0, 0, {}, {"x.test A": "192.0.2.1", "x.test AAAA": "nodata"}, "192.0.2.1"),
    ("x.test", 0, 0, {}, {"x.test A": "nodata", "x.test AAAA": "2001:db8::1"}, "2001:db8::1"),
    ("x.test", 0, 0, {}, {"x.test A": "192.0.2.1", "x.test AAAA": "nx"}, "192.0.2.1"),
    ("x.test", 0, 0, {}, {"x.test A": "nx", "x.test AAAA": "2001:db8::1"}, "2001:db8::1"),
    ("x.test", 0, 0, {}, {"x.test A": "192.0.2.1", "x.test AAAA": "servfail"}, "192.0.2.1"),
    ("x.test", 0, 0, {}, {"x.test A": "servfail", "x.test AAAA": "2001:db8::1"}, "2001:db8::1"),
    ("x.test", 0, 0, {}, {"x.test A": "192.0.2.1", "x.test AAAA": "silent"}, "192.0.2.1"),
    ("x.test", 0, 0, {}, {"x.test A": "silent", "x.test AAAA": "2001:db8::1"}, -3),
    ("x.test", 0, 0, {}, {"x.test A": "nodata", "x.test AAAA": "servfail"}, -5),
    ("x.test", 0, 0, {}, {"x.test A": "servfail", "x.test AAAA": "nodata"}, -5),
    ("x.test", 0, 0, {}, {"x.test A": "nx", "x.test AAAA": "servfail"}, -2),
    ("x.test", 0, 0, {}, {"x.test A": "servfail", "x.test AAAA": "nx"}, -2),
    ("x.test", 0, 0, {}, {"x.test A": "nodata", "x.test AAAA": "nx"}, -2),
    ("x.test", 0, 0, {}, {"x.test A": "nx", "x.test AAAA": "nodata"}, -2),
    ("x.test", 0, 0, {}, {"x.test A": "nodata", "x.test AAAA": "formerr"}, -2),
    ("x.test", 0, 0, {}, {"x.test A": "formerr", "x.test AAAA": "nodata"}, -2),
    ("x.test", 0, 0, {}, {"x.test A": "192.0.2.1", "x.test AAAA": "formerr"}, "192.0.2.1"),
    ("x.test", 0, 0, {}, {"x.test A": "formerr", "x.test AAAA": "2001:db8::1"}, "2001:db8::1"),
    # host.conf: reorder
    (
        "x.test",
        INET,
        0,
        {"host_conf": "multi on\nreorder on", "families": "4"},
        {"x.test A": "198.51.100.1 198.51.100.2 192.0.2.7"},
        "192.0.2.7 198.51.100.2 198.51.100.1",
    ),
]


@pytest.mark.parametrize(("name", "family", "flags", "files", "zone", "expected"), ROWS)
def test_as_glibc(name, family, flags, files, zone, expected):
    assert look(name, family, flags, files, zone) == expected


# A mix of what changes the way: where nss.quick may not take its short way, it must come to the same.
WAYS = ["", "sortlist 10.2.0.0/255.255.0.0\n", "options no-aaaa\n", "options single-request\n", "options use-vc\n"]


@pytest.mark.parametrize("host_conf", ["multi on", "multi on\nreorder on"])
@pytest.mark.parametrize("resolv", WAYS)
@pytest.mark.parametrize("family", [0, INET, INET6])
def test_the_short_way_comes_to_the_same(resolv, host_conf, family):
    here = world(resolv, host_conf=host_conf, interfaces={"10.3.0.9": Interface(16)})
    zone = {
        "one.test A": "192.0.2.1",
        "many.test A": "192.0.2.1 10.2.0.1 10.3.0.1",
        "many.test AAAA": "2001:db8::1",
        "six.test AAAA": "2001:db8::1",
        "alias.test": "-> many.test",
        "fail.test": "servfail",
        "half.test A": "silent",
        "half.test AAAA": "2001:db8::1",
    }
    for name in ("one.test", "many.test", "six.test", "alias.test", "fail.test", "half.test", "nx.test", "many.test."):
        short, long = Player(zone), Player(zone)
        results = []
        for player, plan in (
            (short, quick(here, name, family)),
            (long, addresses(here, name, family, False, False, False)),
        ):
            try:
                found = player.run(plan)
                results.append((list(found.found), found.canonical))
            except OSError as error:
                results.append(error.args)
        assert results[0] == results[1], name
        assert short.asked == long.asked, name


# resolv.conf -> the questions that are sent together, for a name that has an address
ROUNDS = [
    ("", 0, [["x.test A", "x.test AAAA"]]),
    ("", INET, [["x.test A"]]),
    ("options single-request\n", 0, [["x.test A"], ["x.test AAAA"]]),
    ("options single-request-reopen\n", 0, [["x.test A"], ["x.test AAAA"]]),
    ("options no-aaaa\n", 0, [["x.test A"]]),
    ("options no-aaaa\n", INET6, [["x.test A"]]),
]


@pytest.mark.parametrize(("resolv", "family", "expected"), ROUNDS)
def test_what_is_asked_together(resolv, family, expected):
    player = Player({"x.test A": "192.0.2.1", "x.test AAAA": "2001:db8::1"})
    try:
        player.run(quick(world(resolv), "x.test", family))
    except OSError:
        assert "no-aaaa" in resolv
    assert player.asked == expected


@pytest.mark.parametrize(("said", "rounds"), [("silent", 1), ("servfail", 1), ("nodata", 2), ("nx", 2)])
def test_single_request_sends_the_second_question_after_an_answer_to_the_first(said, rounds):
    player = Player({"x.test A": said, "x.test AAAA": "2001:db8::1"})
    with contextlib.suppress(OSError):
        player.run(quick(world("options single-request\n"), "x.test", 0))
    assert len(player.asked) == rounds
