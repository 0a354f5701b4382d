"""Which outcome of a member ends a chain and which has the next one asked; members are static engines and functions."""

import _socket

import pytest

from celadon.resolver import ResolveError
from celadon.resolver.engines.static import make_static
from celadon.resolver.errors import Kind, ResolverUnavailable
from celadon.resolver.resolvers.calls import CallResolver
from celadon.resolver.resolvers.resolver_chain import ChainResolver, goes_on
from celadon.resolver.resolvers.stub import StubResolver

from ..player import world

GOES_ON = {
    **dict.fromkeys(("NOT_MINE", "TIMEOUT", "NETWORK", "SERVFAIL", "REFUSED", "FORMERR", "NOTIMP"), True),
    **dict.fromkeys(("CANCELLED", "UNSUPPORTED"), True),
    **dict.fromkeys(("NXDOMAIN", "NODATA", "ILLEGAL", "ARGUMENT", "BLOCKED"), False),
    **dict.fromkeys(("BOGUS", "INDETERMINATE"), False),  # another resolver would only hide what is wrong
    "OTHER": True,  # EAI_AGAIN, unless a code says otherwise
}


def test_every_kind():
    assert {kind.name: goes_on(ResolveError(kind, "x.test")) for kind in Kind} == GOES_ON
    assert not any(goes_on(ResolveError(kind, "x.test", final=True)) for kind in Kind)


# Errors of resolvers that know nothing of kinds: libc's, a program's.
OTHERS = [
    (ResolveError(Kind.OTHER, "x.test", code=-2), False),
    (_socket.gaierror(-3, "again"), True),
    (_socket.gaierror(-4, "fail"), True),
    (_socket.gaierror(-11, "system"), True),
    (_socket.gaierror(-2, "no such name"), False),
    (_socket.gaierror(-5, "no address"), False),
    (_socket.herror(2, "again"), True),
    (_socket.herror(3, "fail"), True),
    (_socket.herror(1, "no such host"), False),
    (_socket.herror(4, "no address"), False),
    (ResolverUnavailable("no library"), True),
    (OSError(16, "busy"), False),
]


@pytest.mark.parametrize(("error", "expected"), OTHERS, ids=repr)
def test_errors_without_a_kind(error, expected):
    assert goes_on(error) == expected


class Member(CallResolver):
    """A resolver whose every lookup comes to the same: a value, or an error to raise."""

    def __init__(self, outcome):
        self.outcome = outcome
        self.asked = 0

    def call(self, call):
        self.asked += 1
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def close(self):
        self.asked = -1


def error(kind, **more):
    return ResolveError(kind, "x.test", **more)


# the members' outcomes -> what the chain's is, and how many members are asked
CHAINS = [
    (["192.0.2.1", "192.0.2.2"], "192.0.2.1", 1),
    ([error(Kind.NOT_MINE), "192.0.2.2"], "192.0.2.2", 2),
    ([error(Kind.TIMEOUT), error(Kind.SERVFAIL), "192.0.2.3"], "192.0.2.3", 3),
    ([error(Kind.NXDOMAIN), "192.0.2.2"], Kind.NXDOMAIN, 1),
    ([error(Kind.TIMEOUT, final=True), "192.0.2.2"], Kind.TIMEOUT, 1),
    # the last error counts, but for one that says that the name is not its own
    ([error(Kind.TIMEOUT), error(Kind.REFUSED)], Kind.REFUSED, 2),
    ([error(Kind.TIMEOUT), error(Kind.NOT_MINE)], Kind.TIMEOUT, 2),
    ([error(Kind.NOT_MINE), error(Kind.NOT_MINE)], Kind.NOT_MINE, 2),
    ([ResolverUnavailable("no library"), "192.0.2.2"], "192.0.2.2", 2),
    ([ValueError("a fault in the program"), "192.0.2.2"], ValueError, 1),
]


@pytest.mark.parametrize(("outcomes", "expected", "asked"), CHAINS)
def test_who_is_asked_and_what_comes_of_it(outcomes, expected, asked):
    members = [Member(one) for one in outcomes]
    chain = ChainResolver(members)
    if isinstance(expected, str):
        assert chain.gethostbyname("x.test") == expected
    else:
        with pytest.raises((ResolveError, ValueError)) as caught:
            chain.gethostbyname("x.test")
        assert expected in (type(caught.value), getattr(caught.value, "kind", None))
    assert [one.asked for one in members] == [1] * asked + [0] * (len(members) - asked)
    chain.close()
    assert [one.asked for one in members] == [-1] * len(members)


def test_policies_over_static_engines():
    """NXDOMAIN of the first zone is an answer, although the second one knows the name."""
    first = StubResolver("one", lambda config: make_static({"one.test": {"A": ["192.0.2.1"]}}), world)
    second = StubResolver("two", lambda config: make_static({"two.test": {"A": ["192.0.2.2"]}}), world)
    chain = ChainResolver([first, second])
    assert chain.getaddrinfo("one.test", 80, 2, 1)[0][4] == ("192.0.2.1", 80)
    assert chain.gethostbyname_ex("one.test") == ("one.test", [], ["192.0.2.1"])
    with pytest.raises(ResolveError) as caught:
        chain.gethostbyname("two.test")
    assert caught.value.kind is Kind.NXDOMAIN
    chain.close()
