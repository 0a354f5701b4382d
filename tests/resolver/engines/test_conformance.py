"""One conformance suite for all engines and resolvers: the public one, so that it is tested as well."""

import json
from pathlib import Path

import pytest

from celadon import resolver
from celadon.resolver.engines.static import StaticEngine, make_static
from celadon.resolver.model import Answer
from celadon.resolver.registry import make_engine
from celadon.resolver.testing import ZONE, check_dns_engine, check_engine, check_resolver

GOLDEN = json.loads((Path(__file__).parents[3] / "fixtures" / "golden" / "libc.json").read_text())
# Bugs that are known and not mended yet. A row that holds by now fails the suite: take it out then.
LIBC_BUGS = {
    "gethostbyname_ex('<broadcast>')": "libc's number is what an earlier lookup left in h_errno; ours is always 1",
}
RESOLVER_BUGS = {"ares": LIBC_BUGS, "python": LIBC_BUGS}


@pytest.mark.parametrize("name", ["ares", "python"])
def test_engines_that_ask_servers(name):
    check_dns_engine(lambda config: make_engine(name, config))


def test_the_static_engine():
    assert len(check_engine(lambda: make_static(ZONE))) >= 7


@pytest.mark.parametrize("name", ["ares", "python", "thread", "block"])
def test_resolvers_against_libc(name):
    bugs = RESOLVER_BUGS.get(name, {})
    passed = check_resolver(
        lambda servers: resolver.make(name, servers=servers, timeout=1, attempts=1), GOLDEN["rows"], wanted=bugs
    )
    assert len(passed) == len(GOLDEN["rows"]) - len(bugs)


class _Hasty(StaticEngine):
    def submit(self, question, done):
        done(self.lookup(question))
        return lambda: None


class _Forgetful(StaticEngine):
    def lookup(self, question):
        return Answer(question, 0)


class _Stubborn(StaticEngine):
    def submit(self, question, done):
        super().submit(question, done)
        return lambda: None


@pytest.mark.parametrize(
    ("engine", "case"),
    [(_Hasty, "done comes once and later"), (_Forgetful, "answers"), (_Stubborn, "cancelled is silent")],
)
def test_the_suite_bites(engine, case):
    with pytest.raises(AssertionError, match=case):
        check_engine(lambda: engine(ZONE))


def test_the_golden_check_bites():
    wrong = [{"call": "gethostbyname", "args": ["a.test"], "outcome": "192.0.2.99"}]
    with pytest.raises(AssertionError, match=r"gethostbyname\('a.test'\)"):
        check_resolver(lambda servers: resolver.make("python", servers=servers), wrong)
