"""The search list: which names are asked, in which order, what stops it, and what its failure is called.

The rows are glibc's res_nsearch and res_nquerydomain (resolver(3), resolv.conf(5)).
"""

import pytest

from celadon.resolver.answers.cache import Cache
from celadon.resolver.engines.static import make_static
from celadon.resolver.policy.explain import steps
from celadon.resolver.policy.search import HOST_NOT_FOUND, NO_DATA, NO_RECOVERY, TRY_AGAIN, search
from celadon.resolver.policy.sources import ask
from celadon.resolver.resolvers.stub import StubResolver
from celadon.resolver.system.world import Source

from ..player import Player, world

ONE_TWO = "search one.test two.test\n"


def names(name, resolv, zone=(), **files):
    """The names that a lookup asks for while nothing is found, and the result."""
    player = Player(zone)
    result = player.run(search(world(resolv, **files), name, (1,)))
    return player.names, result


# resolv.conf, name -> the names that are asked while none is there
ORDER = [
    # no search list
    ("", "www", ["www"]),
    ("", "www.example", ["www.example"]),
    ("options no-tld-query\n", "www", ["www"]),
    # ndots
    (ONE_TWO, "www", ["www.one.test", "www.two.test", "www"]),
    (ONE_TWO, "www.example", ["www.example", "www.example.one.test", "www.example.two.test"]),
    (ONE_TWO + "options ndots:2\n", "a.b", ["a.b.one.test", "a.b.two.test", "a.b"]),
    (ONE_TWO + "options ndots:2\n", "a.b.c", ["a.b.c", "a.b.c.one.test", "a.b.c.two.test"]),
    (ONE_TWO + "options ndots:0\n", "www", ["www", "www.one.test", "www.two.test"]),
    # a final dot ends the search before it begins, whatever ndots says
    (ONE_TWO, "www.", ["www"]),
    (ONE_TWO + "options ndots:5\n", "a.b.", ["a.b"]),
    # no-tld-query is about names without a dot and where something was searched
    (ONE_TWO + "options no-tld-query\n", "www", ["www.one.test", "www.two.test"]),
    (ONE_TWO + "options no-tld-query ndots:2\n", "a.b", ["a.b.one.test", "a.b.two.test", "a.b"]),
    (ONE_TWO + "options no-tld-query ndots:0\n", "www", ["www", "www.one.test", "www.two.test"]),
    (ONE_TWO + "options no-tld-query\n", "www.", ["www"]),
    # the root in the list is the name as it stands
    ("search .\n", "www", ["www"]),
    ("search one.test .\n", "www", ["www.one.test", "www"]),
    ("search . one.test\n", "www", ["www", "www.one.test"]),
    ("search .\n", "a.b", ["a.b", "a.b"]),
    ("search one.test .\noptions no-tld-query\n", "www", ["www.one.test", "www"]),
    # the last of the lines counts
    ("search one.test\ndomain two.test\n", "www", ["www.two.test", "www"]),
    ("search one.test\nsearch\n", "www", ["www.one.test", "www"]),
]


@pytest.mark.parametrize(("resolv", "name", "expected"), ORDER)
def test_which_names_are_asked(resolv, name, expected):
    assert names(name, resolv)[0] == expected


def told(name, resolv, **files):
    """The names that explain says DNS would be asked for."""
    lines = [one for one in steps(world(resolv, **files), name, None, 0.0) if one.startswith("DNS: ")]
    first, *rest = lines
    return [first.partition(" for ")[2].partition(", of ")[0], *(one.rpartition(" ")[2] for one in rest)]


@pytest.mark.parametrize(("resolv", "name", "expected"), ORDER)
def test_explain_says_what_a_lookup_does(resolv, name, expected):
    assert told(name, resolv) == list(dict.fromkeys(expected))


@pytest.mark.parametrize(("resolv", "name", "expected"), ORDER)
def test_discard_forgets_under_every_name_that_a_lookup_asks(resolv, name, expected):
    zone = {one: {"A": ["192.0.2.1", "192.0.2.2"]} for one in expected}
    made = StubResolver("static", lambda config: make_static(zone), lambda: world(resolv), cache=Cache())
    for one in expected:
        made.gethostbyname(one + ".")
    made.discard(name, "192.0.2.1")
    assert [made.gethostbyname_ex(one + ".")[2] for one in expected] == [["192.0.2.2"]] * len(expected)
    made.close()


