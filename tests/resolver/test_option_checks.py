"""One check of a resolver's options, wherever they are given: before anything changes, in one line that helps."""

import pytest

from celadon import patch_all, resolver
from celadon.green import report
from celadon.resolver import CrawlerResolver, ResolverConfigError


def scoped(name=None, **options):
    with resolver.scope(name, **options):
        raise AssertionError("must not get here")


DOORS = {
    "make": resolver.make,
    "use": resolver.use,
    "scope": scoped,
    "patch_all": patch_all,
    "CrawlerResolver": CrawlerResolver,
}
WRONG = [
    ({"servers": []}, "servers: the list is empty"),
    ({"servers": [5]}, "servers: 5 "),
    ({"servers": 5}, "servers: 5 "),
    ({"servers": ["nowhere"]}, "'nowhere' is not an IP address"),
    ({"timeout": 0}, "timeout: 0 "),
    ({"timeout": "soon"}, "timeout: 'soon' "),
    ({"timeout": float("nan")}, "timeout: nan "),
    ({"timeout": True}, "timeout: True "),
    ({"attempts": 0}, "attempts: 0 "),
    ({"attempts": 1.5}, "attempts: 1.5 "),
    ({"attempts": "many"}, "attempts: 'many' "),
    ({"deadline": -1}, "deadline: -1 "),
    ({"deadline": "late"}, "deadline: 'late' "),
    ({"search": 5}, "search: 5 "),
    ({"search": [5]}, "search: 5 "),
    ({"cache": -1}, "cache: "),
    ({"cache": {"entires": 5}}, "cache: "),
    ({"concurrency": 0}, "concurrency: 0 "),
    ({"rate": "fast"}, "limits are numbers"),
    ({"special_names": "no"}, "special_names: 'no' "),
    ({"nul": 1}, "nul: 1 "),
    ({"cname_order": "up"}, "cname_order: 'up' "),
    ({"idna": 2001}, "idna: 2001 "),
    ({"overrides": 5}, "overrides: 5 "),
    ({"overrides": {"a.test": [5]}}, "overrides: 5 "),
    ({"overrides": {"a.test": ["192.0.2.1", "b.test"]}}, "'b.test' (given for 'a.test') is not an IP address"),
]


@pytest.fixture(autouse=True)
def untouched():
    resolver.reset()
    before = resolver.current()
    yield
    assert resolver.current() is before
    assert report().patched == ()
    resolver.reset()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("options", "says"), WRONG, ids=str)
def test_a_value_that_cannot_be(door, options, says):
    with pytest.raises(ResolverConfigError) as caught:
        DOORS[door]("python", **options)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("door", DOORS)
def test_an_unknown_option(door):
    with pytest.raises(TypeError, match=r"did you mean servers\?$") as caught:
        DOORS[door]("python", server="127.0.0.1")
    assert "'server'" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(TypeError, match=r"no option 'xyzzy'; it takes .*timeout"):
        DOORS[door]("python", xyzzy=1)


@pytest.mark.parametrize("door", DOORS)
def test_an_unknown_resolver(door):
    with pytest.raises(ResolverConfigError, match=r"unknown resolver 'pyhton'; did you mean python\?"):
        DOORS[door]("pyhton")
    with pytest.raises(ResolverConfigError, match=r"choose auto, ares, python, thread, block or pkg\.mod:obj"):
        DOORS[door]("xyzzy")


def test_guard_misspelt():
    with pytest.raises(TypeError, match="CrawlerResolver: no option 'gaurd'; did you mean guard"):
        CrawlerResolver("python", gaurd=False)


@pytest.mark.parametrize("value", ["nope", "python+x", "python,nope", "no_such_module:thing"])
def test_the_environment_s_resolver(monkeypatch, value):
    monkeypatch.setenv("CELADON_RESOLVER", value)
    with pytest.raises(ResolverConfigError, match=r"^CELADON_RESOLVER="):
        resolver.make()
    with pytest.raises(ResolverConfigError, match=r"^CELADON_RESOLVER="):
        resolver.use(timeout=2)
