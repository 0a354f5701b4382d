"""A bound in time around each call of any resolver, on a clock that the test moves."""

import pytest

from celadon.hub import get_hub, sleep
from celadon.hub.testing import MockClock
from celadon.resolver import Question, ResolveError
from celadon.resolver.errors import Kind
from celadon.resolver.resolvers.deadline import Bounded


class Slow:
    """A resolver that takes ``seconds`` for everything, and says which call it was."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.closed = False

    def __getattr__(self, name):
        def call(*args):
            sleep(self.seconds)
            return name

        return call

    def close(self):
        self.closed = True


CALLS = [
    ("getaddrinfo", ("x.test", 80)),
    ("getnameinfo", (("192.0.2.1", 80), 0)),
    ("gethostbyname", ("x.test",)),
    ("gethostbyname_ex", ("x.test",)),
    ("gethostbyaddr", ("192.0.2.1",)),
    ("query", (Question("x.test", 1),)),
]


@pytest.mark.parametrize(("call", "args"), CALLS)
def test_every_call_has_the_bound(call, args):
    with MockClock():
        began = get_hub().now()
        with pytest.raises(ResolveError) as caught:
            getattr(Bounded(Slow(10), 2.5, owned=False), call)(*args)
        assert caught.value.kind is Kind.TIMEOUT
        assert caught.value.errno == -3
        assert get_hub().now() - began == pytest.approx(2.5)


def test_one_that_is_in_time_is_left_alone():
    with MockClock():
        assert str(Bounded(Slow(2), 2.5, owned=False).gethostbyname("x.test")) == "gethostbyname"


@pytest.mark.parametrize("owned", [True, False])
def test_close_is_passed_on_to_what_it_owns(owned):
    inner = Slow(1)
    Bounded(inner, 1, owned).close()
    assert inner.closed == owned