def test_hostaliases_is_the_same_rule_for_lookup_explain_and_discard():
    """hostname(7): for a name without a dot, before the search list; twice if the alias itself has an alias."""
    for aliases, expected in (
        ("www other.example\n", ["other.example", "other.example.one.test"]),
        ("www other.example.\n", ["other.example"]),
        ("www other\nother third.example\n", ["third.example"]),
        ("www other\n", ["other.one.test", "other"]),
    ):
        player = Player()
        player.run(ask(world("search one.test\n", aliases=aliases), Source("dns"), "www", (2,)))
        assert player.names == expected, aliases
        assert told("www", "search one.test\n", aliases=aliases) == expected, aliases


# What stops the search: zone, the names that are asked, h_errno, status. The list is one.test, two.test.
STOPS = [
    ({}, ["www.one.test", "www.two.test", "www"], HOST_NOT_FOUND, "notfound"),
    # NODATA goes on, and is what the failure is called if nothing is found behind it
    ({"www.one.test": "nodata"}, ["www.one.test", "www.two.test", "www"], NO_DATA, "notfound"),
    ({"www.two.test": "nodata", "www": "servfail"}, ["www.one.test", "www.two.test", "www"], NO_DATA, "unavail"),
    # SERVFAIL goes on, and counts less than NODATA
    ({"www.one.test": "servfail"}, ["www.one.test", "www.two.test", "www"], TRY_AGAIN, "notfound"),
    (
        {"www.one.test": "servfail", "www.two.test": "nodata"},
        ["www.one.test", "www.two.test", "www"],
        NO_DATA,
        "notfound",
    ),
    # any other failure ends the list, and the name itself is still asked
    ({"www.one.test": "silent"}, ["www.one.test", "www"], HOST_NOT_FOUND, "notfound"),
    ({"www.one.test": "refused"}, ["www.one.test", "www"], HOST_NOT_FOUND, "notfound"),
    ({"www.one.test": "formerr"}, ["www.one.test", "www"], HOST_NOT_FOUND, "notfound"),
    ({"www.one.test": "rcode9"}, ["www.one.test", "www"], HOST_NOT_FOUND, "notfound"),
    ({"www.one.test": "silent", "www": "nodata"}, ["www.one.test", "www"], NO_DATA, "notfound"),
    # a port where nobody listens ends everything
    ({"www.one.test": "unreachable"}, ["www.one.test"], TRY_AGAIN, "unavail"),
]


@pytest.mark.parametrize(("zone", "asked", "h_errno", "status"), STOPS)
def test_what_stops_the_search(zone, asked, h_errno, status):
    found, result = names("www", ONE_TWO, zone)
    assert (found, result.h_errno, result.status) == (asked, h_errno, status)


def test_a_search_that_ends_before_the_root_asks_for_the_name_itself():
    """res_nsearch remembers that it came to the root, not that the root is in the list."""
    for resolv, zone, expected in (
        ("search one.test .\n", {"www.one.test": "silent"}, ["www.one.test", "www"]),
        ("search one.test . two.test\n", {"www.one.test": "silent"}, ["www.one.test", "www"]),
        ("search . one.test\n", {"www.one.test": "silent"}, ["www", "www.one.test"]),
        ("search one.test .\noptions no-tld-query\n", {"www.one.test": "silent"}, ["www.one.test"]),
    ):
        assert names("www", resolv, zone)[0] == expected, resolv


def test_the_first_answer_of_the_name_as_it_stands_is_what_the_failure_is_called():
    asked, result = names("a.b", ONE_TWO, {"a.b": "nodata", "a.b.one.test": "servfail"})
    assert asked == ["a.b", "a.b.one.test", "a.b.two.test"]
    assert (result.h_errno, result.status) == (NO_DATA, "notfound")


def test_names_that_do_not_fit():
    """They are not asked; res_nmkquery's failure is NO_RECOVERY, which ends the list."""
    assert names("a..b", ONE_TWO)[0] == []
    assert names("a..b", ONE_TWO)[1].h_errno == NO_RECOVERY
    assert names("x" * 64, ONE_TWO)[0] == []
    long = ".".join(["a" * 49] * 5)  # 249 characters: fits, but not with a domain behind it
    assert names(long, ONE_TWO)[0] == [long]
    assert names("..", ONE_TWO)[1].h_errno == NO_RECOVERY
    assert names("", ONE_TWO)[0] == [""]  # .one.test is none; the root is
